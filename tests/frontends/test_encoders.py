"""Encoders that draw random numbers are cut off, and the note says so; regular ones are compiled."""

from pathlib import Path

import numpy as np
import pytest

from compiler.diagnostics import DiagnosticError
from compiler.frontends.encoders import Cut
from compiler.settings import Settings
from spark.nn.brain import Brain, ModuleSpecs, PortMap
from spark.nn.interfaces import LinearSpiker, PoissonSpiker
from spark.nn.neurons import LIFNeuron

TEXT = """
import numpy as np
from spark.nn.brain import Brain, ModuleSpecs, PortMap
from spark.nn.interfaces import PoissonSpiker
from spark.nn.neurons import LIFNeuron

model = Brain(inputs={"signal": 5}, outputs={"output": PortMap("hid", "out_spikes")}, modules=[
    ModuleSpecs("coder", PoissonSpiker(max_freq=300.0), {"signal": PortMap("__call__", "signal")}),
    ModuleSpecs("hid", LIFNeuron(units=(4,), inhibitory_rate=0.0), {"in_spikes": PortMap("coder", "spikes")})])
calibration = {"signal": np.random.default_rng(0).random((3, 50, 5))}
"""


def brain(encoder, **outputs) -> Brain:
    return Brain(inputs={"signal": 5}, outputs={"output": PortMap("hid", "out_spikes"), **outputs}, modules=[
        ModuleSpecs("coder", encoder, {"signal": PortMap("__call__", "signal")}),
        ModuleSpecs("hid", LIFNeuron(units=(4,), inhibitory_rate=0.0, synapses__scale=3000.0),
                    {"in_spikes": PortMap("coder", "spikes")})])


def test_a_brain_without_its_random_encoder_does_the_same_with_the_encoders_spikes():
    whole = brain(PoissonSpiker(max_freq=300.0))
    cut = Cut(whole, "model")
    signal = np.random.default_rng(0).random((40, 5))
    spikes = cut.encoded({"signal": signal})
    assert spikes.keys() == {"coder"} and cut.notes[0].startswith("coder (PoissonSpiker)")
    expected, found = whole.run(signal)[0]["output"], cut.module.run(spikes["coder"])[0]["output"]
    assert np.any(expected) and np.array_equal(expected, found)


def test_regular_encoders_are_part_of_the_network():
    cut = Cut(brain(LinearSpiker(max_freq=300.0)), "model")
    assert not cut.notes and "coder" in cut.module.children()


def test_a_source_with_a_random_encoder_begins_at_its_spikes(tmp_path: Path):
    path = tmp_path / "net.py"
    path.write_text(TEXT)
    source = Settings().load(str(path))
    assert [item.name for item in source.network.inputs] == ["coder"] and "cut off" in source.notes[0]
    assert source.calibration is not None and set(np.unique(source.calibration["coder"])) == {0, 1}


def test_spikes_of_a_random_encoder_that_are_an_output_are_refused():
    with pytest.raises(DiagnosticError, match="E127.*are an output"):
        Cut(brain(PoissonSpiker(), drawn=PortMap("coder", "spikes")), "model")


def test_a_random_encoder_behind_a_module_is_refused():
    behind = Brain(inputs={"signal": 5}, outputs={"output": PortMap("hid", "out_spikes")}, modules=[
        ModuleSpecs("first", LinearSpiker(), {"signal": PortMap("__call__", "signal")}),
        ModuleSpecs("coder", PoissonSpiker(), {"signal": PortMap("first", "spikes")}),
        ModuleSpecs("hid", LIFNeuron(units=(4,), inhibitory_rate=0.0), {"in_spikes": PortMap("coder", "spikes")})])
    with pytest.raises(DiagnosticError, match="E127.*a module before it"):
        Cut(behind, "model")
