"""Numbers of a hybrid: exact fixed-point ones, and float64 arrays where something before them is not quantized."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from compiler import counter_hash
from compiler.arithmetic import Fixed, literal, round_off
from compiler.formats import BoolType, FloatType, Format, Type
from compiler.ir.program import Op

Number = Fixed | np.ndarray
_LARGEST = float(1 << 62)


@dataclass(frozen=True)
class Chance:
    """The random bits that a site of the fixed network has in one step: noise, uint32 [rows, units]."""

    noise: np.ndarray

    def raised(self, rest: np.ndarray, dropped: int, site: int) -> np.ndarray:
        """Whether integers that lose so many bits round up, as on every engine."""
        return counter_hash.raised(rest, dropped, self.noise, site)

    def raises(self, share: np.ndarray, dropped: int, site: int) -> np.ndarray:
        """Whether reals round up, that lose `share` of a last bit, where the fixed network loses `dropped` bits.

        The bits that decide there are the first that decide here, so that what lies close to an integer of the fixed
        network rounds as that does.
        """
        most = counter_hash.MOST
        kept = min(max(dropped, 0), most)
        bits = counter_hash.mix(self.noise ^ np.uint32(site)).astype(np.int64)
        first, more = bits & ((1 << kept) - 1), (bits >> kept) & ((1 << (most - kept)) - 1)
        return np.floor(np.ldexp(share, most)) > (first << (most - kept)) + more


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


def fitted(number: Number, type_: Type, chance: Chance | None = None, dropped: int = counter_hash.MOST
           ) -> tuple[Number, np.ndarray | None]:
    """A number in a format, and where it saturated (None: nowhere).

    chance: the bits of stochastic rounding. dropped: how many bits are lost there in the fixed network. Values are not
    cut where a range was proved: in a hybrid nothing is.
    """
    if not isinstance(type_, Format):
        return number, None
    raw = _rounded(number, type_) if type_.rounding != "stochastic" else _at_random(number, type_, chance, dropped)
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
    if isinstance(number, Fixed):
        drop = number.fraction - type_.fraction
        return round_off(number.raw, drop, type_.rounding) if drop > 0 else number.raw << -drop
    return _integers(_ROUND[type_.rounding](np.ldexp(number, type_.fraction)))


def _at_random(number: Number, type_: Format, chance: Chance | None, dropped: int) -> np.ndarray:
    """Rounded down, and up again where the bits say so. Raises ValueError without any."""
    if isinstance(number, Fixed) and number.fraction <= type_.fraction:
        return number.raw << type_.fraction - number.fraction
    if chance is None:
        raise ValueError(f"{type_} rounds at random, and there are no bits")
    if isinstance(number, Fixed):
        drop = number.fraction - type_.fraction
        floor = number.raw >> drop
        return floor + chance.raised(number.raw - (floor << drop), drop, type_.site)
    scaled = np.ldexp(number, type_.fraction)
    floor = np.floor(scaled)
    return _integers(floor + chance.raises(scaled - floor, dropped, type_.site))


def _integers(values: np.ndarray) -> np.ndarray:
    return np.clip(np.nan_to_num(values, nan=0.0), -_LARGEST, _LARGEST).astype(np.int64)
