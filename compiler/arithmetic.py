"""The meaning of every operation on fixed-point values, in plain NumPy integers (semantics 11, 12).

A value is a pair of raw int64 integers and a fraction: value = raw * 2**-fraction. Every operation gives
the exact result; `fit` then rounds and fits it into the result's format. The verifier bounds every exact
width by 62 bits, so int64 holds it. Only the golden model uses this page; code generators have their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from compiler.formats import BoolType, Format, Type


class OverflowFault(Exception):
    """A value declared `proved` left its format: the proof, or the compiler, is wrong."""


@dataclass(frozen=True)
class Fixed:
    """Raw int64 integers with their fraction; truth values are raw 0 or 1 with fraction 0."""

    raw: np.ndarray
    fraction: int = 0


def literal(value: float | int | bool) -> Fixed:
    """An exact dyadic number, at the smallest fraction that holds it."""
    numerator, denominator = float(value).as_integer_ratio()
    return Fixed(np.asarray(numerator, np.int64), denominator.bit_length() - 1)


def _aligned(a: Fixed, b: Fixed) -> tuple[np.ndarray, np.ndarray, int]:
    fraction = max(a.fraction, b.fraction)
    return a.raw << (fraction - a.fraction), b.raw << (fraction - b.fraction), fraction


def _add(a: Fixed, b: Fixed) -> Fixed:
    x, y, fraction = _aligned(a, b)
    return Fixed(x + y, fraction)


def _sub(a: Fixed, b: Fixed) -> Fixed:
    x, y, fraction = _aligned(a, b)
    return Fixed(x - y, fraction)


def _mul(a: Fixed, b: Fixed) -> Fixed:
    return Fixed(a.raw * b.raw, a.fraction + b.fraction)


def _min(a: Fixed, b: Fixed) -> Fixed:
    x, y, fraction = _aligned(a, b)
    return Fixed(np.minimum(x, y), fraction)


def _max(a: Fixed, b: Fixed) -> Fixed:
    x, y, fraction = _aligned(a, b)
    return Fixed(np.maximum(x, y), fraction)


def _select(condition: Fixed, a: Fixed, b: Fixed) -> Fixed:
    x, y, fraction = _aligned(a, b)
    return Fixed(np.where(condition.raw != 0, x, y), fraction)


def _compare(relation):
    def compare(a: Fixed, b: Fixed) -> Fixed:
        x, y, _ = _aligned(a, b)
        return Fixed(relation(x, y).astype(np.int64))

    return compare


def _integers(a: Fixed, rounding: str) -> Fixed:
    if a.fraction <= 0:
        return Fixed(a.raw << -a.fraction)
    return Fixed(round_off(a.raw, a.fraction, rounding))


def _ceil(a: Fixed) -> Fixed:
    return Fixed(-_integers(Fixed(-a.raw, a.fraction), "floor").raw)


def _lookup(a: Fixed, table: Fixed) -> Fixed:
    index = np.clip(_integers(a, "floor").raw, 0, len(table.raw) - 1)
    return Fixed(table.raw[index], table.fraction)


EXACT = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "neg": lambda a: Fixed(-a.raw, a.fraction),
    "abs": lambda a: Fixed(np.abs(a.raw), a.fraction),
    "sign": lambda a: Fixed(np.sign(a.raw)),
    "min": _min,
    "max": _max,
    "convert": lambda a: a,
    "select": _select,
    "lt": _compare(np.less),
    "le": _compare(np.less_equal),
    "gt": _compare(np.greater),
    "ge": _compare(np.greater_equal),
    "eq": _compare(np.equal),
    "ne": _compare(np.not_equal),
    "and": lambda a, b: Fixed(a.raw & b.raw),
    "or": lambda a, b: Fixed(a.raw | b.raw),
    "xor": lambda a, b: Fixed(a.raw ^ b.raw),
    "not": lambda a: Fixed(1 - a.raw),
    "floor": lambda a: _integers(a, "floor"),
    "ceil": _ceil,
    "round": lambda a: _integers(a, "even"),
    "lookup": _lookup,
}


def round_off(raw: np.ndarray, bits: int, rounding: str) -> np.ndarray:
    """Drop `bits` > 0 low bits of exact integers.

    >>> round_off(np.array([-3, -1, 1, 2, 3, 6]), 2, "even").tolist()
    [-1, 0, 0, 0, 1, 2]
    """
    half = np.int64(1) << (bits - 1)
    floor = raw >> bits
    rest = raw - (floor << bits)
    if rounding == "floor":
        return floor
    if rounding == "zero":
        return np.where((raw < 0) & (rest != 0), floor + 1, floor)
    if rounding == "even":
        return floor + ((rest > half) | ((rest == half) & (floor & 1 == 1)))
    if rounding == "away":
        return floor + ((rest > half) | ((rest == half) & (raw >= 0)))
    raise ValueError(f"no rounding {rounding!r}")


Raised = Callable[[np.ndarray, int, int], np.ndarray]
"""Whether what is lost rounds up: (what, how many bits it has, rounding site) -> truth values."""


def fit(value: Fixed, type_: Type, raised: Raised | None = None) -> Fixed:
    """Round an exact value to the type's fraction and fit it into its range.

    raised: the random bits of stochastic rounding. Raises OverflowFault when a `proved` value does not fit.
    """
    if isinstance(type_, BoolType):
        return value
    if not isinstance(type_, Format):
        raise TypeError(f"{type_} is no fixed-point type")
    drop = value.fraction - type_.fraction
    if drop > 0 and type_.rounding == "stochastic" and raised is not None:
        floor = value.raw >> drop
        raw = floor + raised(value.raw - (floor << drop), drop, type_.site)
    else:
        raw = round_off(value.raw, drop, type_.rounding) if drop > 0 else value.raw << -drop
    if type_.overflow == "saturate":
        raw = np.clip(raw, type_.low, type_.high)
    elif type_.overflow == "wrap":
        raw = ((raw - type_.low) & ((1 << type_.width) - 1)) + type_.low
    elif raw.size and (int(raw.min()) < type_.low or int(raw.max()) > type_.high):
        raise OverflowFault(f"[{raw.min()}, {raw.max()}] does not fit {type_}, which was said to be proved")
    return Fixed(raw, type_.fraction)
