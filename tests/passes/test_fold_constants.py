"""Constants are evaluated once: what is left, under which names, per site, and that no value changes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.diagnostics import DiagnosticError
from compiler.formats import F64
from compiler.frontends.lower import lower
from compiler.ir.network import Tensor
from compiler.ir.program import TensorRef
from compiler.passes import fold_constants
from spark.nn.brain import Sequential
from spark.nn.neurons import LIFNeuron
from tests.passes.texts import applied, body_of, network, one_program, values
from tests.passes.unchanged import require_every_value
from tests.strategies import networks


def test_ops_on_literals_become_literals():
    net = one_program("%a = add 1.5, 2.0 : f64\n %b = exp %a : f64\n %r = mul %b, x : f64\n v' = %r\n emit y = v")
    assert body_of(applied(fold_constants.run, net)) == [
        f"%r = mul {math.exp(3.5)!r}, x : f64", "v' = %r", "emit y = v"]


def test_ops_on_parameters_become_parameters():
    net = one_program("%a = neg dt : f64\n %b = div %a, tau : f64\n %exp_1 = exp %b : f64\n"
                      "%r = mul %exp_1, v : f64\n v' = %r\n emit y = v", ", dt: param f64, tau: param f64",
                      "dt=1.0, tau=20.0")
    after = applied(fold_constants.run, net)
    assert body_of(after) == ["%r = mul decay, v : f64", "v' = %r", "emit y = v"]
    assert after.populations[0].site.arguments == {"decay": math.exp(-1 / 20)}


def test_a_name_given_by_the_user_stays():
    net = one_program("%leak = mul tau, 2.0 : f64\n %r = mul %leak, v : f64\n v' = %r\n emit y = v",
                      ", tau: param f64", "tau=20.0")
    assert applied(fold_constants.run, net).populations[0].site.arguments == {"leak": 40.0}


TWO_SITES = """
    program @q(x: f64, v: state f64 = 0.0, tau: param f64, k: param f64) {
      %mul_1 = mul tau, k : f64
      %r = mul %mul_1, x : f64
      v' = %r
      emit y = v
    }
    input %in[2] : current f64
    population %a[2] = @q(tau=#a.tau, k=3.0)
    population %b[2] = @q(tau=5.0, k=2.0)
    projection %in_a: %in.current -> %a.x  identity()  delay=0
    projection %in_b: %in.current -> %b.x  identity()  delay=0
    output %out = %a.y
"""


def test_programs_stay_shared_and_sites_get_their_own_values():
    after = applied(fold_constants.run, network(TWO_SITES, a__tau=Tensor(F64, values(1.0, 2.0))))
    assert list(after.programs) == ["q"]
    by_name = {item.name: item.site.arguments for item in after.populations}
    assert by_name == {"a": {"gain": TensorRef("a.gain")}, "b": {"gain": 10.0}}
    np.testing.assert_array_equal(after.tensors["a.gain"].data, [3.0, 6.0])


def test_values_that_agree_for_all_units_are_one_number():
    after = applied(fold_constants.run, network(TWO_SITES, a__tau=Tensor(F64, values(2.0, 2.0))))
    assert {item.name: item.site.arguments for item in after.populations}["a"] == {"gain": 6.0}


def test_parameters_that_are_still_used_stay():
    net = one_program("%gain = mul k, 2.0 : f64\n %a = mul %gain, x : f64\n %r = add %a, k : f64\n v' = %r\n"
                      "emit y = v", ", k: param f64", "k=3.0")
    assert applied(fold_constants.run, net).populations[0].site.arguments == {"k": 3.0, "gain": 6.0}


@pytest.mark.parametrize("use, name", [("gt x, %add_1 : bool", "limit"), ("min x, %add_1 : f64", "limit"),
                                       ("mul x, %add_1 : f64", "gain"), ("add x, %add_1 : f64", "offset"),
                                       ("pow x, %add_1 : f64", "constant")])
def test_results_without_a_name_are_named_for_what_they_do(use: str, name: str):
    cast = "%r = convert %u : f64" if use.endswith("bool") else "%r = add %u, 0.0 : f64"
    net = one_program(f"%add_1 = add k, 1.0 : f64\n %u = {use}\n {cast}\n v' = %r\n emit y = v", ", k: param f64",
                      "k=3.0")
    assert applied(fold_constants.run, net).populations[0].site.arguments == {name: 4.0}


def test_a_port_that_emits_a_constant_keeps_a_name_for_it():
    net = one_program("%r = add 1.0, 2.0 : f64\n v' = x\n emit y = %r")
    assert body_of(applied(fold_constants.run, net)) == ["%r = convert 3.0 : f64", "v' = x", "emit y = %r"]


def test_a_constant_that_is_not_finite_is_an_error():
    net = one_program("%rate = div 1.0, tau : f64\n %r = mul %rate, x : f64\n v' = %r\n emit y = v",
                      ", tau: param f64", "tau=0.0")
    with pytest.raises(DiagnosticError) as caught:
        fold_constants.run(net, None)  # type: ignore[arg-type]
    (found,) = caught.value.diagnostics
    assert (found.code, found.message, found.found) == ("E121", "`rate` (div) is not finite", "inf")


def test_a_lif_neuron_keeps_what_its_step_needs():
    net = lower(Sequential([LIFNeuron(units=(2,))], input_shape=(2,))).network
    sites = {name: sorted(site.arguments) for name, site, _ in applied(fold_constants.run, net).sites()}
    assert sites == {"layer_0": ["decay", "gain", "limit", "reset", "theta"], "input_layer_0.post": ["decay"]}
    assert applied(fold_constants.run, net).populations[0].site.arguments["limit"] == 3


@given(networks("model"), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=60)
def test_no_value_changes(net, seed: int):
    require_every_value(fold_constants.run, net, seed)


@given(networks("model"))
@settings(deadline=None, max_examples=30)
def test_no_op_is_left_that_does_not_change_from_step_to_step(net):
    for program in fold_constants.run(net, None).programs.values():  # type: ignore[arg-type]
        fixed = {item.name for item in program.params}
        emitted = {item.value for item in program.emits}
        for op in program.ops:
            moving = any(name not in fixed for name in op.names)
            assert moving or op.opcode == "lookup" or (op.opcode == "convert" and op.result in emitted)
