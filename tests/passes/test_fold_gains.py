"""Gains move from programs into weights, wherever what lies between lets them pass."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler import interpreter
from compiler.formats import F32, F64
from compiler.frontends.lower import lower
from compiler.ir.network import Network, Tensor
from compiler.ir.program import TensorRef
from compiler.passes import fold_constants, fold_gains, simplify
from spark.nn.brain import Sequential
from spark.nn.neurons import LIFNeuron
from tests.passes.texts import OPTIONS, applied, body_of, network, values
from tests.strategies import networks, random_inputs

FILTER = """
    program @f(i: f64, z: state f64 = 0.0, d: param f64) {
      %a = mul d, z : f64
      %b = add %a, i : f64
      z' = %b
      emit current = %b
    }"""

WEIGHTS = np.arange(6.0).reshape(2, 3) - 2


def net(body: str, declared: str = "k: param f64", arguments: str = "k=#k", projection: str = "dense(#w)  delay=1",
        programs: str = "", **tensors: Tensor) -> Network:
    """%p[2] with input x from %in[3] through `projection`."""
    given = {"k": Tensor(F64, values(2.0, -3.0)), "w": Tensor(F64, WEIGHTS)} | tensors
    used = {name: item for name, item in given.items() if f"#{name.replace('__', '.')}" in arguments + projection}
    return network(f"""
        {programs}
        program @q(x: f64, v: state f64 = 0.0, {declared}) {{
          {body}
          emit y = v
        }}
        input %in[3] : current f64
        population %p[2] = @q({arguments})
        projection %in_p: %in.current -> %p.x  {projection}
        output %out = %p.y
    """, **used)


def agree(before: Network, after: Network, *records: str) -> None:
    inputs = {"in": np.random.default_rng(0).normal(size=(3, 12, 3))}
    left, right = (interpreter.run(item, inputs, record=records) for item in (before, after))
    for name, rows in (left.outputs | left.records).items():
        np.testing.assert_allclose((right.outputs | right.records)[name], rows, rtol=1e-12, atol=1e-12)


PRODUCT = "%r = mul k, x : f64\n %s = add %r, v : f64\n v' = %s"


def test_a_gain_per_unit_scales_the_rows_of_the_weights():
    before = net(PRODUCT)
    after = applied(fold_gains.run, before)
    assert body_of(after) == ["%s = add x, v : f64", "v' = %s", "emit y = v"]
    np.testing.assert_array_equal(after.tensors["w"].data, WEIGHTS * [[2.0], [-3.0]])
    assert after.populations[0].site.arguments == {}
    agree(before, after)


def test_a_number_scales_all_weights():
    before = net("%r = mul x, 0.25 : f64\n v' = %r\n u' = u", "u: state f64 = 0.0", "")
    after = applied(fold_gains.run, before)
    np.testing.assert_array_equal(after.tensors["w"].data, WEIGHTS * 0.25)
    agree(before, after)


def test_several_gains_in_a_row_all_move():
    before = net("%a = mul k, x : f64\n %r = mul %a, 0.5 : f64\n v' = %r")
    after = applied(fold_gains.run, before)
    assert body_of(after) == ["v' = x", "emit y = v"]
    np.testing.assert_array_equal(after.tensors["w"].data, WEIGHTS * [[1.0], [-1.5]])


def test_a_gain_behind_a_gate_moves_in_front_of_it():
    before = net("%c = gt v, 0.5 : bool\n %a = select %c, 0.0, x : f64\n %b = neg %a : f64\n"
                 "%r = mul %b, k : f64\n v' = %r")
    after = applied(fold_gains.run, before)
    assert body_of(after)[:4] == ["%c = gt v, 0.5 : bool", "%a = select %c, 0.0, x : f64", "%b = neg %a : f64",
                                  "v' = %b"]
    agree(before, after)


@pytest.mark.parametrize("body", [
    "%r = mul k, x : f64\n %s = add %r, x : f64\n v' = %s",
    "%a = add x, 1.0 : f64\n %r = mul %a, k : f64\n v' = %r",
    "%r = mul k, x : f64\n %s = max %r, x : f64\n v' = %s",
    "%a = mul x, x : f64\n %r = mul %a, k : f64\n v' = %r",
    "%r = mul x, v : f64\n %s = add %r, k : f64\n v' = %s",
    "%a = mul k, x : f64\n %b = mul x, 2.0 : f64\n %r = add %a, %b : f64\n v' = %r",
    "%a = select true, x, 1.0 : f64\n %r = mul %a, k : f64\n v' = %r",
])
def test_a_factor_that_is_not_the_only_use_stays(body: str):
    assert applied(fold_gains.run, net(body)) == net(body)


def test_the_bias_and_the_start_of_a_linear_filter_are_scaled_too():
    before = net(PRODUCT, projection="dense(#w)  delay=1  bias=0.5  post=@f(d=0.9; z=1.5)", programs=FILTER)
    after = applied(fold_gains.run, before)
    projection = after.projections[0]
    np.testing.assert_array_equal(after.real(projection.bias), [1.0, -1.5])  # type: ignore[arg-type]
    assert projection.post is not None
    np.testing.assert_array_equal(after.real(projection.post.initial["z"]), [3.0, -4.5])
    agree(before, after, "p.v")


LAST = "z' = %b\n      emit current = %b"
HOMOGENEOUS = FILTER.replace(LAST, "%c = max %b, 0.0 : f64\n z' = %b\n emit current = %c")
BOUNDED = FILTER.replace(LAST, "%c = min %b, 1.0 : f64\n z' = %b\n emit current = %c")


@pytest.mark.parametrize("program, gains, moves", [
    (HOMOGENEOUS, (2.0, 3.0), True), (HOMOGENEOUS, (2.0, -3.0), False), (BOUNDED, (2.0, 3.0), False)])
def test_filters_decide_by_their_operations(program: str, gains: tuple, moves: bool):
    before = net(PRODUCT, projection="dense(#w)  delay=1  post=@f(d=0.9; z=1.5)", programs=program,
                 k=Tensor(F64, values(*gains)))
    after = applied(fold_gains.run, before)
    assert (after != before) == moves
    agree(before, after)


def test_a_gain_at_the_input_of_a_filter_moves_into_its_projection():
    program = FILTER.replace("%b = add %a, i", "%g = mul 0.1, i : f64\n %b = add %a, %g")
    before = net("v' = x\n u' = u", "u: state f64 = 0.0", "", "dense(#w)  delay=1  post=@f(d=0.9; z=1.5)", program)
    after = applied(fold_gains.run, before)
    np.testing.assert_array_equal(after.tensors["w"].data, WEIGHTS * 0.1)
    assert after.projections[0].post.initial == {"z": 1.5}  # type: ignore[union-attr]
    agree(before, after)


def test_a_map_without_weights_gets_a_gain_per_unit():
    before = net(PRODUCT, projection="select(start=1, stop=3)  delay=0")
    after = applied(fold_gains.run, before)
    assert [item.keyword for item in after.projections[0].chain] == ["select", "one_to_one"]
    np.testing.assert_array_equal(after.tensors["in_p.gain"].data, [2.0, -3.0])
    agree(before, after)


def test_single_precision_weights_become_double():
    before = net(PRODUCT, w=Tensor(F32, WEIGHTS.astype(np.float32)), k=Tensor(F64, values(0.1, 0.3)))
    after = applied(fold_gains.run, before)
    assert after.tensors["w"].type == F64
    agree(before, after)


SHARED = """
    program @q(x: f64, v: state f64 = 0.0, k: param f64) {
      %r = mul k, x : f64
      v' = %r
      emit y = v
    }
    program @f(i: f64, z: state f64 = 0.0) {
      %b = min i, 1.0 : f64
      z' = %b
      emit current = %b
    }
    input %in[3] : current f64
    population %p[2] = @q(k=2.0)
    population %s[2] = @q(k=3.0)
    projection %in_p: %in.current -> %p.x  dense(#w)  delay=1
    projection %in_s: %in.current -> %s.x  dense(#w)  delay=1 FILTERED
    output %out = %p.y
    output %other = %s.y
"""


def test_weights_that_two_projections_share_are_told_apart():
    before = network(SHARED.replace("FILTERED", "").replace(FILTER, ""), w=Tensor(F64, WEIGHTS))
    after = applied(fold_gains.run, before)
    weights = {item.name: after.tensor(item.chain[0].weights).data for item in after.projections}  # type: ignore
    np.testing.assert_array_equal(weights["in_p"], 2 * WEIGHTS)
    np.testing.assert_array_equal(weights["in_s"], 3 * WEIGHTS)
    agree(before, after)


def test_a_program_is_split_where_only_some_of_its_sites_can_fold():
    before = network(SHARED.replace("FILTERED", " post=@f()"), w=Tensor(F64, WEIGHTS))
    after = applied(fold_gains.run, before)
    arguments = {item.name: item.site.arguments for item in after.populations}
    assert arguments == {"p": {}, "s": {"k": 3.0}}
    agree(before, after)


def test_a_lif_neuron_is_left_with_one_scale_per_channel():
    resistance = np.array([0.1, 0.2])
    lowered = lower(Sequential([LIFNeuron(units=(2,), soma__resistance=resistance)], input_shape=(3,))).network
    before = simplify.run(fold_constants.run(lowered, OPTIONS), OPTIONS)
    after = applied(fold_gains.run, before)
    gain = (1 - np.exp(-1 / 20)) * resistance
    name = "input_layer_0.weight"
    np.testing.assert_allclose(after.tensors[name].data, before.tensors[name].data * gain[:, None], rtol=1e-15)
    assert "gain" not in after.populations[0].site.arguments
    assert before.populations[0].site.arguments["gain"] == TensorRef("layer_0.gain")


@given(networks("model"), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=50)
def test_one_step_of_a_random_network_is_the_same(random_net: Network, seed: int):
    after = applied(fold_gains.run, random_net)
    inputs = random_inputs(random_net, seed, steps=1)
    names = [f"{item.name}.{state.name}" for item in random_net.populations
             for state in random_net.programs[item.site.program].states]
    left, right = (interpreter.run(item, inputs, record=names) for item in (random_net, after))
    for name, rows in (left.outputs | left.records).items():
        np.testing.assert_allclose((right.outputs | right.records)[name], rows, rtol=1e-9, atol=1e-9, err_msg=name)
