"""The other functions of state against long doubles: every argument of narrow formats, samples of wide ones."""

import numpy as np
import pytest

from compiler.functions import piecewise
from tests.functions.evaluation import evaluated, format_of, largest_error

TRUTHS = {
    "log": np.log,
    "logistic": lambda x: 1 / (1 + np.exp(-x)),
    "sqrt": lambda x: np.sqrt(np.maximum(x, 0)),
    "tanh": np.tanh,
}


def truth_of(function, raw, format_):
    with np.errstate(all="ignore"):
        real = function(raw.astype(np.longdouble) * format_.lsb) / np.longdouble(format_.lsb)
    return np.clip(np.where(np.isnan(real), format_.low, real), format_.low, format_.high)


def samples(format_, count=200_000):
    """Small and large arguments alike: uniform in the logarithm, and every one near zero."""
    generator = np.random.default_rng(5)
    sizes = np.exp2(generator.uniform(0, format_.width - 1.001, count))
    spread = (generator.choice([-1, 1], count) * sizes).astype(np.int64)
    return np.concatenate([spread, np.arange(-20_000, 20_000), [format_.low, format_.high]])


@pytest.mark.parametrize("function", TRUTHS)
def test_a_function_is_within_one_step_for_every_argument_of_16_bits(function):
    format_ = format_of("s16.8")
    raw = np.arange(format_.low, format_.high + 1)
    error = np.abs(evaluated(function, [raw], format_, format_) - truth_of(TRUTHS[function], raw, format_))
    assert float(error.max()) <= 0.52


@pytest.mark.parametrize("name", ["s32.8", "s32.15", "s24.12", "s32.20", "s32.24"])
@pytest.mark.parametrize("function", ["log", "logistic", "sqrt", "tanh"])
def test_a_function_is_within_one_step_of_the_truth(function, name):
    format_ = format_of(name)
    raw = samples(format_)
    error = np.abs(evaluated(function, [raw], format_, format_) - truth_of(TRUTHS[function], raw, format_))
    assert float(error.max()) <= 0.65


@pytest.mark.parametrize("name", ["s32.8", "s32.15", "s24.12", "s16.8", "s32.24"])
def test_a_quotient_is_within_one_step_or_27_significant_bits(name):
    format_ = format_of(name)
    a, b = samples(format_), np.random.default_rng(6).permutation(samples(format_))
    b = np.where(b == 0, 1, b)
    truth = np.clip(a.astype(np.longdouble) / b * 2.0**format_.fraction, format_.low, format_.high)
    allowed = np.maximum(1.0, np.abs(truth) * 2.0**-27)
    assert bool((np.abs(evaluated("div", [a, b], format_, format_) - truth) <= allowed).all())


@pytest.mark.parametrize("function", ["div", "log", "sqrt"])
def test_arguments_below_the_30th_bit_are_numbers_too(function):
    argument = format_of("s8.36")
    raw = np.arange(argument.low, argument.high + 1)
    raws = [axis.ravel() for axis in np.meshgrid(raw, raw)] if function == "div" else [raw]
    assert largest_error(function, raws, argument, format_of("s20.8")) <= 0.5


def test_division_by_zero_has_the_sign_of_the_dividend():
    format_ = format_of("s32.15")
    found = evaluated("div", [np.array([5, -5, 0]), np.array([0, 0, 0])], format_, format_)
    assert found.tolist() == [format_.high, -format_.high, 0]


def test_where_a_root_or_logarithm_does_not_exist_the_end_of_the_format_stands():
    format_ = format_of("s32.15")
    raw = np.array([0, -1, format_.low])
    assert evaluated("sqrt", [raw], format_, format_).tolist() == [0, 0, 0]
    assert evaluated("log", [raw], format_, format_).tolist() == [format_.low] * 3


def test_tanh_is_odd_and_logistic_symmetric():
    format_ = format_of("s32.15")
    raw = np.arange(1, 300_000, 7)
    tanh = {sign: evaluated("tanh", [sign * raw], format_, format_) for sign in (1, -1)}
    logistic = {sign: evaluated("logistic", [sign * raw], format_, format_) for sign in (1, -1)}
    assert (tanh[1] == -tanh[-1]).all()
    assert int(np.abs(logistic[1] + logistic[-1] - 2**15).max()) <= 1


def test_pieces_are_as_few_as_the_error_target_allows():
    coarse, fine = (piecewise.pieces(np.exp, error) for error in (1e-4, 1e-9))
    assert len(coarse) == 4
    assert len(fine) == 32
