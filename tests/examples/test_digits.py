"""The digits example: trained weights do what the page says, any number of steps runs, training repeats itself."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def digits():
    sys.path.insert(0, str(EXAMPLES))
    return importlib.import_module("digits")


@pytest.fixture(scope="module")
def training(digits):
    return importlib.import_module("train_digits")


def test_the_trained_network_recognises_held_out_digits(digits, training):
    assert training.held_out_accuracy(digits.model()).value >= 0.97


def test_the_delayed_and_the_recurrent_projection_matter(digits, training):
    brain, inputs = digits.model(), 64 * (1 + len(digits.DELAYS))
    assert training.ablated(brain, slice(64, inputs)).value < 0.9
    assert training.ablated(brain, slice(inputs, None)).value < 0.9


@pytest.mark.parametrize("steps", [1, 7, 60])
def test_any_number_of_steps_runs(digits, steps):
    spikes = np.zeros((2, steps, 64), np.uint8)
    assert np.asarray(digits.model().run({"input": spikes})[0]["output"]).shape == (2, steps, 10)


def test_the_weights_are_small_and_not_pickled(digits):
    assert digits.WEIGHTS.stat().st_size < 300_000
    with np.load(digits.WEIGHTS, allow_pickle=False) as archive:
        assert all(archive[name].dtype != object for name in archive.files)


@pytest.mark.slow
def test_training_learns_and_repeats_itself(digits, training):
    accuracies = []
    for _ in range(2):
        brain = digits.network(seed=1)
        training.train(brain, epochs=4, copies=1)
        accuracies.append(training.held_out_accuracy(brain).value)
    assert accuracies[0] == accuracies[1] > 0.8
