"""Units and dimensions. Inside, every number is in ms, mV, pA and mM, and what follows from them: GΩ, nS, pF, kHz."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

Exponents = tuple[Fraction, ...]
BASES = ("ms", "mV", "pA", "mM")


@dataclass(frozen=True)
class Dimension:
    """Exponents of time, voltage, current and concentration."""

    exponents: Exponents = (Fraction(0),) * 4

    def __mul__(self, other: Dimension) -> Dimension:
        return Dimension(tuple(a + b for a, b in zip(self.exponents, other.exponents, strict=True)))

    def __truediv__(self, other: Dimension) -> Dimension:
        return self * other ** -1

    def __pow__(self, power: Fraction | int) -> Dimension:
        return Dimension(tuple(a * power for a in self.exponents))

    def __str__(self) -> str:
        for name, unit in UNITS.items():
            # A rate is spoken of as 1/ms: nobody takes kHz for what a derivative has.
            if unit.dimension == self and unit.scale == 1 and self != NONE / TIME:
                return name
        powers = list(zip(BASES, self.exponents, strict=True))
        above = "·".join(_power(base, power) for base, power in powers if power > 0)
        below = "·".join(_power(base, -power) for base, power in powers if power < 0)
        if not below:
            return above or "a number"
        return f"{above or 1}/{f'({below})' if '·' in below else below}"


def _power(base: str, power: Fraction) -> str:
    if power == 1:
        return base
    return f"{base}^{power}" if power.denominator == 1 else f"{base}^({power})"


@dataclass(frozen=True)
class Unit:
    """A dimension and how much of the inner unit one of it is."""

    dimension: Dimension
    scale: float = 1.0

    def __mul__(self, other: Unit) -> Unit:
        return Unit(self.dimension * other.dimension, self.scale * other.scale)

    def __truediv__(self, other: Unit) -> Unit:
        return Unit(self.dimension / other.dimension, self.scale / other.scale)

    def __pow__(self, power: int) -> Unit:
        return Unit(self.dimension ** power, self.scale ** power)


def _dimension(time: int = 0, voltage: int = 0, current: int = 0, concentration: int = 0) -> Dimension:
    return Dimension((Fraction(time), Fraction(voltage), Fraction(current), Fraction(concentration)))


NONE = _dimension()
TIME, VOLTAGE, CURRENT = _dimension(time=1), _dimension(voltage=1), _dimension(current=1)
CHARGE = TIME * CURRENT
_PLAIN = {
    # symbol: dimension, how many inner units the plain one is
    "s": (TIME, 1e3), "V": (VOLTAGE, 1e3), "A": (CURRENT, 1e12), "Ω": (VOLTAGE / CURRENT, 1e-9),
    "S": (CURRENT / VOLTAGE, 1e9), "F": (CHARGE / VOLTAGE, 1e12), "C": (CHARGE, 1e15), "Hz": (NONE / TIME, 1e-3),
    "M": (_dimension(concentration=1), 1e3),
}
_PREFIXES = {"": 0, "f": -15, "p": -12, "n": -9, "u": -6, "µ": -6, "μ": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12}


def _table() -> dict[str, Unit]:
    """Every unit by every spelling; those that are the inner units come first, so messages use them."""
    found: dict[str, Unit] = {}
    for symbol, (dimension, scale) in _PLAIN.items():
        for spelling in (symbol, *{"Ω": ("Ω", "ohm", "Ohm")}.get(symbol, ())):
            for prefix, power in _PREFIXES.items():
                # Rounded, so that the scale of an inner unit is exactly 1.
                found[prefix + spelling] = Unit(dimension, float(f"{scale * 10.0**power:.12g}"))
    inner = [name for name, unit in found.items() if unit.scale == 1]
    return {name: found[name] for name in (*inner, *found)}


UNITS = _table()


_LONG = {"volt": "V", "second": "s", "ampere": "A", "amp": "A", "siemens": "S", "farad": "F", "coulomb": "C",
         "hertz": "Hz", "molar": "M"}


def symbol_of(name: str) -> str | None:
    """The symbol of a unit that is spelled out, such as `mvolt`, or None."""
    for long, short in _LONG.items():
        if name.endswith(long) and name.removesuffix(long) in _PREFIXES:
            return name.removesuffix(long) + short
    return None


def unit_named(name: str) -> Unit | None:
    """The unit of a symbol such as `mV`, or None."""
    return UNITS.get(name)
