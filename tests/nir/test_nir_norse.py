"""Exported plain graphs in norse: recorded spikes, and norse itself where there is an interpreter that has it.

`NORSE_PYTHON=/path/to/python pytest -m slow tests/nir/test_nir_norse.py` runs norse (torch 2.13.0, norse 1.1.0,
nirtorch 2.6); `norse_brain.npz` was recorded by `norse_runner.py` from the plain graph of `brain()`.
"""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from compiler import reference
from compiler.frontends.lower import lower
from compiler.input_files import integers_of
from compiler.nir import exporting
from compiler.options import Options
from compiler.pipeline import compile_source
from compiler.source import Source, load_source
from spark.nn.brain import Brain, ModuleSpecs, PortMap
from spark.nn.components.somas.leaky import LeakySomaConfig
from spark.nn.components.synapses.linear import LinearSynapsesConfig
from spark.nn.components.synapses.traced import TracedSynapsesConfig
from spark.nn.neurons import LIFNeuron

DATA = Path(__file__).parent.parent / "data" / "nir"
RUNNER = Path(__file__).parent / "norse_runner.py"
GRAPHS = {"braille_noDelay_bias_zero": "braille_zero_0", "braille_noDelay_noBias_subtract": "braille_subtract_0",
          "cnn_sinabs": "cnn_0", "lif_norse": "lif_0"}


def brain():
    """Twelve inputs, a layer with synaptic currents and feedback, five units that read it; nothing of it from NIR."""
    rng = np.random.default_rng(5)

    def neuron(units, inputs, synapses, scale):
        return LIFNeuron(units=(units,), dtype="float64", dt=0.1, inhibitory_rate=0.0, soma=LeakySomaConfig(
            potential_tau=rng.uniform(0.5, 2.0, units), potential_reset=-60.0, threshold=-50.0), synapses=synapses(
                kernel=rng.normal(0.3, 1.0, (units, inputs)), scale=scale))

    return Brain(inputs={"input": 12}, outputs={"output": PortMap("read", "out_spikes")}, modules=[
        ModuleSpecs("pool", neuron(16, 28, TracedSynapsesConfig, 12.0), {"in_spikes": [
            PortMap("__call__", "input", 0), PortMap("pool", "out_spikes", 1)]}),
        ModuleSpecs("read", neuron(5, 16, LinearSynapsesConfig, 60.0), {"in_spikes": [
            PortMap("pool", "out_spikes", 0)]})])


def case(name):
    """Source, inputs [T, *shape], reset as norse calls it."""
    if name == "brain":
        module = brain()
        rows = (np.random.default_rng(0).random((200, 12)) < 0.2).astype(np.uint8)
        return Source(Path("brain.py"), "model", "", lower(module), module=module), rows, "value"
    subtract = name.endswith("subtract")
    with np.load(DATA / f"{GRAPHS[name]}.npz") as file:
        rows = file["input"]
    return (load_source(DATA / f"{name}.nir", **({"reset": "subtract"} if subtract else {})), rows,
            "subtract" if subtract else "value")


def batched(rows):
    return {"input": rows.reshape(1, len(rows), -1)}


def test_a_brain_spikes_as_norse_does_with_its_plain_graph():
    source, rows, _ = case("brain")
    with np.load(DATA / "norse_brain.npz") as file:
        assert np.array_equal(file["input"], rows)
        assert np.array_equal(source.run(batched(rows)).outputs["output"][0], file["output"])
        assert 0.02 < file["output"].mean() < 0.9


@pytest.fixture
def norse(tmp_path):
    """Runs an export in norse."""
    interpreter = os.environ.get("NORSE_PYTHON") or ""
    if not shutil.which(interpreter):
        pytest.skip("NORSE_PYTHON names no interpreter that has norse")

    def run(export, rows, reset):
        path = exporting.write(export, tmp_path / "graph.nir", side=False)[0]
        np.savez(tmp_path / "inputs.npz", input=rows)
        words = [path, tmp_path / "inputs.npz", tmp_path / "outputs.npz", "1e-4", reset]
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        subprocess.run([interpreter, RUNNER, *map(str, words)], check=True, capture_output=True, env=environment)
        with np.load(tmp_path / "outputs.npz") as file:
            return file["output"]

    return run


@pytest.mark.slow
@pytest.mark.parametrize("name", ["brain", *GRAPHS])
def test_norse_spikes_as_the_source_does(norse, name):
    source, rows, reset = case(name)
    spikes = source.run(batched(rows)).outputs["output"][0]
    assert np.array_equal(norse(exporting.export_source(source, Options()), rows, reset), spikes)
    assert spikes.any()


@pytest.mark.slow
def test_norse_spikes_as_the_integers_do_where_nothing_is_rounded(norse):
    """A graph of integrate-and-fire units at fixed level."""
    source, rows, reset = case("cnn_sinabs")
    compiled = compile_source(source, Options(), checked=False)
    golden = reference.run(compiled.mapped, integers_of(compiled.mapped, batched(rows))).outputs["output"][0]
    assert np.array_equal(norse(exporting.export_network(compiled.mapped), rows, reset), golden)
