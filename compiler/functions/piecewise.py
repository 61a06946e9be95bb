"""A smooth function on [0, 1) by cubic pieces of equal length, as many as its error target asks for.

Each piece interpolates at the Chebyshev nodes, so it is within (length)**4 / 3072 of the fourth derivative's largest
value (Powell 1981, eq. 4.13). Coefficients lie in four tables; Horner's scheme evaluates in 32 bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from compiler.functions.builder import Builder

Function = Callable[[np.ndarray], np.ndarray]

_NODES = (1 + np.cos(np.pi * (2 * np.arange(4) + 1) / 8)) / 2
_MOST = 4096
_SPARE = 1e-9


def evaluated(builder: Builder, y: str, name: str, function: Function, error: float) -> tuple[str, int]:
    """`function` of y (u31.31, or any format of [0, 1)) within about `error`; its name and fraction bits.

    name: of the tables, equal for equal functions and targets.
    """
    coefficients = pieces(function, error)
    count = len(coefficients)
    steps = count.bit_length() - 1
    fraction = min(31 - steps, 28)
    place = builder.op(f"{name}_place", "mul", y, float(count), type="u31.18/floor")
    index = builder.op(f"{name}_piece", "floor", place, type=f"u{max(steps, 1)}.0")
    t = builder.op(f"{name}_t", "mul", y, float(count), type=f"u{fraction}.{fraction}/wrap")
    sizes = np.abs(coefficients).max(axis=0)
    value, bits = "", 0
    for power in (3, 2, 1, 0):
        last, bits = bits, _fraction(sizes[power:].sum())
        entry = _entry(builder, f"{name}_c{power}", index, coefficients[:, power], bits, count)
        if not value:
            value = entry
            continue
        product = builder.op(f"{name}_p{power}", "mul", value, t, type=f"s32.{min(last + fraction, bits)}/even")
        value = builder.op(f"{name}_a{power}", "add", product, entry, type=f"s32.{bits}/even")
    return value, bits


def pieces(function: Function, error: float) -> np.ndarray:
    """Coefficients [pieces, 4] of rising powers of the place in the piece, as few pieces as `error` allows."""
    count = 4
    while True:
        found = _interpolated(function, count)
        if count >= _MOST or _largest_error(function, found) <= error:
            return found
        count *= 2


def _interpolated(function: Function, count: int) -> np.ndarray:
    values = function((np.arange(count)[:, None] + _NODES) / count)
    return np.linalg.solve(np.vander(_NODES, increasing=True), values.T).T


def _largest_error(function: Function, coefficients: np.ndarray) -> float:
    t = np.linspace(0, 1, 33, endpoint=False)
    count = len(coefficients)
    found = coefficients @ np.vander(t, 4, increasing=True).T
    return float(np.abs(found - function((np.arange(count)[:, None] + t) / count)).max())


def _fraction(size: float) -> int:
    """Fraction bits at which 32 signed bits hold a size; at most 40."""
    return min(31 - math.ceil(math.log2(size * (1 + _SPARE) + _SPARE)), 40)


def _entry(builder: Builder, name: str, index: str, values: np.ndarray, bits: int, count: int) -> str:
    type_ = f"s32.{bits}"
    return builder.op(name, "lookup", index, builder.table(f"table.{name}_{count}", values, type_), type=type_)
