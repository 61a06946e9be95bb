"""Brains: latency, order, concatenation, errors of wiring."""

import numpy as np
import pytest

from spark.core.config import ConfigError
from spark.nn.brain import Brain, ModuleSpecs, PortMap, Sequential
from spark.nn.components.somas import LeakySomaConfig
from spark.nn.components.synapses import LinearSynapsesConfig
from spark.nn.neurons import LIFNeuron, LIFNeuronConfig

IN = PortMap("__call__", "input")


def relay(units=1, **keywords):
    """A neuron that repeats each of its input's spikes in the same step."""
    return LIFNeuron(units=units, inhibitory_rate=0.0, soma=LeakySomaConfig(potential_reset=-60.0),
                     synapses=LinearSynapsesConfig(kernel=np.eye(units), scale=1e6), **keywords)


def passing(delay):
    """input → a → b → output, a → b with this delay."""
    return Brain(inputs={"input": 1}, outputs={"output": ("b", "out_spikes"), "early": ("a", "out_spikes")}, modules=[
        ModuleSpecs("a", relay(), {"in_spikes": IN}),
        ModuleSpecs("b", relay(), {"in_spikes": PortMap("a", "out_spikes", delay)})])


@pytest.mark.parametrize("delay, latency", [(None, 1), (0, 0), (1, 1), (4, 4)])
def test_an_edge_between_modules_costs_one_step_unless_it_says_otherwise(delay, latency):
    outputs, _ = passing(delay).run(np.eye(8, 1))
    assert np.nonzero(outputs["early"][:, 0])[0].tolist() == [0]
    assert np.nonzero(outputs["output"][:, 0])[0].tolist() == [latency]


@pytest.mark.parametrize("delay, latency", [(None, 0), (0, 0), (3, 3)])
def test_an_edge_from_the_brains_input_costs_nothing_unless_it_says_so(delay, latency):
    brain = Brain(inputs={"input": 1}, outputs={"output": ("a", "out_spikes")}, modules=[
        ModuleSpecs("a", relay(), {"in_spikes": PortMap("__call__", "input", delay)})])
    outputs, _ = brain.run(np.eye(8, 1))
    assert np.nonzero(outputs["output"][:, 0])[0].tolist() == [latency]


def test_a_module_listed_before_its_source_still_hears_it_within_the_step():
    brain = Brain(inputs={"input": 1}, outputs={"output": ("b", "out_spikes")}, modules=[
        ModuleSpecs("b", relay(), {"in_spikes": PortMap("a", "out_spikes", 0)}),
        ModuleSpecs("a", relay(), {"in_spikes": IN})])
    assert np.nonzero(brain.run(np.eye(3, 1))[0]["output"])[0].tolist() == [0]


def test_a_spike_goes_round_a_recurrent_loop_every_so_many_steps():
    loop = LIFNeuron(units=1, inhibitory_rate=0.0, soma=LeakySomaConfig(potential_reset=-60.0),
                     synapses=LinearSynapsesConfig(kernel=[[1.0, 1.0]], scale=1e6))
    brain = Brain(inputs={"input": 1}, outputs={"output": ("a", "out_spikes")}, modules=[
        ModuleSpecs("a", loop, {"in_spikes": [IN, PortMap("a", "out_spikes", 3)]})])
    assert np.nonzero(brain.run(np.eye(10, 1))[0]["output"])[0].tolist() == [0, 3, 6, 9]


def test_several_edges_into_one_port_are_flattened_in_list_order():
    target = LIFNeuron(units=6, inhibitory_rate=0.0, soma=LeakySomaConfig(potential_reset=-60.0),
                       synapses=LinearSynapsesConfig(kernel=np.eye(6), scale=1e6))
    brain = Brain(inputs={"one": (2, 2), "two": 2}, outputs={"output": ("a", "out_spikes")}, modules=[
        ModuleSpecs("a", target, {"in_spikes": [PortMap("__call__", "two"), PortMap("__call__", "one")]})])
    one, two = np.array([[[1, 0], [1, 1]]]), np.array([[0, 1]])
    assert brain.run({"one": one, "two": two})[0]["output"].tolist() == [[0, 1, 1, 0, 1, 1]]
    assert [edge.port for edge in brain.edges] == ["two", "one"]


def test_sequential_acts_within_the_step_and_has_one_input_and_one_output():
    net = Sequential([relay(), relay(), relay()], input_shape=1)
    assert net.run(np.eye(4, 1))[0]["output"][:, 0].tolist() == [1.0, 0.0, 0.0, 0.0]
    assert (list(net.inputs), list(net.outputs), {edge.delay for edge in net.edges}) == (["input"], ["output"], {0})


def test_sequential_takes_names():
    net = Sequential({"hid": relay(), "out": relay()}, input_shape=1)
    assert list(net.modules) == ["hid", "out"] and net.outputs == {"output": ("out", "out_spikes")}


def test_a_sequential_equals_its_layers_one_after_the_other():
    layers = [LIFNeuron(units=8, synapses__scale=600.0), LIFNeuron(units=4, seed=3, synapses__scale=900.0)]
    spikes = np.random.default_rng(0).integers(0, 2, (60, 5))
    outputs, _ = Sequential(layers, input_shape=5).run(spikes)
    first = layers[0].build(5).run(spikes)[0]["out_spikes"]
    second = layers[1].build(8).run(first)[0]["out_spikes"]
    assert np.any(second)
    np.testing.assert_allclose(outputs["output"], second)


