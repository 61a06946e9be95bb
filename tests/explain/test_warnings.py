"""Every warning of a compile, each from a network made for it, with the population or projection named."""

from dataclasses import replace

import numpy as np
import pytest

from compiler.pipeline import Compilation, compile_source
from compiler.settings import Settings
from compiler.source import Source
from spark.nn.brain import Brain, ModuleSpecs, PortMap
from spark.nn.components.synapses.linear import LinearSynapsesConfig
from spark.nn.neurons import IFNeuron, LIFNeuron

HEAD = "from tests.explain.test_warnings import {0}\n\nmodel = {0}()\n"


def neuron(kind: type, kernel: np.ndarray, inhibitory_rate: float = 0.0):
    """Units with these weights [post, pre]."""
    synapses = LinearSynapsesConfig(scale=400.0)
    made = kind(units=(len(kernel),), inhibitory_rate=inhibitory_rate, synapses=synapses).build(kernel.shape[1])
    made.params = made.params | {"synapses": made.params["synapses"] | {"kernel": kernel}}
    return made


def brain(**populations) -> Brain:
    """Populations side by side, all driven by four inputs."""
    wires = {"in_spikes": [PortMap("__call__", "input")]}
    modules = [ModuleSpecs(name, item, wires) for name, item in populations.items()]
    return Brain(inputs={"input": 4}, modules=modules,
                 outputs={f"{name}_out": PortMap(name, "out_spikes") for name in populations})


def extremes() -> Brain:
    """One population that nothing reaches, one that spikes all the time, one with weights of very different size."""
    uneven = np.full((3, 4), 0.001)
    uneven[:, 0] = 1.0
    return brain(quiet=neuron(LIFNeuron, np.full((3, 4), 1e-6)), loud=neuron(IFNeuron, np.full((3, 4), 60.0)),
                 uneven=neuron(LIFNeuron, uneven))


def unbounded() -> Brain:
    """Integrators without a leak that inhibitory units pull down for ever."""
    pulling = neuron(LIFNeuron, np.full((3, 4), 60.0), inhibitory_rate=1.0)
    return Brain(inputs={"input": 4}, outputs={"output": PortMap("deep", "out_spikes")}, modules=[
        ModuleSpecs("pulling", pulling, {"in_spikes": [PortMap("__call__", "input")]}),
        ModuleSpecs("deep", neuron(IFNeuron, np.ones((2, 3))), {"in_spikes": [PortMap("pulling", "out_spikes")]})])


def compiled(name: str, tmp_path, checked: bool = False, **options) -> Compilation:
    path = tmp_path / "model.py"
    path.write_text(HEAD.format(name))
    settings = Settings(chip="none")
    source: Source = settings.load(str(path))
    inputs = {"input": (np.random.default_rng(0).random((8, 40, 4)) < 0.9).astype(float)}
    return compile_source(source, replace(settings.options(source), calibration=inputs, **options), checked=checked)


def told(compilation: Compilation, code: str) -> list[str]:
    return [item.message for item in compilation.warnings if item.code == code]


@pytest.fixture(scope="module")
def extreme(tmp_path_factory) -> Compilation:
    return compiled("extremes", tmp_path_factory.mktemp("extremes"), checked=True)


def test_a_silent_population_is_named(extreme):
    assert told(extreme, "W302") == ["%quiet never spikes on the calibration data"]


def test_a_population_that_spikes_in_nearly_every_step_is_named(extreme):
    assert told(extreme, "W305") == ["%loud spikes in nearly every step"]


def test_dead_weights_are_named_with_their_population(tmp_path):
    [message] = [item for item in told(compiled("extremes", tmp_path, weight_bits=4), "W301") if "uneven" in item]
    assert message == "9 of 12 weights of input_uneven into %uneven became zero"


def test_units_that_no_weight_reaches_any_more_are_named(tmp_path):
    """Two projections into a population share its scale; the weak one is rounded away."""
    compilation = compiled("overpowered", tmp_path, weight_bits=4)
    assert told(compilation, "W306") == ["every weight of input_both_2 into 3 units of %both became zero"]


def overpowered() -> Brain:
    both = neuron(LIFNeuron, np.concatenate([np.full((3, 4), 1.0), np.full((3, 4), 1e-6)], axis=1))
    return Brain(inputs={"input": 4}, outputs={"output": PortMap("both", "out_spikes")}, modules=[
        ModuleSpecs("both", both, {"in_spikes": [PortMap("__call__", "input"), PortMap("__call__", "input", 2)]})])


def test_a_state_that_saturates_is_named(tmp_path):
    messages = told(compiled("unbounded", tmp_path, state_bits=12), "W303")
    assert "v of %deep saturates" in messages


def test_a_threshold_lost_in_rounding_is_named(tmp_path):
    compilation = compiled("extremes", tmp_path, state_fraction=-18)
    assert any("theta of %" in message and "lost in rounding" in message for message in told(compilation, "W304"))


def test_a_threshold_far_from_what_was_asked_is_named(tmp_path):
    compilation = compiled("extremes", tmp_path, state_fraction=-7)
    assert any("theta of %" in message and "is off by" in message for message in told(compilation, "W304"))
