"""Numbers of a hybrid: exact fixed-point ones, and float64 arrays where something before them is not quantized."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compiler.arithmetic import Fixed, literal, round_off
from compiler.formats import BoolType, FloatType, Format, Type
from compiler.ir.program import Op

Number = Fixed | np.ndarray
_LARGEST = float(1 << 62)


def real(number: Number) -> np.ndarray:
    """The value as float64."""
    if isinstance(number, Fixed):
        return np.ldexp(np.asarray(number.raw, np.float64), -number.fraction)
    return np.asarray(number, np.float64)


def native(number: Number, type_: Type) -> np.ndarray:
    """The value as the float interpreter holds it: float64, int64 or bool."""
    if isinstance(type_, FloatType):
        return real(number)
    values = number.raw if isinstance(number, Fixed) and number.fraction == 0 else real(number)
    return np.asarray(values).astype(bool if isinstance(type_, BoolType) else np.int64)


def whole(values: np.ndarray) -> Fixed:
    """Whole numbers and truth values, which are the same in both worlds."""
    return Fixed(np.asarray(values).astype(np.int64), 0)


def number_of(operand: float | int | bool) -> Number:
    """A literal: exact where integers hold it, else float64."""
    value = float(operand)
    return whole(np.asarray(value)) if value.is_integer() and abs(value) < _LARGEST else np.asarray(value)


def same_literal(a: object, b: object) -> bool:
    return isinstance(a, float | int) and isinstance(b, float | int) and float(a) == float(b)


def exact_literal(operand: float | int | bool) -> Fixed:
    """A literal of a fixed program, which is always dyadic and short."""
    return literal(operand)


def fitted(number: Number, type_: Type) -> tuple[Number, np.ndarray | None]:
    """A number in a format, and where it saturated (None: nowhere).

    A float is rounded as the format rounds; where that is stochastic, to nearest, which is what it does on average.
    Values are not cut where a range was proved: in a hybrid nothing is.
    """
    if not isinstance(type_, Format):
        return number, None
    raw = _rounded(number, type_)
    if type_.overflow == "saturate":
        inside = np.clip(raw, type_.low, type_.high)
        clipped = inside != raw
        return Fixed(inside, type_.fraction), clipped if clipped.any() else None
    if type_.overflow == "wrap":
        raw = ((raw - type_.low) & ((1 << type_.width) - 1)) + type_.low
    return Fixed(raw, type_.fraction), None


def cut(number: np.ndarray, type_: Type) -> tuple[np.ndarray, np.ndarray | None]:
    """A float kept inside a saturating format without being rounded, and where it was cut off (None: nowhere)."""
    if not isinstance(type_, Format) or type_.overflow != "saturate":
        return number, None
    inside = np.clip(number, type_.low * type_.lsb, type_.high * type_.lsb)
    clipped = inside != number
    return inside, clipped if clipped.any() else None


def exact_fraction(op: Op, fractions: Sequence[int]) -> int:
    """Fraction bits of the exact result of an operation on operands with these fraction bits."""
    if op.opcode in ("floor", "ceil", "round", "sign"):
        return 0
    if op.opcode == "lookup":
        return fractions[1]
    return sum(fractions) if op.opcode == "mul" else max(fractions[1:] if op.opcode == "select" else fractions)


_ROUND = {"floor": np.floor, "zero": np.trunc, "even": np.rint, "away": lambda a: np.trunc(a + np.copysign(0.5, a))}


def _rounded(number: Number, type_: Format) -> np.ndarray:
    rounding = "even" if type_.rounding == "stochastic" else type_.rounding
    if isinstance(number, Fixed):
        drop = number.fraction - type_.fraction
        return round_off(number.raw, drop, rounding) if drop > 0 else number.raw << -drop
    scaled = _ROUND[rounding](np.ldexp(number, type_.fraction))
    return np.clip(np.nan_to_num(scaled, nan=0.0), -_LARGEST, _LARGEST).astype(np.int64)
