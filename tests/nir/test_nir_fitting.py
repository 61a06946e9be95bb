"""Weights rounded to the activity that calibration data show; comparisons by folds."""

from pathlib import Path

import numpy as np
import pytest

from compiler.comparison.comparison import compare_source
from compiler.discovery import passes
from compiler.passes import fit_weights
from compiler.passes.fit_weights import rounded_together
from compiler.pipeline import MODEL_PASSES, quantized
from compiler.settings import Settings

DATA = Path(__file__).parent.parent / "data" / "nir"
ZERO = str(DATA / "braille_noDelay_bias_zero.nir")


def recorded(name):
    with np.load(DATA / f"{name}.npz") as file:
        return dict(file)


@pytest.mark.parametrize("seed", range(5))
def test_errors_of_weights_rounded_together_cancel_on_what_they_multiply(seed):
    rng = np.random.default_rng(seed)
    arriving = (rng.random((400, 6)) < 0.3) @ rng.normal(size=(6, 24)) + 0.1 * rng.normal(size=(400, 24))
    weights, moments, most = rng.normal(size=(5, 24)) * 3, arriving.T @ arriving / 400, np.full(24, 7.0)
    fitted, nearest = rounded_together(weights, moments, most), np.clip(np.rint(weights), -7, 7)
    assert np.array_equal(fitted, np.rint(fitted)) and np.abs(fitted).max() <= 7

    def error(found):
        return float((((weights - found) @ arriving.T) ** 2).mean())

    assert error(fitted) < 0.7 * error(nearest)


def test_weights_of_units_that_never_fire_are_rounded_to_the_nearest():
    rng = np.random.default_rng(0)
    weights, moments = rng.normal(size=(4, 6)) * 5, np.diag([1.0, 0.5, 2.0, 0.0, 0.0, 1.0])
    found = rounded_together(weights, moments, np.full(6, 127.0))
    assert np.array_equal(found, np.rint(weights))


def scaled(settings):
    """The network as it comes to fitting, and the options of the compile."""
    source = settings.load(ZERO)
    network, options = source.lower(), settings.options(source)
    for name in (*MODEL_PASSES, "invert_divisors", "co_scale", "calibrate"):
        network = passes()[name].run(network, options)
    return network, options


def test_sums_of_4_bit_weights_come_closer_on_the_data_they_are_fitted_to():
    data = np.stack([recorded("braille_zero_0")["input"], recorded("snntorch_hidden_0")["input"]])
    network, options = scaled(Settings(weights=4, calibration={"input": data}))
    fitted = fit_weights.run(network, options)
    hidden = [network.projection(name) for name in ("fc1", "lif1_w_rec")]
    seen = fit_weights._Activity(network, options, hidden)

    def error(rounded):
        sums = 0.0
        for item in hidden:
            weights, found = (net.tensor(net.projection(item.name).chain[-1].weights).values
                              for net in (network, rounded))
            sums = sums + seen.seen(item) @ (weights - np.clip(np.rint(found), -7, 7)).T
        return float((sums**2).mean())

    assert error(fitted) < 0.85 * error(network)


def test_a_random_stimulus_leaves_weights_at_their_nearest():
    networks = []
    for rounding in ("fitted", "nearest"):
        settings = Settings(weights=4, weight_rounding=rounding)
        source = settings.load(ZERO)
        networks.append(quantized(source, settings.options(source)))
    assert networks[0] == networks[1]


def test_folds_score_every_sample_once_with_weights_that_never_saw_it():
    settings = Settings(weights=12, states=24, chip="none")
    source = settings.load(ZERO)
    rng = np.random.default_rng(0)
    inputs = (rng.random((9, 30, 12)) < np.linspace(0.1, 0.6, 9)[:, None, None]).astype(np.uint8)
    label = source.run({"input": inputs}).outputs["output"].sum(1).argmax(1)
    found = compare_source(source, settings, {"input": inputs, "label": label}, folds=4)
    assert (found.reference.successes, found.reference.n) == (9, 9)
    assert found.rows[0].accuracy.n == found.rows[0].agreement.n == 9
    assert found.rows[0].accuracy.value > 0.7
