"""Retiming: the least skews, nothing else changed, and cycles that are too fast named."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from compiler import chips, reference
from compiler.checking.checks import every_record
from compiler.diagnostics import DiagnosticError
from compiler.ir.network import Network
from compiler.ir.verify import verify
from compiler.options import Options
from compiler.passes import retime
from tests.layered import connect, layered
from tests.strategies import networks, random_inputs


def _late(delivery: int) -> Options:
    return Options(chip=replace(chips.load("generic"), delivery_delay=delivery))


def _skews(network: Network) -> dict[str, int]:
    return {item.name: item.skew for item in network.populations}


def test_a_chain_of_layers_starts_one_delivery_after_the_other():
    retimed = retime.run(layered([4, 3, 3, 2]), _late(2))
    assert _skews(retimed) == {"l0": 2, "l1": 4, "l2": 6}
    assert {int(retimed.delays(item)) for item in retimed.projections} == {2}


def test_a_short_path_waits_for_a_long_one():
    network = layered([4, 3, 3])
    connect(network, "input", "l1")
    retimed = retime.run(network, _late(1))
    assert _skews(retimed) == {"l0": 1, "l1": 2}
    assert int(retimed.delays(retimed.projection("input_l1"))) == 2


def test_delays_that_are_long_enough_stay_as_they_are():
    network = layered([4, 3])
    network.add(replace(network.projection("input_l0"), delay=3))
    assert retime.run(network, _late(2)) == network


def test_array_delays_get_the_scalar_added_and_unused_tensors_go():
    network = layered([3, 2])
    delays = np.array([[0, 1, 4], [2, 0, 0]])
    connect(network, "input", "l0", delay=delays)
    retimed = retime.run(network, _late(1))
    assert np.array_equal(retimed.delays(retimed.projection("input_l0_2")), delays + 1)
    assert "input_l0_2.delay" in network.tensors and "input_l0_2.delay" not in retimed.tensors


def test_a_bias_keeps_its_source_step():
    network = layered([3, 2])
    connect(network, "input", "l0", delay=np.array([2, 5, 3]), bias=7.0)
    connect(network, "input", "l0", delay=4)
    retimed = retime.run(network, _late(1))
    assert retimed.projection("input_l0_2").bias_start == 2
    assert retimed.projection("input_l0_2_2").bias_start is None


def test_retiming_twice_changes_nothing_more():
    network = layered([4, 3, 3])
    connect(network, "l1", "l0", delay=5, bias=1.0)
    once = retime.run(network, _late(1))
    assert retime.run(once, _late(1)) == once


def test_without_a_chip_nothing_changes():
    network = layered([4, 3])
    assert retime.run(network, Options()) is network


def test_a_cycle_faster_than_its_hops_is_named_with_delay_and_hops():
    network = layered([4, 3, 3])
    connect(network, "l1", "l0", delay=1)
    with pytest.raises(DiagnosticError) as caught:
        retime.run(network, _late(1))
    assert str(caught.value) == (
        "error[E420]: the cycle %l0 -> %l1 -> %l0 is faster than the chip delivers\n"
        "  --> l0_l1, l1_l0\n"
        "  found:    delay 1 over 2 hops\n"
        "  expected: at least 2\n"
        "  hint: add 1 steps of delay to one of its projections, or take another chip"
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(networks(), st.sampled_from((1, 1, 2)), st.integers(0, 1000))
def test_every_state_output_and_history_stays_the_same(network, delivery, seed):
    try:
        retimed = retime.run(network, _late(delivery))
    except DiagnosticError:
        assume(False)
        raise
    assert verify(retimed) == []
    assert all(int(retimed.delays(item).min()) >= delivery for item in retimed.projections)
    inputs, record = random_inputs(network, seed), every_record(network)
    left, right = (reference.run(item, inputs, record=record) for item in (network, retimed))
    for before, after in ((left.outputs, right.outputs), (left.records, right.records), (left.state, right.state)):
        assert before.keys() == after.keys()
        assert all(np.array_equal(before[name], after[name]) for name in before)
