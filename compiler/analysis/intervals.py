"""Interval arithmetic on fixed-point values: which raw integers an operation can give, per unit.

Bounds are int64 arrays over units; `LIMIT` stands for unbounded. Every operation maps the exact bounds, then
rounds and fits as the op's type says; rounding is monotone, so bounds round like values.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.formats import BoolType, Format, Type

LIMIT = (1 << 62) - 1


@dataclass(frozen=True)
class Interval:
    """low <= raw <= high, elementwise; value = raw * 2**-fraction."""

    low: np.ndarray
    high: np.ndarray
    fraction: int = 0

    def hull(self, other: Interval) -> Interval:
        return Interval(np.minimum(self.low, other.low), np.maximum(self.high, other.high), self.fraction)

    def contains(self, other: Interval) -> bool:
        return bool((self.low <= other.low).all() and (self.high >= other.high).all())

    @property
    def bounded(self) -> bool:
        return bool((self.low > -LIMIT).all() and (self.high < LIMIT).all())


def point(value: np.ndarray | int, fraction: int = 0) -> Interval:
    raw = np.asarray(value, np.int64)
    return Interval(raw, raw, fraction)


def literal(value: float | int | bool) -> Interval:
    numerator, denominator = float(value).as_integer_ratio()
    return point(numerator, denominator.bit_length() - 1)


def whole(type_: Type) -> Interval:
    """Everything a type can hold."""
    if isinstance(type_, BoolType):
        return Interval(np.asarray(0), np.asarray(1))
    assert isinstance(type_, Format)
    return Interval(np.asarray(max(type_.low, -LIMIT)), np.asarray(min(type_.high, LIMIT)), type_.fraction)


def _clamp(values: np.ndarray) -> np.ndarray:
    return np.clip(values, -LIMIT, LIMIT)


def _shift_left(raw: np.ndarray, bits: int) -> np.ndarray:
    """raw * 2**bits, held at LIMIT."""
    if bits == 0:
        return raw
    return np.where(np.abs(raw) >= LIMIT >> bits, np.sign(raw) * LIMIT, raw << bits)


def align(a: Interval, b: Interval) -> tuple[Interval, Interval]:
    """Both at the larger fraction, exactly."""
    fraction = max(a.fraction, b.fraction)
    return rescale(a, fraction), rescale(b, fraction)


def rescale(a: Interval, fraction: int) -> Interval:
    bits = fraction - a.fraction
    return Interval(_shift_left(a.low, bits), _shift_left(a.high, bits), fraction)


def _add(a: Interval, b: Interval) -> Interval:
    a, b = align(a, b)
    return Interval(_clamp(a.low + b.low), _clamp(a.high + b.high), a.fraction)


def _sub(a: Interval, b: Interval) -> Interval:
    return _add(a, _neg(b))


def _neg(a: Interval) -> Interval:
    return Interval(-a.high, -a.low, a.fraction)


def _product(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x * y, held at LIMIT; the float product tells where the integer one would overflow."""
    rough = x.astype(np.float64) * y.astype(np.float64)
    return np.where(np.abs(rough) >= LIMIT, np.sign(rough).astype(np.int64) * LIMIT, x * y)


def _mul(a: Interval, b: Interval) -> Interval:
    corners = [_product(x, y) for x in (a.low, a.high) for y in (b.low, b.high)]
    low, high = corners[0], corners[0]
    for corner in corners[1:]:
        low, high = np.minimum(low, corner), np.maximum(high, corner)
    return Interval(low, high, a.fraction + b.fraction)


def square(a: Interval) -> Interval:
    """a * a: never negative."""
    both = _mul(a, a)
    straddles = (a.low <= 0) & (a.high >= 0)
    least = np.minimum(_product(a.low, a.low), _product(a.high, a.high))
    return Interval(np.where(straddles, 0, least), both.high, both.fraction)


def _abs(a: Interval) -> Interval:
    straddles = (a.low <= 0) & (a.high >= 0)
    ends = np.abs(a.low), np.abs(a.high)
    return Interval(np.where(straddles, 0, np.minimum(*ends)), np.maximum(*ends), a.fraction)


def _minimum(a: Interval, b: Interval) -> Interval:
    a, b = align(a, b)
    return Interval(np.minimum(a.low, b.low), np.minimum(a.high, b.high), a.fraction)


def _maximum(a: Interval, b: Interval) -> Interval:
    a, b = align(a, b)
    return Interval(np.maximum(a.low, b.low), np.maximum(a.high, b.high), a.fraction)


def _select(condition: Interval, a: Interval, b: Interval) -> Interval:
    a, b = align(a, b)
    both = a.hull(b)
    low = np.where(condition.low == 1, a.low, np.where(condition.high == 0, b.low, both.low))
    high = np.where(condition.low == 1, a.high, np.where(condition.high == 0, b.high, both.high))
    return Interval(low, high, a.fraction)


