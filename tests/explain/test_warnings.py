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


def test_dead_weights_are_counted_among_those_that_exist(tmp_path):
    """Four synapses of forty: that three of them are lost is no small share."""
    compilation = compiled("sparse", tmp_path, weight_bits=4)
    assert told(compilation, "W301") == ["3 of 4 weights of input_thin into %thin became zero"]


def sparse() -> Brain:
    kernel = np.zeros((10, 4))
    kernel[0] = [1.0, 1e-3, 1e-3, 1e-3]
    return brain(thin=neuron(LIFNeuron, kernel))


def test_a_warning_of_a_saturating_state_says_whether_the_data_lead_it_there(tmp_path_factory):
    checked = compiled("unbounded", tmp_path_factory.mktemp("cut"), checked=True, state_bits=12)
    [warning] = [item for item in checked.warnings if item.message == "v of %deep saturates"]
    shares = next(item for item in checked.verdicts if item.stage == "model → fixed").coverage["cut_off"]
    assert shares["deep.v"] > 0.5 and f"cut off in {100 * shares['deep.v']:.1f} % of its values" in warning.found


def test_the_unit_whose_threshold_is_furthest_off_is_named(tmp_path):
    """One unit of five has weights 10000 times those of the others, so its threshold is tiny at its scale."""
    compilation = compiled("one_strong", tmp_path)
    [warning] = [item for item in compilation.warnings if item.message.startswith("theta of %units is off by")]
    assert "(unit 3)" in warning.found
    assert abs(float(warning.found.split()[0]) / float(warning.expected) - 1) > 0.03


def one_strong() -> Brain:
    kernel = np.full((5, 4), 0.5)
    kernel[3] = 5e3
    return brain(units=neuron(LIFNeuron, kernel))


def test_time_constants_of_filters_are_reported(tmp_path):
    """A decay by shifts misses the time constant of a synaptic current as it does that of a membrane."""
    path = tmp_path / "model.py"
    path.write_text("from spark.nn.brain import Sequential\nfrom spark.nn.neurons import LIFNeuron\n"
                    "model = Sequential([LIFNeuron(units=(3,), synapses__tau=20.0)], input_shape=4)\n")
    settings = Settings(chip="none", decay="shifts")
    compilation = compile_source(source := settings.load(str(path)), settings.options(source), checked=False)
    [site] = [item for item in compilation.report["sites"] if item["site"] == "input_layer_0.post"]
    [decay] = [item for item in site["constants"] if item["name"] == "decay"]
    assert decay["time_constant"] == pytest.approx(20.0) and decay["time_constant_error"] > 0.01
    assert [item.place.path for item in compilation.warnings if "(τ in ms)" in item.message][-1] == "input_layer_0.post"


def test_spike_counts_that_few_bits_change_are_named(tmp_path):
    """The same network on many bits is not."""
    coarse = told(compiled("driven", tmp_path, weight_bits=2, checked=True), "W307")
    assert coarse == ["spike counts of %both differ on integers"]
    assert not told(compiled("driven", tmp_path, weight_bits=12, checked=True), "W307")


def driven() -> Brain:
    """Units of uneven weights that come close to their thresholds."""
    return brain(both=neuron(LIFNeuron, 0.2 * np.random.default_rng(0).lognormal(size=(6, 4))))


def test_spikes_that_rounding_toward_zero_takes_are_named(tmp_path):
    """A last bit of a 50th of the threshold, half of which is lost in every step: all units fire less."""
    checked = compiled("steady", tmp_path, checked=True, state_fraction=-7)
    [warning] = [item for item in checked.warnings if item.code == "W307"]
    assert "fewer spikes in all" in warning.found


def test_spike_counts_that_scatter_a_little_are_not_worth_a_warning(tmp_path):
    assert not told(compiled("driven", tmp_path, weight_bits=8, checked=True), "W307")


def steady() -> Brain:
    return brain(steady=neuron(LIFNeuron, np.full((30, 4), 0.25)))
