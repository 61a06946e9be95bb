"""The verifier: silent on valid networks, everything at once on others, one report per fault."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.diagnostics import DiagnosticError
from compiler.formats import BOOL, F64, Format
from compiler.ir.connections.dense import Dense
from compiler.ir.network import Input, Network, Output, Population, Projection, Tensor
from compiler.ir.program import Declaration, Emit, Op, Program, Site, State, TensorRef
from compiler.ir.rules.base import all_rules
from compiler.ir.verify import check, verify
from tests.strategies import networks, random_network

LEVELS = ("model", "fixed", "mapped")


def codes(network: Network) -> list[str]:
    return [item.code for item in verify(network)]


def small(weights: np.ndarray | None = None, **projection) -> Network:
    """Three inputs to two units that add up and fire, at model level."""
    program = Program(
        "p", (Declaration("current", F64),), (State("v", F64),), (),
        (Op("u", "add", ("v", "current"), F64), Op("s", "gt", ("u", 1.0), BOOL)),
        (("v", "u"),), (Emit("spikes", "s"),),
    )
    weights = np.ones((2, 3)) if weights is None else weights
    network = Network(programs={"p": program}, tensors={"w": Tensor(F64, weights)})
    network.add(Input("in", (3,)))
    network.add(Population("out", (2,), Site("p")))
    network.add(Projection("in_out", "in", "spikes", "out", "current", (Dense(TensorRef("w")),), **projection))
    network.add(Output("output", "out", "spikes"))
    return network


@pytest.mark.parametrize("level", LEVELS)
@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_random_networks_have_no_faults(level: str, data: st.DataObject):
    network = data.draw(networks(level))
    assert [str(item) for item in verify(network)] == []
    check(network)


def test_all_faults_are_reported_at_once():
    network = small(np.full((2, 3), np.inf), delay=-2, bias=float("nan"), bias_start=-1)
    network.add(Population("alone", (0,), Site("p", {"tau": 3.0})))
    network.add(Output("second", "out", "potential"))
    assert sorted(codes(network)) == ["E211", "E215", "E240", "E261", "E263"]
    network = small(delay=0, bias=float("nan"))
    network.add(Population("empty", (0,), Site("p")))
    network.tensors["unused"] = Tensor(F64, np.array([np.nan]))
    assert sorted(codes(network)) == ["E235", "E240", "E252"]


def test_what_is_built_on_a_fault_is_left_out():
    network = small()
    network.programs["p"] = replace(network.programs["p"], updates=())
    assert codes(network) == ["E214"]


def test_missing_ends_are_reported_by_name():
    network = small()
    network.add(Projection("out_gone", "out", "spikes", "gone", "current", (Dense(TensorRef("w")),)))
    network.add(Projection("output_out", "output", "spikes", "out", "current", (Dense(TensorRef("w")),)))
    found = {item.found: item.expected for item in verify(network)}
    assert found == {"%gone": "one of %out", "%output": "one of %in, %out"}


def test_projections_need_different_names():
    network = small()
    network.add(replace(network.projection("in_out"), source="out", chain=network.projection("in_out").chain, delay=1))
    assert "E203" in codes(network)


def test_numpy_numbers_are_numbers():
    network = small(delay=np.int64(2), bias=np.float64(0.5), bias_start=np.int32(1))
    network.add(replace(network.node("out"), shape=(np.int64(2),), skew=np.int64(0)))  # pyright: ignore
    assert codes(network) == []


@pytest.mark.parametrize("delay", [True, 0.0, 1.5, -1, 4096, float("nan"), 2**70])
def test_a_delay_is_a_whole_number_of_steps(delay):
    assert codes(small(delay=delay)) == ["E261"]


@pytest.mark.parametrize(
    ("tensor", "code"),
    [
        (Tensor(F64, np.ones(3)), "E261"),
        (Tensor(Format(True, 8, 1), np.ones(3, np.int8)), "E261"),
        (Tensor(Format(True, 8), -np.ones(3, np.int8)), "E261"),
        (Tensor(Format(True, 8), np.ones(2, np.int8)), "E262"),
        (Tensor(Format(True, 8), np.ones((3, 2), np.int8)), "E262"),
    ],
)
def test_arrays_of_delays_are_steps_per_unit_or_synapse(tensor: Tensor, code: str):
    network = small(delay=TensorRef("d"))
    network.tensors["d"] = tensor
    assert codes(network) == [code]


def test_cycles_are_judged_by_their_delay_in_the_source():
    """A self loop of one chip step whose population lags its input is still one step; retiming made none shorter."""
    network = small(delay=3)
    square = Tensor(F64, np.ones((2, 2)))
    network.tensors["r"] = square
    network.add(Projection("out_out", "out", "spikes", "out", "current", (Dense(TensorRef("r")),), delay=1))
    network.add(replace(network.node("out"), skew=3))  # pyright: ignore
    assert codes(network) == []
    network.add(replace(network.projection("out_out"), delay=0))
    assert [(item.code, item.message) for item in verify(network)] == [
        ("E260", "the cycle %out -> %out has no delay")
    ]


def test_every_separate_cycle_is_named():
    network = small()
    network.tensors["r"] = Tensor(F64, np.ones((2, 2)))
    for name in ("a", "b", "c"):
        network.add(Population(name, (2,), Site("p")))
    for source, target in (("a", "b"), ("b", "a"), ("c", "c")):
        network.add(Projection(f"{source}_{target}", source, "spikes", target, "current", (Dense(TensorRef("r")),)))
    assert [item.message for item in verify(network)] == [
        "the cycle %a -> %b -> %a has no delay",
        "the cycle %c -> %c has no delay",
    ]


def test_infinite_bounds_stand_at_model_level_only():
    network = small()
    program = network.programs["p"]
    network.programs["p"] = replace(program, ops=(*program.ops, Op("m", "min", ("u", float("inf")), F64)))
    assert codes(network) == []


def test_check_raises_with_every_fault():
    with pytest.raises(DiagnosticError) as caught:
        check(small(np.full((2, 3), np.nan), delay=1.5))
    assert [item.code for item in caught.value.diagnostics] == ["E261", "E240"]


def test_rules_are_found_by_their_files_and_have_different_names():
    names = [item.demand for item in all_rules()]
    assert len(names) == len(set(names)) > 40


@given(st.integers(0, 400), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=60)
def test_a_wrong_unit_count_is_always_found(seed: int, which: int):
    network = random_network(seed)
    item = network.populations[which % len(network.populations)]
    network.add(replace(item, shape=(item.size + 1,)))
    per_unit = any(isinstance(value, TensorRef) for value in (*item.site.arguments.values(), item.site.scale))
    joined = network.into(item.name) or network.out_of(item.name)
    assert verify(network) or not (per_unit or joined)
