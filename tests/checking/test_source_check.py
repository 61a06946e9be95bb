"""The check source = model: equal nets pass, the smallest fault is found and placed, ties are counted."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from compiler.checking.source_check import check_source, verify
from compiler.formats import F64
from compiler.frontends.lower import lower
from compiler.ir.network import Network, Population, Tensor
from spark.nn.brain import Brain, ModuleSpecs, PortMap
from spark.nn.components.delays.n import NDelaysConfig
from spark.nn.components.somas.base import Soma, SomaConfig
from spark.nn.components.synapses.linear import LinearSynapsesConfig
from spark.nn.neurons import LIFNeuron

RNG = np.random.default_rng(0)


def brain() -> Brain:
    """Two recurrent neurons with filters, delays and a refractory time, busy enough to exercise everything."""
    a = LIFNeuron(units=(6,), inhibitory_rate=0.0, synapses__kernel=RNG.uniform(0, 1, (6, 10)), synapses__scale=600.0,
                  delays=NDelaysConfig(steps=RNG.integers(0, 4, 10)))
    b = LIFNeuron(units=(3,), inhibitory_rate=0.0, synapses__kernel=RNG.uniform(0, 1, (3, 6)), synapses__scale=900.0)
    return Brain(inputs={"input": 4}, outputs={"output": ("b", "out_spikes")}, modules=[
        ModuleSpecs("a", a, {"in_spikes": [PortMap("__call__", "input"), PortMap("a", "out_spikes")]}),
        ModuleSpecs("b", b, {"in_spikes": PortMap("a", "out_spikes", 0)})])


MODULE = brain()
INPUTS = {"input": (RNG.random((3, 60, 4)) < 0.4).astype(float)}


def test_a_network_equals_the_module_it_was_lowered_from():
    verdict = verify(MODULE, lower(MODULE), [INPUTS])
    assert verdict.stage == "source = model" and verdict.equal == "equal" and verdict.first_difference is None
    per_step = 6 * 3 + 3 * 3 + 6 + 3
    assert (verdict.values, verdict.samples) == (3 * 60 * per_step, 3)
    assert verdict.coverage["units"] == 1.0 and verdict.coverage["worst"] < 0.1


def with_tensor(network: Network, name: str, data: np.ndarray) -> None:
    network.tensors[name] = Tensor(F64, np.ascontiguousarray(data, float))


def heavier(network: Network) -> None:
    data = network.tensors["a_b.weight"].data.copy()
    data[1, 2] *= 1 + 1e-9
    with_tensor(network, "a_b.weight", data)


def later(network: Network) -> None:
    network.add(replace(network.projection("a_b"), delay=1))


def transposed(network: Network) -> None:
    with_tensor(network, "input_a.weight", network.tensors["input_a.weight"].data[:, ::-1])


def argument(population: str, name: str, factor: float):
    def change(network: Network) -> None:
        node = network.node(population)
        assert isinstance(node, Population)
        arguments = node.site.arguments | {name: node.site.arguments[name] * factor}  # type: ignore[operator]
        network.add(replace(node, site=replace(node.site, arguments=arguments)))

    return change


def opcode(old: str, new: str):
    def change(network: Network) -> None:
        program = network.programs["refractory_leaky"]
        index = next(index for index, op in enumerate(program.ops) if op.opcode == old)
        ops = list(program.ops)
        ops[index] = replace(ops[index], opcode=new)
        network.programs["refractory_leaky"] = replace(program, ops=tuple(ops))

    return change


@pytest.mark.parametrize("change, value", [
    (heavier, "a_b.post.z"), (later, "a_b.post.z"), (transposed, "input_a.post.z"),
    (argument("a", "tau", 1 + 1e-9), "a.v"), (argument("b", "theta", 0.5), "b."), (argument("a", "cooldown", 2), "a."),
    (argument("b", "reset", -1.0), "b.v"), (opcode("ge", "gt"), "a.v"), (opcode("and", "or"), "a."),
])
def test_a_fault_is_found_and_placed(change, value: str):
    lowered = lower(MODULE)
    change(lowered.network)
    verdict = verify(MODULE, lowered, [INPUTS])
    assert verdict.failed and verdict.first_difference is not None
    assert verdict.first_difference["value"].startswith(value)
    assert {"sample", "step", "unit", "expected", "found"} <= verdict.first_difference.keys()
    assert f"unit {verdict.first_difference['unit']}" in verdict.detail


def test_the_first_difference_is_the_earliest():
    lowered = lower(MODULE)
    heavier(lowered.network)
    first = verify(MODULE, lowered, [INPUTS]).first_difference
    assert first is not None and first["unit"] == 1
    late = {"input": np.concatenate([np.zeros((3, 10, 4)), INPUTS["input"]], axis=1)}
    second = verify(MODULE, lowered, [late]).first_difference
    assert second is not None and second["step"] == first["step"] + 10


def test_a_silent_network_is_not_exercised():
    verdict = verify(MODULE, lower(MODULE), [{"input": np.zeros((2, 20, 4))}])
    assert verdict.equal == "not exercised" and "0 % of the units" in verdict.detail


class GridSomaConfig(SomaConfig):
    """Parameters of GridSoma."""


class GridSoma(Soma[GridSomaConfig]):
    """Integrate and fire at 1, by subtraction: on a grid of weights it is often exactly at its threshold."""

    config_class = GridSomaConfig

    def physical_params(self):
        return {"theta": 1.0}

    def step(self, state, inputs, params):
        v = state["v"] + inputs["current"]
        spikes = self.fire(v, params["theta"])
        return {"v": jnp.where(v > params["theta"], v - params["theta"], v)}, {"spikes": spikes}


def on_a_grid() -> LIFNeuron:
    kernel = RNG.integers(-2, 6, (20, 40)) / 10
    return LIFNeuron(units=(20,), inhibitory_rate=0.0, soma=GridSomaConfig(),
                     synapses=LinearSynapsesConfig(kernel=kernel)).build(40)


def test_ties_are_counted_and_excused():
    module = on_a_grid()
    lowered = lower(module)
    data = lowered.network.tensors["input_neuron.weight"].data
    with_tensor(lowered.network, "input_neuron.weight", data * (1 + 4e-16))
    verdict = verify(module, lowered, [{"input": (RNG.random((4, 200, 40)) < 0.05).astype(float)}])
    assert verdict.equal == "equal", verdict.detail
    assert verdict.coverage["ties"] > 50
    assert 0 < verdict.coverage["tie_differences"] <= 2 * verdict.coverage["ties"]


def test_counters_at_their_limit_are_no_ties():
    assert verify(MODULE, lower(MODULE), [INPUTS]).coverage["ties"] == 0


def test_a_check_adds_random_stimulus_to_what_it_is_given():
    class Given:
        module, lowered = MODULE, lower(MODULE)

    verdict = check_source(Given, Given.lowered.network, {"input": np.zeros((5, 40, 4), np.int8)})
    assert verdict.samples == 10 and verdict.equal == "equal", verdict.detail
    assert check_source(Given, Given.lowered.network, {}).samples == 16
