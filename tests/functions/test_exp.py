"""exp of state: the error over every argument, at the top of the widest results, and what happens at the ends."""

import numpy as np
import pytest

from tests.functions.evaluation import evaluated, format_of


def error_of(format_, raw):
    """Largest error in last bits, against long doubles."""
    truth = np.exp(raw.astype(np.longdouble) * format_.lsb) / np.longdouble(format_.lsb)
    return float(np.abs(evaluated("exp", [raw], format_, format_) - truth).max())


@pytest.mark.parametrize("name, highest", [("s32.15", 10.0), ("s24.12", 7.0), ("s16.8", 4.8)])
def test_exp_is_rounded_to_nearest_for_every_argument_but_for_two_hundredths_of_a_step(name, highest):
    format_ = format_of(name)
    raw = np.arange(int(-14 * 2.0**format_.fraction), int(highest * 2.0**format_.fraction) + 1)
    assert error_of(format_, raw) <= 0.52


@pytest.mark.parametrize("name", ["s32.0", "s32.8", "s32.15", "s32.24", "s32.30", "s32.31", "u31.20"])
def test_the_largest_results_of_31_bits_are_as_good(name):
    """The last three octaves below the largest number, where a result has more bits than a mantissa of 31."""
    format_ = format_of(name)
    top = min(np.log(format_.high * format_.lsb) * 2.0**format_.fraction, format_.high)
    low = max(top - 2.1 * 2.0**format_.fraction, format_.low)
    raw = np.unique(np.random.default_rng(3).integers(int(low), int(top), 100_000, endpoint=True))
    near = np.arange(max(int(top) - 50_000, int(low)), int(top) + 1)
    assert error_of(format_, np.concatenate([raw, near])) <= 0.52


def test_exp_saturates_above_and_vanishes_below():
    format_ = format_of("s32.15")
    ends = np.array([format_.low, -20 << 15, 12 << 15, format_.high])
    assert evaluated("exp", [ends], format_, format_).tolist() == [0, 0, format_.high, format_.high]
