"""Functions as cubic Taylor polynomials on blocks of arguments, with a bound of the fourth derivative's term.

All functions of one argument here rise; a quotient is monotone in each argument where the divisor keeps its sign. So
their values at the corners of a block enclose those within.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.special

from compiler.certificates.forms import Terms, multiplied

Blocks = tuple[np.ndarray, np.ndarray]
"""Lowest and highest value of an argument on every block, real units; equal ends for a number."""

_MATHEMATICS_NOISE = 2.0**-48
"""What float64 mathematics may be off, in parts of the value: 16 last bits."""


@dataclass(frozen=True)
class Expansion:
    """terms ± error, infinite where the block reaches beyond what the function is defined on.

    remainder: the part of the error that smaller blocks make smaller. least, most: of the function's values, where
    `enclosed`: it has no pole within. defined: whether it has any value in the block.
    """

    terms: Terms
    error: np.ndarray
    remainder: np.ndarray
    least: np.ndarray
    most: np.ndarray
    enclosed: np.ndarray
    defined: np.ndarray


Derivatives = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Function:
    """of: value. derivatives: value and the first three. fourth: bound of the fourth on [low, high]."""

    of: Callable[[np.ndarray], np.ndarray]
    derivatives: Derivatives
    fourth: Callable[[np.ndarray, np.ndarray], np.ndarray]
    lowest: float = -math.inf
    closed: bool = True


def _exp(x):
    return (np.exp(x),) * 4


def _log(x):
    return np.log(x), 1 / x, -1 / x**2, 2 / x**3


def _sqrt(x):
    root = np.sqrt(x)
    return root, 0.5 / root, -0.25 / (x * root), 0.375 / (x * x * root)


def _logistic(x):
    s = scipy.special.expit(x)
    q = s * scipy.special.expit(-x)
    return s, q, q * (1 - 2 * s), q * (1 - 6 * q)


def _logistic_fourth(low, high):
    """q (1 - 2 s)(1 - 12 q) with q = s (1 - s) at most 2 q, q largest next to zero."""
    nearest = np.where((low <= 0) & (high >= 0), 0.0, np.minimum(np.abs(low), np.abs(high)))
    s = scipy.special.expit(-nearest)
    return 2 * s * (1 - s)


def _tanh(x):
    """2 logistic(2 x) - 1."""
    y = np.tanh(x)
    q = np.cosh(x) ** -2.0
    return y, q, -2 * y * q, q * (4 - 6 * q)


FUNCTIONS = {
    "exp": Function(np.exp, _exp, lambda low, high: np.exp(high)),
    "log": Function(np.log, _log, lambda low, high: 6 / low**4, 0.0, closed=False),
    "sqrt": Function(np.sqrt, _sqrt, lambda low, high: 15 / 16 * low**-3.5, 0.0),
    "tanh": Function(np.tanh, _tanh, lambda low, high: 32 * _logistic_fourth(2 * low, 2 * high)),
    "logistic": Function(scipy.special.expit, _logistic, _logistic_fourth),
}


def of(opcode: str, operands: Sequence[Blocks], places: Sequence[int], degrees: Sequence[int], lsb: float
       ) -> Expansion:
    """What an operation is on blocks. places: which argument each operand is; lsb: of the last."""
    with np.errstate(all="ignore"):
        if opcode == "div":
            return _quotient(operands, places, degrees)
        return _univariate(FUNCTIONS[opcode], *operands[0], lsb)


def _univariate(function: Function, low: np.ndarray, high: np.ndarray, lsb: float) -> Expansion:
    first = -math.inf if function.lowest == -math.inf else function.lowest if function.closed else function.lowest + lsb
    centre, radius = (low + high) / 2, (high - low) / 2
    derivatives = function.derivatives(centre)
    terms = {(power,) if power else (): value * radius**power / math.factorial(power)
             for power, value in enumerate(derivatives)}
    remainder = function.fourth(low, high) * radius**4 / 24
    remainder = np.where((low < first) | ~np.isfinite(remainder), np.inf, remainder)
    least, most = function.of(np.maximum(low, first)), function.of(high)
    sizes = np.maximum(np.abs(least), np.abs(most)) + sum(np.abs(item) for item in terms.values())
    noise = _MATHEMATICS_NOISE * sizes
    return Expansion(terms, remainder + noise, remainder, least, most, high == high, high >= first)


def _quotient(operands: Sequence[Blocks], places: Sequence[int], degrees: Sequence[int]) -> Expansion:
    """a / b with 1 / b = (1 - s t + s² t² - s³ t³ ± s⁴ / (1 - s)) / centre, s = radius / centre."""
    (a_low, a_high), (b_low, b_high) = operands
    line = _line(a_low, a_high, places[0])
    centre = (b_low + b_high) / 2
    slope = (b_high - b_low) / 2 / centre
    power = (0,) * max(places[1], 0)
    series = {(*power, j) if j else (): (-slope) ** j / centre for j in range(4)}
    rest = slope**4 / (1 - np.abs(slope)) / np.abs(centre)
    crosses = (b_low <= 0) & (b_high >= 0)
    terms, left_out = multiplied(line, series, degrees)
    size = np.maximum(np.abs(a_low), np.abs(a_high))
    remainder = np.where(crosses, np.inf, size * rest + left_out)
    corners = [a / b for a in (a_low, a_high) for b in (b_low, b_high)]
    least, most = np.minimum.reduce(corners), np.maximum.reduce(corners)
    if places[0] == places[1]:
        least = most = np.ones(least.shape)
    noise = _MATHEMATICS_NOISE * 16 * size / np.minimum(np.abs(b_low), np.abs(b_high))
    return Expansion(terms, remainder + noise, remainder, least, most, ~crosses, (b_low != 0) | (b_high != 0))


def _line(low: np.ndarray, high: np.ndarray, place: int) -> Terms:
    if place < 0:
        return {(): low}
    return {(): (low + high) / 2, (0,) * place + (1,): (high - low) / 2}
