"""What nobody needs is removed; states and ports stay."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler import interpreter, reference
from compiler.checking.checks import every_record
from compiler.formats import F64
from compiler.ir.network import Tensor
from compiler.passes import eliminate_dead
from tests.passes.texts import applied, body_of, one_program, values
from tests.strategies import networks, random_inputs


def test_ops_and_parameters_that_lead_nowhere_go():
    net = one_program("%a = mul k, x : f64\n %b = add %a, v : f64\n %r = add x, v : f64\n v' = %r\n emit y = v",
                      ", k: param f64", "k=3.0")
    after = applied(eliminate_dead.run, net)
    assert body_of(after) == ["%r = add x, v : f64", "v' = %r", "emit y = v"]
    assert after.populations[0].site.arguments == {}


def test_states_stay_even_if_nothing_reads_them():
    net = one_program("v' = x\n w' = w\n emit y = v", ", w: state f64 = 1.0")
    assert applied(eliminate_dead.run, net) == net


def test_programs_and_tensors_without_users_go():
    net = one_program("v' = x\n emit y = v")
    wider = net.copy()
    wider.tensors["spare"] = Tensor(F64, values(1.0))
    wider.programs["spare"] = net.programs["q"]
    assert applied(eliminate_dead.run, wider) == net


@given(networks("model"), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=40)
def test_no_value_changes_at_the_model_level(net, seed: int):
    after, inputs, names = applied(eliminate_dead.run, net), random_inputs(net, seed), every_record(net)
    before_run, after_run = (interpreter.run(item, inputs, record=names) for item in (net, after))
    for name, rows in (before_run.records | before_run.outputs).items():
        np.testing.assert_array_equal((after_run.records | after_run.outputs)[name], rows, err_msg=name)


@given(networks("fixed"), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=30)
def test_no_value_changes_at_the_fixed_level(net, seed: int):
    after, inputs, names = applied(eliminate_dead.run, net), random_inputs(net, seed), every_record(net)
    before_run, after_run = (reference.run(item, inputs, record=names) for item in (net, after))
    for name, rows in (before_run.records | before_run.outputs).items():
        np.testing.assert_array_equal((after_run.records | after_run.outputs)[name], rows, err_msg=name)
