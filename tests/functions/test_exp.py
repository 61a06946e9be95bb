"""exp of state: the error over every argument, and what happens at the ends."""

import numpy as np
import pytest

from tests.functions.evaluation import evaluated, format_of


@pytest.mark.parametrize("name, highest", [("s32.15", 10.0), ("s24.12", 7.0), ("s16.8", 4.8)])
def test_exp_is_within_one_step_of_the_truth_for_every_argument(name, highest):
    format_ = format_of(name)
    raw = np.arange(int(-14 * 2.0**format_.fraction), int(highest * 2.0**format_.fraction) + 1)
    truth = np.exp(raw.astype(np.longdouble) / 2.0**format_.fraction) * 2.0**format_.fraction
    assert float(np.abs(evaluated("exp", [raw], format_, format_) - truth).max()) <= 1.0


def test_exp_saturates_above_and_vanishes_below():
    format_ = format_of("s32.15")
    ends = np.array([format_.low, -20 << 15, 12 << 15, format_.high])
    assert evaluated("exp", [ends], format_, format_).tolist() == [0, 0, format_.high, format_.high]
