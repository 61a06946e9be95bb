"""Ranges of exact results: what an operation can give when its operands take any value of their formats.

Ranges are integers on a binary grid: every value of `Range(low, high, fraction)` is raw * 2**-fraction
with low <= raw <= high. They decide whether `proved` holds without any knowledge of the program, and
whether an exact result fits the 62 bits that every engine has for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from compiler.formats import BoolType, Format, Type, smallest_format

EXACT_BITS = 62


@dataclass(frozen=True)
class Range:
    """All multiples raw * 2**-fraction with low <= raw <= high."""

    low: int
    high: int
    fraction: int = 0

    @property
    def width(self) -> int:
        """Bits of the narrowest format that holds it."""
        return smallest_format(self.low, self.high).width

    def at(self, fraction: int) -> Range:
        """The same values on a finer grid."""
        shift = fraction - self.fraction
        return Range(self.low << shift, self.high << shift, fraction)

    def union(self, other: Range) -> Range:
        left, right = aligned(self, other)
        return Range(min(left.low, right.low), max(left.high, right.high), left.fraction)


def aligned(left: Range, right: Range) -> tuple[Range, Range]:
    """Both on the finer of the two grids."""
    fraction = max(left.fraction, right.fraction)
    return left.at(fraction), right.at(fraction)


def range_of_type(type_: Type) -> Range:
    """Every value of a format; a truth value counts as 0 or 1. Raises TypeError for floats."""
    if isinstance(type_, BoolType):
        return Range(0, 1)
    if isinstance(type_, Format):
        return Range(type_.low, type_.high, type_.fraction)
    raise TypeError(f"{type_} has no exact range")


def range_of_number(value: float) -> Range:
    """A literal, exactly: every finite float is dyadic. Raises OverflowError or ValueError for inf and nan."""
    numerator, denominator = value.as_integer_ratio()
    return Range(numerator, numerator, denominator.bit_length() - 1)


def rounded(raw: int, drop: int, rounding: str) -> int:
    """raw * 2**-drop as an integer (drop may be negative: exact). Stochastic counts as floor here."""
    if drop <= 0:
        return raw << -drop
    half = 1 << (drop - 1)
    if rounding == "zero":
        return -(-raw >> drop) if raw < 0 else raw >> drop
    if rounding == "away":
        return -((-raw + half) >> drop) if raw < 0 else (raw + half) >> drop
    if rounding == "even":
        whole, rest = raw >> drop, raw & ((1 << drop) - 1)
        return whole + (rest > half or (rest == half and whole & 1))
    return raw >> drop


def exact_bits(exact: Range, fraction: int) -> int:
    """Bits an engine needs to hold the exact result before it rounds to `fraction`."""
    return exact.at(max(exact.fraction, fraction)).width


def exact_range(opcode: str, operands: Sequence[Range]) -> Range:
    """Range of an operation's exact result. Comparisons give the range of their aligned operands.

    Raises KeyError for operations that integers cannot execute exactly.
    """
    return _RANGES[opcode](*operands)


def _add(a: Range, b: Range) -> Range:
    a, b = aligned(a, b)
    return Range(a.low + b.low, a.high + b.high, a.fraction)


def _neg(a: Range) -> Range:
    return Range(-a.high, -a.low, a.fraction)


def _mul(a: Range, b: Range) -> Range:
    ends = [x * y for x in (a.low, a.high) for y in (b.low, b.high)]
    return Range(min(ends), max(ends), a.fraction + b.fraction)


def _abs(a: Range) -> Range:
    return Range(max(0, a.low, -a.high), max(abs(a.low), abs(a.high)), a.fraction)


def _sign(a: Range) -> Range:
    return Range((a.low > 0) - (a.low < 0), (a.high > 0) - (a.high < 0))


def _min(a: Range, b: Range) -> Range:
    a, b = aligned(a, b)
    return Range(min(a.low, b.low), min(a.high, b.high), a.fraction)


def _max(a: Range, b: Range) -> Range:
    a, b = aligned(a, b)
    return Range(max(a.low, b.low), max(a.high, b.high), a.fraction)


def _whole(rounding: str, up: int = 0) -> Callable[[Range], Range]:
    """Rounding to whole numbers; `up` makes floor a ceiling."""

    def of(a: Range) -> Range:
        if a.fraction <= 0:
            return a
        add = up * ((1 << a.fraction) - 1)
        return Range(*(rounded(raw + add, a.fraction, rounding) for raw in (a.low, a.high)))

    return of


_RANGES: dict[str, Callable[..., Range]] = {
    "add": _add,
    "sub": lambda a, b: _add(a, _neg(b)),
    "mul": _mul,
    "neg": _neg,
    "abs": _abs,
    "sign": _sign,
    "min": _min,
    "max": _max,
    "convert": lambda a: a,
    "select": lambda _, b, c: b.union(c),
    "floor": _whole("floor"),
    "ceil": _whole("floor", up=1),
    "round": _whole("even"),
    "lookup": lambda _, table: table,
    **{opcode: Range.union for opcode in ("lt", "le", "gt", "ge", "eq", "ne")},
}
