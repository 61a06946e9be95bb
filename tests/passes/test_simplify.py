"""Simplification: expressions before and after, and no value changed on random networks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.passes import simplify
from tests.passes.texts import applied, body_of, network, one_program
from tests.passes.unchanged import require_every_value
from tests.strategies import networks

DECLARED = ", n: state s32.0/wrap = 0, c: state bool = false, b: state bool = false"
KEPT = "n' = n\n c' = c\n b' = b\n"


def simplified(*ops: str, result: str = "%r", state: str = "v") -> list[str]:
    """The body after the pass, where ops give %r; without the lines that are always there."""
    lines = "\n".join(ops)
    kept = {"v": "v' = %r\n" + KEPT, "c": "v' = v\n n' = n\n c' = %r\n b' = b\n",
            "n": "v' = v\n n' = %r\n c' = c\n b' = b\n"}[state]
    net = one_program(f"{lines}\n {kept} emit y = v", DECLARED)
    after = body_of(applied(simplify.run, net))
    return [line for line in after if not line.endswith((" = n", " = c", " = b", " = v"))]


@pytest.mark.parametrize("op, result", [
    ("mul x, 1.0", "x"), ("mul 1.0, x", "x"), ("div x, 1.0", "x"), ("add x, 0.0", "x"), ("sub x, 0.0", "x"),
    ("max x, x", "x"), ("select true, x, v", "x"), ("select c, x, x", "x"), ("convert x", "x"),
])
def test_what_is_equal_to_its_operand_is_replaced_by_it(op: str, result: str):
    assert simplified(f"%r = {op} : f64") == [f"v' = {result}"]


@pytest.mark.parametrize("op, result", [
    ("not %a", "c"), ("and c, true", "c"), ("or c, false", "c"), ("and c, c", "c"), ("xor c, false", "c"),
    ("eq c, true", "c"), ("ne c, false", "c"), ("and c, false", "false"), ("or c, true", "true"),
    ("xor c, c", "false"), ("and c, %a", "false"), ("or %a, c", "true"), ("select b, c, c", "c"),
])
def test_truth_is_simplified(op: str, result: str):
    found = simplified("%a = not c : bool", f"%r = {op} : bool", state="c")
    assert found == ([] if result == "c" else [f"c' = {result}"])


def test_a_product_with_zero_stays_where_it_may_be_nan():
    assert simplified("%r = mul x, 0.0 : f64") == ["%r = mul x, 0.0 : f64", "v' = %r"]
    assert simplified("%r = mul n, 0 : s32.0/wrap", state="n") == ["n' = 0"]


@pytest.mark.parametrize("compare, op, literal", [("gt", "c", "0.0"), ("ne", "c", "0.0"), ("ge", "c", "0.5"),
                                                  ("eq", "c", "1.0"), ("gt", "c", "0.999")])
def test_a_converted_truth_value_compared_with_a_number_is_the_truth_value(compare: str, op: str, literal: str):
    assert simplified("%a = convert c : f64", f"%r = {compare} %a, {literal} : bool", state="c") == []


def test_compares_that_never_change_are_constants():
    assert simplified("%a = convert c : f64", "%r = gt %a, 2.0 : bool", state="c") == ["c' = false"]
    assert simplified("%a = convert c : f64", "%r = lt -1.0, %a : bool", state="c") == ["c' = true"]


def test_the_opposite_comparison_is_not():
    assert simplified("%a = convert c : f64", "%r = lt %a, 0.5 : bool", state="c") == ["%r = not c : bool", "c' = %r"]


def test_a_select_between_zero_and_one_is_its_condition():
    assert simplified("%r = select c, 1.0, 0.0 : f64") == ["%r = convert c : f64", "v' = %r"]
    assert simplified("%r = select c, 0.0, 1.0 : f64") == ["%r_bool = not c : bool", "%r = convert %r_bool : f64",
                                                           "v' = %r"]


def test_a_gated_spike_is_a_conjunction():
    found = simplified("%s = gt x, v : bool", "%f = convert %s : f64", "%r = select c, %f, 0.0 : f64")
    assert found == ["%s = gt x, v : bool", "%r_bool = and c, %s : bool", "%r = convert %r_bool : f64", "v' = %r"]


def test_truth_times_truth_is_a_conjunction():
    found = simplified("%f = convert c : f64", "%g = convert b : f64", "%r = mul %f, %g : f64")
    assert found == ["%r_bool = and c, b : bool", "%r = convert %r_bool : f64", "v' = %r"]


def test_a_number_times_a_truth_value_is_a_select():
    assert simplified("%f = convert c : f64", "%r = mul x, %f : f64") == ["%r = select c, x, 0.0 : f64", "v' = %r"]


def test_one_minus_a_truth_value_selects_the_other_way_round():
    found = simplified("%f = convert c : f64", "%g = sub 1.0, %f : f64", "%r = mul x, %g : f64")
    assert found == ["%r = select c, 0.0, x : f64", "v' = %r"]


def test_converted_integers_are_compared_as_they_are():
    found = simplified("%f = convert n : f64", "%r = ge %f, 2.0 : bool", state="c")
    assert found == ["%r = ge n, 2 : bool", "c' = %r"]
    assert simplified("%f = convert n : f64", "%r = ge %f, 2.5 : bool", state="c")[-2:] == [
        "%r = ge %f, 2.5 : bool", "c' = %r"]


def test_an_integer_that_comes_back_to_its_type_was_never_away():
    assert simplified("%f = convert n : f64", "%r = convert %f : s32.0/zero/saturate", state="n") == []


def test_arms_that_ask_the_same_question_again_are_cut():
    found = simplified("%a = select c, x, 1.5 : f64", "%r = select c, %a, 2.5 : f64")
    assert found == ["%r = select c, x, 2.5 : f64", "v' = %r"]


def test_what_is_computed_twice_is_computed_once():
    found = simplified("%a = add x, v : f64", "%e = add v, x : f64", "%r = mul %a, %e : f64")
    assert found == ["%a = add x, v : f64", "%r = mul %a, %a : f64", "v' = %r"]


def test_literals_of_different_kinds_are_not_the_same():
    found = simplified("%a = max x, 0.0 : f64", "%e = max x, -0.0 : f64", "%r = div %a, %e : f64")
    assert len(found) == 4


def test_signs_are_moved_into_sums():
    assert simplified("%a = neg x : f64", "%r = add v, %a : f64") == ["%r = sub v, x : f64", "v' = %r"]
    assert simplified("%a = neg x : f64", "%r = sub v, %a : f64") == ["%r = add v, x : f64", "v' = %r"]
    assert simplified("%a = neg x : f64", "%e = neg v : f64", "%r = mul %a, %e : f64") == [
        "%r = mul x, v : f64", "v' = %r"]


def test_an_emitted_spike_is_a_truth_value():
    net = one_program("%s = gt x, v : bool\n %f = convert %s : f64\n v' = x\n emit spikes = %f")
    assert body_of(applied(simplify.run, net)) == ["%s = gt x, v : bool", "v' = x", "emit spikes = %s"]


def test_equal_programs_are_shared():
    net = network("""
        program @a(x: f64, v: state f64 = 0.0) {
          %y = mul x, 1.0 : f64
          v' = %y
          emit y = v
        }
        program @b(x: f64, v: state f64 = 0.0) {
          v' = x
          emit y = v
        }
        input %in[2] : current f64
        population %p[2] = @a()
        population %q[2] = @b()
        projection %in_p: %in.current -> %p.x  identity()  delay=0
        projection %in_q: %in.current -> %q.x  identity()  delay=0
        output %out = %q.y
    """)
    after = applied(simplify.run, net)
    assert list(after.programs) == ["a"]
    assert {item.site.program for item in after.populations} == {"a"}


@given(networks("model"), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=60)
def test_no_value_changes(net, seed: int):
    require_every_value(simplify.run, net, seed)


@given(networks("model"))
@settings(deadline=None, max_examples=30)
def test_nothing_is_left_to_simplify(net):
    once = simplify.run(net, None)  # type: ignore[arg-type]
    assert simplify.run(once, None) == once  # type: ignore[arg-type]
