"""Read-outs, intervals and comparisons of two runs, against independent computations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from compiler.comparison.accuracy import accuracy, agreement, clopper_pearson, first_divergence, spike_count_error
from compiler.results.readout import SCORES, classify


@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_the_exact_one_of_scipy(trial):
    successes, n = trial
    exact = binomtest(successes, n).proportion_ci(method="exact")
    assert clopper_pearson(successes, n) == pytest.approx((exact.low, exact.high), abs=1e-9)


def _spikes(*rows) -> np.ndarray:
    return np.array([rows])


@pytest.mark.parametrize(("readout", "expected"), [
    ("count", 1), ("first", 2), ("last", 1), ("max", 0), ("mean", 1), ("sum", 1),
])
def test_a_class_is_read_from_spikes(readout, expected):
    assert classify(_spikes([0, 0, 1], [1, 1, 0], [0, 1, 0]), readout).tolist() == [expected]


@pytest.mark.parametrize("readout", sorted(SCORES))
def test_ties_go_to_the_lowest_index(readout):
    assert not classify(np.zeros((2, 3, 4)), readout).any()
    assert not classify(np.ones((2, 3, 4)), readout).any()


def test_a_silent_unit_is_never_first():
    assert classify(_spikes([0, 0], [0, 0], [0, 1]), "first").tolist() == [1]


def test_the_per_step_read_out_gives_a_class_for_every_step():
    assert classify(_spikes([0, 1], [1, 0]), "step").tolist() == [[1, 0]]


def test_accuracy_counts_steps_where_classes_come_per_step():
    found = accuracy(np.array([[0, 1], [1, 1]]), np.array([0, 1]))
    assert (found.successes, found.n) == (3, 4)


def test_agreement_ignores_who_is_right():
    assert agreement(np.array([0, 1, 2]), np.array([0, 1, 1])).value == pytest.approx(2 / 3)


def test_equal_spikes_have_no_count_error_and_no_divergence():
    spikes = np.random.default_rng(0).integers(0, 2, (3, 5, 4))
    assert spike_count_error(spikes, spikes) == 0 and first_divergence({"a": spikes}, {"a": spikes}) is None


def test_a_spike_of_a_silent_reference_counts_whole():
    assert spike_count_error(np.zeros((1, 2, 2)), np.ones((1, 2, 2))) == 4


def test_the_earliest_step_diverges_first_then_the_lowest_sample_population_and_neuron():
    expected = {"a": np.zeros((2, 4, 3)), "b": np.zeros((2, 4, 3))}
    other = {name: rows.copy() for name, rows in expected.items()}
    other["a"][0, 3, 0] = other["b"][1, 2, 2] = other["b"][1, 2, 1] = 1
    found = first_divergence(expected, other)
    assert found is not None
    assert (found.population, found.sample, found.step, found.neuron) == ("b", 1, 2, 1)