def _truth(always: np.ndarray, never: np.ndarray) -> Interval:
    return Interval(always.astype(np.int64), 1 - never.astype(np.int64))


def _gt(a: Interval, b: Interval) -> Interval:
    a, b = align(a, b)
    return _truth(a.low > b.high, a.high <= b.low)


def _ge(a: Interval, b: Interval) -> Interval:
    a, b = align(a, b)
    return _truth(a.low >= b.high, a.high < b.low)


def _eq(a: Interval, b: Interval) -> Interval:
    a, b = align(a, b)
    same = (a.low == a.high) & (b.low == b.high) & (a.low == b.low)
    return _truth(same, (a.low > b.high) | (a.high < b.low))


def _not(a: Interval) -> Interval:
    return Interval(1 - a.high, 1 - a.low)


def _integers(rounding: str):
    def convert(a: Interval) -> Interval:
        return _round(a, 0, rounding)

    return convert


def _lookup(a: Interval, table: Interval) -> Interval:
    """Of a monotone table the entries at both ends of the index; else all of it."""
    entries = table.low
    grows = np.diff(entries) >= 0
    if not grows.all() and (np.diff(entries) > 0).any():
        return Interval(entries.min(), entries.max(), table.fraction)
    ends = [entries[np.clip(_round(end, 0, "floor").low, 0, entries.size - 1)]
            for end in (Interval(a.low, a.low, a.fraction), Interval(a.high, a.high, a.fraction))]
    low, high = ends if grows.all() else ends[::-1]
    return Interval(low, high, table.fraction)


EXACT = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "neg": _neg,
    "abs": _abs,
    "sign": lambda a: Interval(np.sign(a.low), np.sign(a.high)),
    "min": _minimum,
    "max": _maximum,
    "convert": lambda a: a,
    "select": _select,
    "gt": _gt,
    "ge": _ge,
    "lt": lambda a, b: _gt(b, a),
    "le": lambda a, b: _ge(b, a),
    "eq": _eq,
    "ne": lambda a, b: _not(_eq(a, b)),
    "and": lambda a, b: Interval(a.low & b.low, a.high & b.high),
    "or": lambda a, b: Interval(a.low | b.low, a.high | b.high),
    "xor": lambda a, b: _truth((a.low == a.high) & (b.low == b.high) & (a.low != b.low),
                               (a.low == a.high) & (b.low == b.high) & (a.low == b.low)),
    "not": _not,
    "floor": _integers("floor"),
    "ceil": lambda a: _neg(_round(_neg(a), 0, "floor")),
    "round": _integers("even"),
    "lookup": _lookup,
}


def _round(a: Interval, fraction: int, rounding: str) -> Interval:
    drop = a.fraction - fraction
    if drop <= 0:
        return rescale(a, fraction)
    if rounding == "stochastic":
        rounded = _unless_unbounded(a.low, a.low >> drop), _unless_unbounded(a.high, -(-a.high >> drop))
        return Interval(*rounded, fraction)
    low, high = (_unless_unbounded(end, _round_raw(end, drop, rounding)) for end in (a.low, a.high))
    return Interval(low, high, fraction)


def _unless_unbounded(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Unbounded stays unbounded when bits are dropped."""
    return np.where(np.abs(before) >= LIMIT, before, after)


def _round_raw(raw: np.ndarray, drop: int, rounding: str) -> np.ndarray:
    if rounding == "floor":
        return raw >> drop
    if rounding == "zero":
        return np.sign(raw) * (np.abs(raw) >> drop)
    half = np.int64(1) << (drop - 1)
    away = np.sign(raw) * ((np.abs(raw) + half) >> drop)
    if rounding == "away":
        return away
    tie = (np.abs(raw) & ((1 << drop) - 1)) == half
    return np.where(tie & (away % 2 != 0), away - np.sign(raw), away)


def fit(value: Interval, type_: Type) -> Interval:
    """Bounds after rounding and fitting. A `proved` type does not cut: the caller compares."""
    if isinstance(type_, BoolType):
        return value
    assert isinstance(type_, Format)
    rounded = _round(value, type_.fraction, type_.rounding)
    if type_.overflow == "saturate":
        return Interval(np.clip(rounded.low, type_.low, type_.high), np.clip(rounded.high, type_.low, type_.high),
                        type_.fraction)
    if type_.overflow == "wrap":
        inside = (rounded.low >= type_.low) & (rounded.high <= type_.high)
        return Interval(np.where(inside, rounded.low, type_.low), np.where(inside, rounded.high, type_.high),
                        type_.fraction)
    return rounded
