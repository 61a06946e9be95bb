"""Number formats: what a value of the IR may be, and how an exact result is made to fit.

A fixed-point format `s20.8/zero/saturate` is signed, 20 bits in all, 8 of them fraction, rounding
toward zero, saturating. A value is `integer * 2**-fraction`. Every operation of the `fixed` level
means: the exact result, then rounded, then fitted (semantics 11, 12). The fraction may be negative
(`s24.-6` counts in steps of 64).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np

ROUNDINGS = ("floor", "zero", "even", "away", "stochastic")
OVERFLOWS = ("proved", "saturate", "wrap")

_FIXED = re.compile(r"^(?P<sign>[su])(?P<width>\d+)\.(?P<fraction>-?\d+)(?P<modes>(/[a-z]+(\d+)?)*)$")


@dataclass(frozen=True)
class FloatType:
    """A floating-point value of the `model` level: `f64` or `f32`."""

    width: int = 64

    def __str__(self) -> str:
        return f"f{self.width}"


@dataclass(frozen=True)
class BoolType:
    """A truth value; a spike is one."""

    def __str__(self) -> str:
        return "bool"


@dataclass(frozen=True)
class Format:
    """A fixed-point number format with its rounding and overflow mode.

    signed: two's complement when true. width: all bits. fraction: bits after the binary point.
    rounding: how an exact result loses bits (`floor`, `zero`, `even`, `away`, `stochastic`).
    overflow: `proved` (a certificate excludes it), `saturate` (full range) or `wrap` (two's complement).
    site: identity of a stochastic rounding site (semantics 13), -1 for every other rounding.
    """

    signed: bool
    width: int
    fraction: int = 0
    rounding: str = "floor"
    overflow: str = "proved"
    site: int = -1

    @property
    def low(self) -> int:
        """Smallest representable integer."""
        return -(1 << (self.width - 1)) if self.signed else 0

    @property
    def high(self) -> int:
        """Largest representable integer."""
        return (1 << (self.width - 1)) - 1 if self.signed else (1 << self.width) - 1

    @property
    def lsb(self) -> float:
        """Value of one integer step."""
        return 2.0**-self.fraction

    def with_modes(self, rounding: str | None = None, overflow: str | None = None) -> Format:
        return replace(self, rounding=rounding or self.rounding, overflow=overflow or self.overflow)

    def holds(self, value: float) -> bool:
        """Whether a real value is exactly representable."""
        raw = value * 2.0**self.fraction
        return raw == int(raw) and self.low <= raw <= self.high

    def __str__(self) -> str:
        text = f"{'s' if self.signed else 'u'}{self.width}.{self.fraction}"
        if self.rounding != "floor":
            text += f"/{self.rounding}" + (str(self.site) if self.rounding == "stochastic" else "")
        if self.overflow != "proved":
            text += f"/{self.overflow}"
        return text


Type = FloatType | BoolType | Format
F64, F32, BOOL = FloatType(64), FloatType(32), BoolType()


def parse_type(text: str) -> Type:
    """Read a type as it is printed. Raises ValueError with the reason.

    >>> str(parse_type("s20.8/zero/saturate"))
    's20.8/zero/saturate'
    >>> parse_type("bool") == BOOL
    True
    """
    if text in ("f64", "f32"):
        return FloatType(int(text[1:]))
    if text == "bool":
        return BOOL
    match = _FIXED.match(text)
    if match is None:
        raise ValueError(f"not a number format: {text!r}")
    rounding, overflow, site = "floor", "proved", -1
    for mode in filter(None, match["modes"].split("/")):
        name = mode.rstrip("0123456789")
        if name in OVERFLOWS:
            overflow = name
        elif name in ROUNDINGS:
            rounding, site = name, int(mode[len(name) :]) if mode != name else -1
        else:
            raise ValueError(f"unknown mode {mode!r} in format {text!r}")
    if (rounding == "stochastic") != (site >= 0):
        raise ValueError(f"stochastic rounding, and nothing else, carries a site number: {text!r}")
    width = int(match["width"])
    if not 1 <= width <= 63:
        raise ValueError(f"width {width} of {text!r} is outside 1..63")
    return Format(match["sign"] == "s", width, int(match["fraction"]), rounding, overflow, site)


def smallest_format(low: int, high: int, fraction: int = 0) -> Format:
    """The narrowest format that holds every integer of [low, high].

    >>> str(smallest_format(-3, 4))
    's4.0'
    >>> str(smallest_format(0, 255))
    'u8.0'
    """
    if low >= 0:
        return Format(False, max(1, int(high).bit_length()), fraction)
    width = 1 + max(int(high).bit_length() if high > 0 else 0, int(-low - 1).bit_length())
    return Format(True, width, fraction)


def storage_dtype(type_: Type) -> np.dtype:
    """The NumPy type a tensor of this type is stored in."""
    if isinstance(type_, FloatType):
        return np.dtype(f"float{type_.width}")
    if isinstance(type_, BoolType):
        return np.dtype(bool)
    bits = next(b for b in (8, 16, 32, 64) if type_.width <= b)
    return np.dtype(f"{'int' if type_.signed else 'uint'}{bits}")
