"""Sums in which a value stands several times come out with one coefficient for it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler import interpreter
from compiler.ir.network import Network
from compiler.passes import collect_terms, fold_constants
from tests.passes.texts import OPTIONS, applied, body_of, network
from tests.passes.unchanged import require_one_step
from tests.strategies import networks


def net(body: str, arguments: str = "g=0.25, leak=0.5", declared: str = "g: param f64, leak: param f64",
        result: str = "%u") -> Network:
    return network(f"""
        program @q(x: f64, v: state f64 = 0.0, {declared}) {{
          {body}
          v' = {result}
          emit y = v
        }}
        input %in[3] : current f64
        population %p[3] = @q({arguments})
        projection %in_p: %in.current -> %p.x  identity()  delay=0
        output %out = %p.y
    """)


EULER = "%a = sub leak, v : f64\n %b = add %a, x : f64\n %c = mul g, %b : f64\n %u = add v, %c : f64"


def agree(before: Network, after: Network) -> None:
    inputs = {item.name: np.random.default_rng(0).normal(size=(2, 10, item.size)) for item in before.inputs}
    left, right = (interpreter.run(item, inputs) for item in (before, after))
    for name, rows in left.outputs.items():
        np.testing.assert_allclose(right.outputs[name], rows, rtol=1e-12, atol=1e-12)


def test_a_step_of_forward_euler_becomes_a_decay_and_a_gain():
    before = net(EULER)
    after = applied(collect_terms.run, before)
    agree(before, after)
    folded = fold_constants.run(after, OPTIONS)
    assert [(op.opcode, op.operands) for op in folded.programs["q"].ops] == [
        ("mul", ("decay", "v")), ("mul", ("g", "x")), ("add", ("mul_1", "mul_2")), ("add", ("add_1", "offset"))]
    assert folded.populations[0].site.arguments == {"decay": 0.75, "g": 0.25, "offset": 0.125}


def test_a_term_whose_parameter_is_zero_everywhere_is_left_out():
    before = net(EULER, "g=0.25, leak=0.0")
    after = applied(collect_terms.run, before)
    agree(before, after)
    assert {item.name for item in after.programs["q"].params} == {"g"}


@pytest.mark.parametrize("body", [
    "%a = mul g, x : f64\n %u = add v, %a : f64",
    "%a = mul v, v : f64\n %b = add %a, v : f64\n %c = mul g, %b : f64\n %u = add v, %c : f64",
    "%a = mul g, v : f64\n %b = mul %a, leak : f64\n %s = gt v, leak : bool\n %u = select %s, %b, v : f64",
], ids=["every value once", "a product of values", "no sum"])
def test_other_sums_stay_what_they_are(body):
    before = net(body)
    assert body_of(applied(collect_terms.run, before)) == body_of(before)


@pytest.mark.parametrize("body, result, folded", [
    ("%a = sub v, v : f64\n %u = add %a, x : f64", "%u", "x"),
    ("%a = mul 3.0, v : f64\n %b = neg v : f64\n %u = add %a, %b : f64", "%u", None),
    ("%a = sub x, v : f64\n %b = mul g, %a : f64\n %c = add v, %b : f64\n %u = mul %c, leak : f64", "%u", None),
], ids=["cancelling", "numbers", "a factor around it"])
def test_sums_keep_their_values(body, result, folded):
    before = net(body, result=result)
    after = applied(collect_terms.run, before)
    agree(before, after)
    uses = [item for op in after.programs["q"].ops for item in op.names]
    assert uses.count("v") == (0 if folded else 1)


@given(networks("model"), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=50)
def test_one_step_of_a_random_network_is_the_same(random_net: Network, seed: int):
    require_one_step(collect_terms.run, random_net, seed)
