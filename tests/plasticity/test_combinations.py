"""Every neuron × synapse × delay × rule: runs, resets, saves, loads, batches, jits, has gradients, and compiles.

A combination counts only if it spikes, its weights change where it learns, and all engines agree. `cores` runs those
that do not learn; for the others it says what is missing.
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from compiler import chips, interpreter
from compiler.certificates import certificate, checker
from compiler.checking.source_check import verify as verify_source
from compiler.frontends.lower import lower
from compiler.options import Options
from compiler.passes import partition, place, retime, route
from spark.core.module import SparkModule
from spark.core.serialization import load, save
from spark.nn.components import delays, learning_rules, synapses
from spark.nn.neurons import AdExNeuron, ALIFNeuron, CubaLIFNeuron, IFNeuron, IzhikevichNeuron, LIFNeuron
from targets import cores, jax_fixed
from targets.cores import emulator
from tests.plasticity.small import PRE, fixed_of, learning, stimulus
from tests.targets.cores.mapping import arrays_of, records_of
from tests.targets.cores.mapping import differing as differing_arrays
from tests.targets.jax_fixed.programs import differing, golden

NEURONS = {"LIF": (LIFNeuron, 2000.0), "ALIF": (ALIFNeuron, 4000.0), "AdEx": (AdExNeuron, 600.0),
           "CubaLIF": (CubaLIFNeuron, 2000.0), "IF": (IFNeuron, 1000.0), "Izhikevich": (IzhikevichNeuron, 20.0)}
SYNAPSES = {"Linear": synapses.LinearSynapsesConfig, "Traced": synapses.TracedSynapsesConfig,
            "RDTraced": synapses.RDTracedSynapsesConfig, "RFSTraced": synapses.RFSTracedSynapsesConfig}
DELAYS = {"none": None, "N": delays.NDelaysConfig, "N2N": delays.N2NDelaysConfig}
RULES = {"none": None, "Hebbian": learning_rules.HebbianRuleConfig, "Oja": learning_rules.OjaRuleConfig,
         "STDP": learning_rules.STDPRuleConfig, "ThreeFactor": learning_rules.ThreeFactorHebbianRuleConfig,
         "Quadruplet": learning_rules.QuadrupletRuleConfig, "Zenke": learning_rules.ZenkeRuleConfig}
STRENGTH = {"Linear": 2.0, "Traced": 1.0, "RDTraced": 2.0, "RFSTraced": 2.0}

ALL = list(itertools.product(NEURONS, SYNAPSES, DELAYS, RULES))
SAMPLE = [("LIF", "RDTraced", "N2N", "STDP"), ("Izhikevich", "RFSTraced", "N", "none")]


def built(neuron: str, synapse: str, delay: str, rule: str) -> SparkModule:
    kind, scale = NEURONS[neuron]
    delayed, ruled = DELAYS[delay], RULES[rule]
    return learning(None if ruled is None else ruled(), kind, synapses=SYNAPSES[synapse](),
                    synapses__scale=scale * STRENGTH[synapse],
                    delays=None if delayed is None else delayed(max_delay=3.0))


def rows_for(module: SparkModule, steps: int = 30, batch: int | None = None) -> dict[str, np.ndarray]:
    rng, size = np.random.default_rng(0), () if batch is None else (batch,)
    rows = {"in_spikes": (rng.random((*size, steps, PRE)) < 0.5).astype(np.float32)}
    if module.learning_rule is not None:  # type: ignore[attr-defined]
        rows["modulation"] = (rng.random((*size, steps)) < 0.5).astype(np.float32)
    return rows


def check_library(module: SparkModule) -> None:
    """It runs, resets, saves, loads, batches, jits, and has finite gradients."""
    rows = rows_for(module)
    outputs, state = module.run(rows)
    assert np.asarray(outputs["out_spikes"]).any()
    with tempfile.TemporaryDirectory() as folder:
        save(module, Path(folder) / "neuron")
        again = load(Path(folder) / "neuron")
    np.testing.assert_array_equal(again.run(rows)[0]["out_spikes"], outputs["out_spikes"])
    module.reset()
    np.testing.assert_array_equal(module.run(rows)[0]["out_spikes"], outputs["out_spikes"])
    batched, _ = module.run({name: np.stack([value, value]) for name, value in rows.items()})
    np.testing.assert_array_equal(np.asarray(batched["out_spikes"])[1], outputs["out_spikes"])
    if "kernel" in state:
        assert (np.asarray(state["kernel"]) != np.asarray(module.initial_state()["kernel"])).any()


def check_gradients(module: SparkModule) -> None:
    """Of the spikes, jitted, through the surrogate."""
    rows = {name: jnp.asarray(value) for name, value in rows_for(module, 8).items()}

    @jax.jit
    def loss(kernel):
        params = {**module.params, "synapses": {**module.params["synapses"], "kernel": kernel}}
        state = dict(module.initial_state())
        if "kernel" in state:
            state["kernel"] = kernel
        _, outputs = jax.lax.scan(lambda carry, row: module.step(carry, row, params), state, rows)
        return jnp.sum(outputs["out_spikes"])

    kernel = jnp.asarray(module.params["synapses"]["kernel"], jnp.float32)
    assert np.isfinite(np.asarray(jax.grad(loss)(kernel))).all()


def check_engines(module: SparkModule) -> None:
    """Source = model = golden = program, and cores where the chip has the parts."""
    lowered = lower(module)
    assert verify_source(module, lowered, [stimulus(lowered.network, 2, 30)]).equal != "different"
    assert interpreter.run(lowered.network, stimulus(lowered.network, 2, 30)).outputs["output"].any()
    network = fixed_of(module)
    assert not checker.check(network, certificate.build(network))
    inputs = stimulus(network, 2, 30)
    expected = golden(network, inputs)
    assert expected.outputs["output"].any()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, data in jax_fixed.emit(network).items():
            (folder / path).write_bytes(data)
        found = jax_fixed.run(folder, inputs, None, list(expected.records))
    assert differing(expected, found) == []
    for name in [item for item in expected.records if item.endswith(".synapse.w")]:
        assert (expected.records[name][:, -1] != expected.records[name][:, 0]).any(), name
    check_cores(network, inputs)


def check_cores(network, inputs) -> None:
    chip = chips.load("generic")
    findings = cores.check(network, chip)
    if any(item.synapse is not None for item in network.projections):
        assert findings and {item.code for item in findings} <= {"E413", "E403", "E405"}
        assert any("weights that do not change" in item.expected for item in findings)
        return
    assert not findings
    options = Options(chip=chip)
    mapped = retime.run(network, options)
    for step in (partition, place, route):
        mapped = step.run(mapped, options)
    from targets.cores.emission import emit

    with tempfile.TemporaryDirectory() as name:
        for path, data in emit(mapped, chip).items():
            (Path(name) / path).parent.mkdir(exist_ok=True, parents=True)
            (Path(name) / path).write_bytes(data)
        record = records_of(network)
        from compiler import reference

        expected = arrays_of(reference.run(network, inputs, record=record))
        assert differing_arrays(expected, emulator.run(Path(name), inputs, {}, record)) == []


def check(neuron: str, synapse: str, delay: str, rule: str) -> None:
    module = built(neuron, synapse, delay, rule)
    check_library(module)
    check_gradients(module)
    check_engines(module)


@pytest.mark.parametrize("combination", SAMPLE, ids="-".join)
def test_a_sample_of_combinations(combination):
    check(*combination)


@pytest.mark.slow
@pytest.mark.parametrize("combination", ALL, ids="-".join)
def test_every_combination(combination):
    check(*combination)
