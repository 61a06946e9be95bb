"""A generated program gives the golden model's outputs, records and states, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.strategies import random_inputs, random_network
from tests.targets.jax_fixed.programs import differing, generated, golden, joined, run, spikes, two_layers

RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def check(seed: int, level: str, cut: int) -> None:
    """One run, and the same in two halves with the state carried over."""
    network = random_network(seed, level)
    inputs = random_inputs(network, seed, batch=2, steps=7)
    expected, program = golden(network, inputs), generated(network)
    record = list(expected.records)
    assert differing(expected, run(program, inputs, None, record)) == []
    first = run(program, {name: rows[:, :cut] for name, rows in inputs.items()}, None, record)
    second = run(program, {name: rows[:, cut:] for name, rows in inputs.items()}, first.state, record)
    assert differing(expected, joined(first, second)) == []


@settings(RELAXED, max_examples=8)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["fixed", "mapped"]), st.integers(1, 6))
def test_programs_of_random_networks_equal_the_golden_model(seed, level, cut):
    check(seed, level, cut)


@pytest.mark.slow
@settings(RELAXED, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from(["fixed", "mapped"]), st.integers(1, 6))
def test_programs_of_many_random_networks_equal_the_golden_model(seed, level, cut):
    check(seed, level, cut)


def test_a_state_of_the_golden_model_continues_in_the_program():
    network = two_layers()
    inputs = spikes(network)
    halves = [{"input": inputs["input"][:, :5]}, {"input": inputs["input"][:, 5:]}]
    first = golden(network, halves[0])
    expected = golden(network, halves[1], first.state)
    assert differing(expected, run(generated(network), halves[1], first.state, list(expected.records))) == []


def test_single_steps_give_what_a_run_gives():
    network = two_layers()
    inputs, program = spikes(network, steps=6), generated(network)
    whole, state, rows = run(program, inputs), program.initial_state(3), []
    for t in range(6):
        state, outputs = program.step(state, {"input": inputs["input"][:, t]})
        rows.append(np.asarray(outputs["output"]))
    assert np.array_equal(np.stack(rows, axis=1), whole.outputs["output"])
    assert all(np.array_equal(whole.state[name], state[name]) for name in whole.state)


@pytest.mark.parametrize("rows", [1, 3, 7, 15, 1000])
def test_the_size_of_blocks_changes_nothing(rows):
    network = two_layers()
    inputs, program = spikes(network, steps=13), generated(network)
    program.BLOCK_ROWS = rows
    expected = golden(network, inputs)
    assert differing(expected, run(program, inputs, None, list(expected.records))) == []


def test_networks_of_the_tests_spike_and_stay_silent():
    network = two_layers()
    rate = golden(network, spikes(network)).records["hid.spikes"].mean(axis=(0, 1))
    assert (rate > 0).mean() > 0.6 and (rate < 1).all()
