"""A lowered network does what the module does: step by step, and over whole runs."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler import float_engine, interpreter
from compiler.analysis.schedule import update_order
from compiler.checking.source_check import verify as verify_source
from compiler.diagnostics import DiagnosticError
from compiler.frontends.lower import lower
from compiler.ir.network import Population
from compiler.ir.program import TensorRef
from compiler.ir.verify import verify
from spark.nn.brain import Brain, ModuleSpecs, PortMap, Sequential
from spark.nn.components.delays.n import N2NDelaysConfig, NDelaysConfig
from spark.nn.components.learning_rules import HebbianRuleConfig
from spark.nn.components.learning_rules.base import LearningRule, LearningRuleConfig
from spark.nn.components.somas.leaky import LeakySoma
from spark.nn.components.synapses.base import Synapses, SynapsesConfig
from spark.nn.components.synapses.linear import LinearSynapses, LinearSynapsesConfig
from spark.nn.components.synapses.traced import TracedSynapsesConfig
from spark.nn.neurons import LIFNeuron, LINeuron
from tests.frontends.random_brains import random_brain, random_spikes

RNG = np.random.default_rng(1)


def lif(units, **keywords) -> LIFNeuron:
    return LIFNeuron(units=units, dtype="float64", **{"inhibitory_rate": 0.0, **keywords})


@pytest.mark.parametrize("seed", [*range(6), 211])
def test_a_random_brain_and_its_network_are_equal(seed: int):
    equal(seed)


@pytest.mark.slow
@given(st.integers(6, 100_000))
@settings(deadline=None, max_examples=60)
def test_many_random_brains_and_their_networks_are_equal(seed: int):
    equal(seed)


def equal(seed: int) -> None:
    brain = random_brain(seed)
    lowered, inputs = lower(brain), random_spikes(brain, seed)
    assert verify(lowered.network) == []
    verdict = verify_source(brain, lowered, [inputs])
    assert verdict.equal != "different", verdict.detail
    module, network = float_engine.run(brain, lowered, inputs), interpreter.run(lowered.network, inputs)
    for name, rows in module.outputs.items():
        np.testing.assert_allclose(network.outputs[name], rows, atol=1e-9, err_msg=name)


def test_the_float_engine_is_the_modules_own_run():
    brain = Sequential([LIFNeuron(units=(6,)), LINeuron(units=(2,))], input_shape=(4,))
    inputs = (RNG.random((3, 50, 4)) < 0.5).astype(float)
    lowered = lower(brain)
    names = ["layer_0.v", "layer_0.current"]
    result = float_engine.run(brain, lowered, {"input": inputs}, record=names, dtype="float32")
    outputs, _, recorded = brain.run(inputs, record=["layer_0.soma.v", "layer_0.synapses.current"])
    np.testing.assert_array_equal(result.outputs["output"], outputs["output"])
    np.testing.assert_array_equal(result.records["layer_0.v"], recorded["layer_0.soma.v"])
    np.testing.assert_array_equal(result.records["layer_0.current"], recorded["layer_0.synapses.current"])


def test_the_float_engine_continues_from_its_state():
    brain = random_brain(6)
    lowered, inputs = lower(brain), random_spikes(brain, 6)
    whole = float_engine.run(brain, lowered, inputs)
    first = float_engine.run(brain, lowered, {name: rows[:, :13] for name, rows in inputs.items()})
    second = float_engine.run(brain, lowered, {name: rows[:, 13:] for name, rows in inputs.items()}, first.state)
    for name, rows in whole.outputs.items():
        np.testing.assert_array_equal(np.concatenate([first.outputs[name], second.outputs[name]], axis=1), rows)
    with pytest.raises(DiagnosticError, match="E124"):
        float_engine.run(brain, lowered, inputs, {"other": np.zeros(3)})


def test_a_record_the_module_has_no_array_for_is_an_error():
    brain = Sequential([LIFNeuron(units=(2,))], input_shape=(3,))
    with pytest.raises(DiagnosticError, match="E123"):
        float_engine.run(brain, lower(brain), {"input": np.zeros((1, 4, 3))}, record=["layer_0.u"])


def two_origins(**keywords) -> Brain:
    """a, with an input and itself as origins, and b behind it."""
    return Brain(inputs={"input": (3,)}, outputs={"output": ("b", "out_spikes")}, modules=[
        ModuleSpecs("a", lif((4,), **keywords), {"in_spikes": [
            PortMap("__call__", "input"), PortMap("a", "out_spikes", 3)]}),
        ModuleSpecs("b", lif((2,)), {"in_spikes": PortMap("a", "out_spikes", 0)})])


def test_each_origin_of_a_port_becomes_a_projection_with_its_columns():
    kernel = RNG.random((4, 7))
    network = lower(two_origins(synapses=LinearSynapsesConfig(kernel=kernel, scale=2.0))).network
    assert sorted(item.name for item in network.projections) == ["a_a", "a_b", "input_a"]
    np.testing.assert_array_equal(network.tensors["input_a.weight"].data, 2.0 * kernel[:, :3])
    np.testing.assert_array_equal(network.tensors["a_a.weight"].data, 2.0 * kernel[:, 3:])
    assert [network.projection(name).delay for name in ("input_a", "a_a", "a_b")] == [0, 3, 0]


def test_delays_of_edge_and_neuron_add_up():
    steps = np.arange(7)
    network = lower(two_origins(delays=NDelaysConfig(steps=steps))).network
    np.testing.assert_array_equal(network.delays(network.projection("input_a")), steps[:3])
    np.testing.assert_array_equal(network.delays(network.projection("a_a")), steps[3:] + 3)
    pairs = RNG.integers(0, 5, (4, 7))
    network = lower(two_origins(delays=N2NDelaysConfig(steps=pairs), synapses=LinearSynapsesConfig())).network
    np.testing.assert_array_equal(network.delays(network.projection("a_a")), pairs[:, 3:] + 3)


def test_the_sign_of_inhibitory_units_is_in_their_outgoing_weights():
    brain = two_origins(inhibitory_rate=0.5, synapses=LinearSynapsesConfig(kernel=np.ones((4, 7))))
    network = lower(brain).network
    mask = brain.modules["a"].inhibition_mask  # type: ignore[attr-defined]
    assert mask.sum() == 2
    np.testing.assert_array_equal(network.tensors["a_a.weight"].data[0], np.where(mask, -1.0, 1.0))
    np.testing.assert_array_equal(network.tensors["input_a.weight"].data, 1.0)


def test_outputs_are_unsigned_spikes():
    brain = Sequential([lif((8,), inhibitory_rate=0.5, synapses__scale=4000.0)], input_shape=(4,))
    inputs = {"input": np.ones((1, 30, 4))}
    signed = np.asarray(brain.run(inputs["input"]).outputs["output"])
    lowered = lower(brain)
    assert signed.min() == -1
    for result in (interpreter.run(lowered.network, inputs), float_engine.run(brain, lowered, inputs)):
        np.testing.assert_array_equal(result.outputs["output"], np.abs(signed))


def test_units_that_agree_share_one_number_and_others_get_a_tensor():
    tau = np.array([10.0, 20.0])
    network = lower(Sequential([lif((2,), soma__potential_tau=tau)], input_shape=(3,))).network
    site = network.populations[0].site
    assert site.arguments["theta"] == 20.0
    assert site.arguments["tau"] == TensorRef("layer_0.tau")
    np.testing.assert_array_equal(network.tensors["layer_0.tau"].data, tau)


def test_equal_steps_share_one_program():
    network = lower(Sequential([lif((3,), soma__potential_tau=5.0), lif((4,))], input_shape=(2,))).network
    assert sorted(network.programs) == ["refractory_leaky", "traced"]


def test_a_lone_neuron_has_one_input_and_one_output():
    network = lower(lif((3,)).build((2, 2))).network
    assert [(item.name, item.shape, item.port.kind) for item in network.inputs] == [("input", (2, 2), "spikes")]
    assert [(item.name, item.source) for item in network.outputs] == [("output", "neuron")]


def test_a_lone_soma_takes_currents():
    soma = LeakySoma(units=(5,), dtype="float64")
    lowered = lower(soma)
    assert [item.port.kind for item in lowered.network.inputs] == ["current"]
    inputs = {"input": RNG.normal(400, 400, (2, 40, 5))}
    verdict = verify_source(soma, lowered, [inputs])
    assert verdict.equal == "equal", verdict.detail


def test_modules_called_like_an_output_make_way():
    brain = Brain(inputs={"input": 2}, outputs={"output": ("output", "out_spikes")}, modules=[
        ModuleSpecs("output", lif((2,)), {"in_spikes": PortMap("__call__", "input")})])
    network = lower(brain).network
    assert [item.name for item in network.populations] == ["output_neurons"]


def test_names_become_words_of_the_text_form():
    brain = Brain(inputs={"input": 2}, outputs={"output": ("2nd layer", "out_spikes")}, modules=[
        ModuleSpecs("2nd layer", lif((2,)), {"in_spikes": PortMap("__call__", "input")})])
    assert lower(brain).network.populations[0].name == "_2nd_layer"


def test_an_input_called_like_an_output_is_an_error():
    brain = Brain(inputs={"x": 2}, outputs={"x": ("a", "out_spikes")}, modules=[
        ModuleSpecs("a", lif((2,)), {"in_spikes": PortMap("__call__", "x")})])
    with pytest.raises(DiagnosticError, match="E117.*`x` is both an input and an output"):
        lower(brain)


def test_nested_brains_are_flattened_and_their_delays_add_up():
    inner = Brain(inputs={"here": 3}, outputs={"there": ("x", "out_spikes")}, modules=[
        ModuleSpecs("x", lif((2,)), {"in_spikes": PortMap("__call__", "here", 2)})])
    brain = Brain(inputs={"input": 4}, outputs={"output": ("in", "there")}, modules=[
        ModuleSpecs("a", lif((3,)), {"in_spikes": PortMap("__call__", "input")}),
        ModuleSpecs("in", inner, {"here": PortMap("a", "out_spikes")})])
    network = lower(brain).network
    assert network.projection("a_in_x").delay == 3
    assert network.outputs[0].source == "in_x"


# -- filters --------------------------------------------------------------------------------------------------------


def test_filters_stand_where_their_time_constants_allow():
    for tau, site in ((5.0, "post"), (np.full(7, 3.0) + np.arange(7), "pre")):
        network = lower(two_origins(synapses=TracedSynapsesConfig(tau=tau))).network
        for name in ("input_a", "a_a"):
            assert [key for key, _ in network.projection(name).sites()] == [site]


class SquareSynapsesConfig(SynapsesConfig):
    """Parameters of SquareSynapses."""


class SquareSynapses(Synapses[SquareSynapsesConfig]):
    """A filter that is not linear: shares of several origins may not be filtered apart."""

    config_class = SquareSynapsesConfig
    site = "post"

    def _choose_site(self):
        return "post"

    def filter_params(self):
        return {}

    def filter_state(self, size):
        return {"z": np.zeros(size)}

    def filter(self, state, inputs, params):
        z = 0.8 * state["z"] + jnp.square(inputs["current"]) / 100
        return {"z": z}, {"current": z}


def test_filters_that_are_not_linear_stand_once_behind_all_origins():
    brain = two_origins(synapses=SquareSynapsesConfig(scale=200.0))
    lowered = lower(brain)
    assert {item.name for item in lowered.network.populations} == {"a", "a_synapses", "b"}
    assert isinstance(lowered.network.node("a_synapses"), Population)
    assert verify(lowered.network) == []
    verdict = verify_source(brain, lowered, [random_spikes(brain, 1)])
    assert verdict.equal != "different", verdict.detail


# -- what is not compiled -------------------------------------------------------------------------------------------


class StillRuleConfig(LearningRuleConfig):
    """Parameters of StillRule."""


class StillRule(LearningRule[StillRuleConfig]):
    """Changes nothing."""

    config_class = StillRuleConfig

    def rule_params(self):
        return {}

    def synapse_step(self, state, inputs, params):
        return state, {"change": 0.0}

    def step(self, state, inputs, params):
        return state, {"kernel": inputs["kernel"]}


def refused(module, *expected: str) -> None:
    with pytest.raises(DiagnosticError) as caught:
        lower(module)
    text = str(caught.value)
    for part in expected:
        assert part in text


def test_everything_that_is_not_compiled_is_said_at_once():
    brain = Brain(inputs={"input": 3}, outputs={"output": ("b", "out_spikes")}, modules=[
        ModuleSpecs("a", lif((4,), synapses__tau=np.full((4, 3), 2.0), learning_rule=HebbianRuleConfig()),
                    {"in_spikes": PortMap("__call__", "input")}),
        ModuleSpecs("b", lif((2,), learning_rule=StillRuleConfig()), {"in_spikes": PortMap("a", "out_spikes")})])
    refused(brain, "E115", "StillRule has a step of its own", "model.b.learning_rule",
            "filters of single synapses with weights that are learned are not compiled", "model.a.synapses")


def test_synapses_alone_are_refused():
    refused(LinearSynapses(units=(2,)).build((3,)), "LinearSynapses stands alone", "put it into a neuron")


def test_a_neuron_with_a_step_of_its_own_is_refused():
    class Special(LIFNeuron):
        def step(self, state, inputs, params):
            return super().step(state, inputs, params)

    refused(Special(units=(2,), inhibitory_rate=0.0).build(3), "Special has a step of its own")


def test_a_module_that_is_not_built_is_refused():
    refused(LIFNeuron(units=(2,)), "does not know the shape of its input", "call build(input_shape)")


def test_numbers_that_are_not_finite_are_named_with_their_first_index():
    brain = two_origins()
    kernel = np.ones((4, 7))
    kernel[2, 5] = np.inf
    params = brain.params
    params["a"]["synapses"]["kernel"] = kernel
    params["b"]["soma"]["tau"] = np.float64(np.nan)
    brain.params = params
    refused(brain, "E107", "model.a.synapses.kernel", "inf at [2, 5]", "model.b.soma.tau", "found:    nan")


def test_a_cycle_without_delay_is_named():
    network = lower(two_origins()).network
    network.add(replace(network.projection("a_a"), delay=0))
    with pytest.raises(DiagnosticError, match="E109") as caught:
        update_order(network)
    assert "a -> a" in str(caught.value)


def test_a_filter_of_signed_spikes_is_unsigned_in_the_network():
    tau = np.array([3.0, 3.0, 3.0, 5.0, 6.0, 7.0, 8.0])
    synapses = TracedSynapsesConfig(tau=tau, scale=900.0, kernel=np.ones((4, 7)))
    brain = two_origins(inhibitory_rate=0.5, synapses=synapses)
    lowered, inputs = lower(brain), random_spikes(brain, 3)
    verdict = verify_source(brain, lowered, [inputs])
    assert verdict.equal != "different", verdict.detail
    module = float_engine.run(brain, lowered, inputs, record=["a_a.pre.z"])
    network = interpreter.run(lowered.network, inputs, record=["a_a.pre.z"])
    assert module.records["a_a.pre.z"].min() == 0.0 < module.records["a_a.pre.z"].max()
    np.testing.assert_allclose(module.records["a_a.pre.z"], network.records["a_a.pre.z"], rtol=1e-12, atol=1e-12)
