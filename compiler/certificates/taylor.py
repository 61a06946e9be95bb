"""The check's own idea of the functions themselves on blocks: Taylor's cubic polynomial, and its remainder.

Derivatives of tanh and logistic come from Riccati's equation y' = 1 - y², those of the others from closed forms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_MATHEMATICS = 2.0**-48
_OF_ONE = {"exp": np.exp, "log": np.log, "sqrt": np.sqrt, "tanh": np.tanh,
           "logistic": lambda x: (1 + np.tanh(x / 2)) / 2}
FUNCTIONS = (*_OF_ONE, "div")


@dataclass(frozen=True)
class Truth:
    """coefficients ± radius; least, most: at the corners, where `enclosed` of all; exists: anywhere in the block."""

    coefficients: np.ndarray
    radius: np.ndarray
    remainder: np.ndarray
    least: np.ndarray
    most: np.ndarray
    enclosed: np.ndarray
    exists: np.ndarray


Given = tuple[np.ndarray, np.ndarray, int | None, float]
"""Lowest and highest value of an operand on every block, which argument it is (None: a number), its last bit."""


def truth_of(opcode: str, given: list[Given], shape: tuple[int, int]) -> Truth:
    """A function of the certificate on blocks."""
    with np.errstate(all="ignore"):
        if opcode == "div":
            return _ratio(given[0], given[1], shape)
        low, high, _, lsb = given[0]
        return _rising(opcode, low, high, lsb, shape)


def value(opcode: str, x: np.ndarray) -> np.ndarray:
    """A function of one argument."""
    return _OF_ONE[opcode](x)


def _rising(opcode: str, low: np.ndarray, high: np.ndarray, lsb: float, shape: tuple[int, int]) -> Truth:
    start = {"sqrt": 0.0, "log": lsb}.get(opcode, -np.inf)
    centre, half = 0.5 * (low + high), 0.5 * (high - low)
    powers = [one * half**power / (1, 1, 2, 6)[power] for power, one in enumerate(_derivatives(opcode, centre))]
    remainder = _fourth(opcode, low, high) / 24 * half**4
    remainder[(low < start) | ~np.isfinite(remainder)] = np.inf
    least, most = value(opcode, np.maximum(low, start)), value(opcode, high)
    largest = np.maximum(np.abs(least), np.abs(most))
    coefficients = np.zeros((*shape, len(low)))
    coefficients[0] = powers
    noise = _MATHEMATICS * (largest + np.abs(coefficients).sum(axis=(0, 1)))
    return Truth(coefficients, remainder + noise, remainder, least, most, np.ones(len(low), bool), high >= start)


def _derivatives(opcode: str, x: np.ndarray) -> list[np.ndarray]:
    if opcode == "exp":
        return [np.exp(x)] * 4
    if opcode == "log":
        return [np.log(x), x**-1.0, -(x**-2.0), 2 * x**-3.0]
    if opcode == "sqrt":
        return [x**0.5, x**-0.5 / 2, x**-1.5 / -4, x**-2.5 * 3 / 8]
    if opcode == "tanh":
        return _riccati(x)
    y, first, second, third = _riccati(x / 2)
    return [(1 + y) / 2, first / 4, second / 8, third / 16]


def _riccati(x: np.ndarray) -> list[np.ndarray]:
    """tanh: y' = 1 - y², y'' = -2 y y', y''' = -2 (y'² + y y'')."""
    y, first = np.tanh(x), 1 / np.cosh(x) ** 2
    second = -2 * y * first
    return [y, first, second, -2 * (first * first + y * second)]


def _fourth(opcode: str, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """At least the size of the fourth derivative anywhere between."""
    if opcode == "exp":
        return np.exp(high)
    if opcode == "log":
        return 6 * low**-4.0
    if opcode == "sqrt":
        return 0.9375 * low**-3.5
    near = np.maximum(np.maximum(low, -high), 0)
    if opcode == "tanh":
        return 16 / np.cosh(near) ** 2
    return 0.5 / np.cosh(near / 2) ** 2


def _ratio(a: Given, b: Given, shape: tuple[int, int]) -> Truth:
    """a / b by the geometric series of 1 / b around the middle of the block."""
    low, high, divisor, _ = b
    middle, size = (low + high) / 2, np.maximum(np.abs(a[0]), np.abs(a[1]))
    ratio = (high - low) / 2 / middle
    coefficients, beyond = np.zeros((*shape, len(low))), np.zeros(len(low))
    moving = (a[1] - a[0]) / 2
    for power in range(4):
        term = (1, -1, 1, -1)[power] * ratio**power / middle
        coefficients[0, power] += (a[0] + a[1]) / 2 * term
        if a[2] == divisor:
            if power < 3:
                coefficients[0, power + 1] += moving * term
            else:
                beyond = np.abs(moving * term)
        elif shape[0] == 2:
            coefficients[1, power] = moving * term
    pole = (low <= 0) & (high >= 0)
    remainder = np.where(pole, np.inf, size * ratio**4 / (1 - np.abs(ratio)) / np.abs(middle) + beyond)
    corners = np.stack([top / bottom for bottom in (low, high) for top in a[:2]])
    if a[2] == divisor:
        corners = np.ones(corners.shape)
    noise = 16 * _MATHEMATICS * size / np.minimum(np.abs(low), np.abs(high))
    return Truth(coefficients, remainder + noise, remainder, corners.min(axis=0), corners.max(axis=0), ~pole,
                 ~((low == 0) & (high == 0)))