def test_modules_given_as_classes_draw_from_their_own_seeds():
    specs = [ModuleSpecs(name, LIFNeuron, {"in_spikes": IN}, LIFNeuronConfig(units=5)) for name in "ab"]
    brain = Brain(inputs={"input": 5}, outputs={"output": ("a", "out_spikes")}, modules=specs, dt=0.5)
    a, b = (brain.modules[name] for name in "ab")
    assert not np.array_equal(a.params["synapses"]["kernel"], b.params["synapses"]["kernel"])
    assert a.dt == 0.5
    again = Brain(inputs={"input": 5}, outputs={"output": ("a", "out_spikes")}, modules=specs, dt=0.5)
    np.testing.assert_array_equal(a.params["synapses"]["kernel"], again.modules["a"].params["synapses"]["kernel"])


def test_a_module_given_as_an_instance_keeps_its_weights_and_stays_unchanged():
    neuron = LIFNeuron(units=4).build(3)
    params = neuron.params
    params["synapses"]["kernel"] = np.full((4, 3), 0.25)
    neuron.params = params
    net = Sequential([neuron], input_shape=3)
    np.testing.assert_array_equal(net.params["layer_0"]["synapses"]["kernel"], np.full((4, 3), 0.25))
    net.params = {"layer_0": net.params["layer_0"] | {"synapses": net.params["layer_0"]["synapses"] | {
        "kernel": np.ones((4, 3))}}}
    np.testing.assert_array_equal(neuron.params["synapses"]["kernel"], np.full((4, 3), 0.25))


def test_every_name_that_does_not_exist_is_reported_at_once():
    with pytest.raises(ConfigError) as caught:
        Brain(inputs={"input": 1}, outputs={"output": ("z", "out_spikes")}, modules=[
            ModuleSpecs("a", relay(), {"in_spikes": [PortMap("__call__", "inptu"), PortMap("c", "out_spikes"),
                                                     PortMap("a", "spikes")], "wrong": IN}),
            ModuleSpecs("b", relay(), {"in_spikes": PortMap("a", "out_spikes", -1)}),
            ModuleSpecs("d", relay(), {})])
    text = str(caught.value)
    for part in ("'inptu': must be an input of the brain; did you mean 'input'?", "'c': must be a module",
                 "'spikes': must be an output port of a", "'wrong': must be an input port of a", "outputs.output = 'z'",
                 "delay = -1", "modules.d.in_spikes"):
        assert part in text, part


def test_a_cycle_without_delay_is_an_error_that_names_it():
    with pytest.raises(ConfigError, match=r"c -> a -> b -> c|a -> b -> c -> a|b -> c -> a -> b"):
        Brain(inputs={"input": 1}, outputs={"output": ("a", "out_spikes")}, modules=[
            ModuleSpecs("first", relay(), {"in_spikes": IN}),
            ModuleSpecs("a", relay(), {"in_spikes": PortMap("c", "out_spikes", 0)}),
            ModuleSpecs("b", relay(), {"in_spikes": PortMap("a", "out_spikes", 0)}),
            ModuleSpecs("c", relay(), {"in_spikes": PortMap("b", "out_spikes", 0)})])


@pytest.mark.parametrize("delay", [0.5, "1", True, -2])
def test_delays_must_be_whole_numbers(delay):
    with pytest.raises(ConfigError, match="whole number of steps"):
        passing(delay)


def test_modules_must_agree_on_time_step_and_number_type():
    with pytest.raises(ConfigError, match="modules.dt"):
        Sequential([relay(dt=1.0), relay(dt=0.5)], input_shape=1)
    with pytest.raises(ConfigError, match="modules.dtype"):
        Sequential([relay(), relay(dtype="float64")], input_shape=1)


@pytest.mark.parametrize("name", ["latency", "__call__", "a.b", ""])
def test_names_that_would_be_ambiguous_are_errors(name):
    with pytest.raises(ConfigError, match="without dots"):
        Sequential({name: relay()}, input_shape=1)


def test_two_modules_of_one_name_are_an_error():
    with pytest.raises(ConfigError, match="unique"):
        Brain(inputs={"input": 1}, outputs={"output": ("a", "out_spikes")},
              modules=[ModuleSpecs("a", relay(), {"in_spikes": IN})] * 2)


def test_a_module_built_for_another_shape_is_an_error():
    with pytest.raises(ConfigError, match="built for"):
        Sequential([relay(2).build(2)], input_shape=3)


def test_negative_weights_behind_an_inhibitory_pool_are_an_error():
    with pytest.raises(ConfigError, match="layer_0 has inhibitory units"):
        Sequential([LIFNeuron(units=10), LIFNeuron(units=2, inhibitory_rate=0.0, synapses=LinearSynapsesConfig(
            kernel=-np.ones((2, 10))))], input_shape=3)


def test_a_brain_may_be_a_module_of_a_brain():
    inner = Sequential([relay(), relay()], input_shape=1)
    outer = Brain(inputs={"input": 1}, outputs={"output": ("in", "output")},
                  modules=[ModuleSpecs("in", inner, {"input": IN})])
    assert outer.run(np.eye(3, 1))[0]["output"][:, 0].tolist() == [1.0, 0.0, 0.0]
