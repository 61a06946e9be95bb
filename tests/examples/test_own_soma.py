"""A soma of a user's own, in one file outside of the library, does all that spark's do."""

import importlib
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import spark
from compiler.pipeline import compile_source
from compiler.settings import Settings
from spark.core.config import ConfigError, SparkConfig
from spark.core.simulation import scan_steps
from spark.core.tree import flatten

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def own():
    sys.path.insert(0, str(EXAMPLES))
    return importlib.import_module("own_soma")


def spikes(steps=120, seed=0):
    return (np.random.default_rng(seed).random((steps, 40)) < 0.1).astype(np.float32)


def test_it_runs_batches_jits_and_resets(own):
    model = own.model()
    one = model.run(spikes())
    assert 0 < np.mean(one[0]["output"]) < 0.5
    batch = model.run(np.stack([spikes(), spikes(seed=1)]))
    np.testing.assert_array_equal(batch[0]["output"][0], one[0]["output"])
    structure, params, state = spark.split(model)
    _, outputs = jax.jit(lambda x: scan_steps(structure.step, state, {"input": x}, params))(jnp.asarray(spikes()))
    np.testing.assert_array_equal(outputs["output"], one[0]["output"])
    stateful = np.array([np.asarray(model(row)["output"].value) for row in spikes(40)])
    np.testing.assert_array_equal(stateful, one[0]["output"][:40])
    model.reset()
    for path, leaf in flatten(model.state).items():
        np.testing.assert_array_equal(leaf, flatten(model.initial_state())[path])


def test_it_is_saved_and_loaded_and_its_configuration_too(own, tmp_path):
    model = own.model()
    spark.save(model, tmp_path / "model.npz")
    again = spark.load(tmp_path / "model.npz")
    np.testing.assert_array_equal(again.run(spikes())[0]["output"], model.run(spikes())[0]["output"])
    config = own.QuadraticSomaConfig(units=(3,), tau=12.0)
    config.write(tmp_path / "soma.scfg")
    assert SparkConfig.read(tmp_path / "soma.scfg") == config


def test_its_bounds_are_checked_as_spark_does(own):
    with pytest.raises(ConfigError, match="tau = -1.0: must be > 0 ms"):
        own.QuadraticSomaConfig(tau=-1)


def test_its_spikes_have_gradients(own):
    model = own.model()
    params, state = model.device_params(), model._device_state()

    def total(kernel):
        first = params["layer_0"] | {"synapses": params["layer_0"]["synapses"] | {"kernel": kernel}}
        return jnp.sum(scan_steps(model.step, state, {"input": jnp.asarray(spikes())}, params | {"layer_0": first})[1][
            "output"])

    gradient = jax.grad(total)(params["layer_0"]["synapses"]["kernel"])
    assert np.all(np.isfinite(gradient)) and np.any(gradient != 0)


def test_it_compiles_and_every_engine_agrees(own):
    chosen = Settings()
    loaded = chosen.load(str(EXAMPLES / "own_soma.py"))
    verdicts = compile_source(loaded, chosen.options(loaded), chosen.target).verdicts
    assert {item.stage: item.equal for item in verdicts if "→" not in item.stage} == {
        "certificate": "equal", "source = model": "equal", "fixed = program": "equal", "fixed = cores": "equal"}
