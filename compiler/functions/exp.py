"""exp(x) = 2**n * e**u: power-of-two range reduction, a table of 256 entries and a cubic remainder.

u = x - n ln 2 is computed modulo 1 with ln 2 in two parts (Cody and Waite 1980), so the reduction loses nothing;
relative error below 2**-29. Arguments whose result exceeds the format give its largest value.
"""

from __future__ import annotations

import math

import numpy as np

from compiler.formats import Format
from compiler.functions.builder import Builder
from compiler.functions.powers import scaled
from compiler.ir.program import Operand

_ENTRIES = 256
_LN2 = "0.693147180559945309417232121458176568075500134360255254120680009"


def expand(builder: Builder, operands: tuple[Operand, ...], result: Format) -> str:
    """e to the operand in `result`, rounded to nearest."""
    x = operands[0]
    lowest = -(result.fraction + 3)
    highest = min(result.width - int(result.signed) - result.fraction, 30)
    turns = builder.op("turns", "mul", x, _at(1 / math.log(2), 24), type="s24.10/floor/saturate")
    ahead = builder.op("ahead", "add", turns, 1 / _ENTRIES, type="s25.10")
    whole = builder.op("n", "floor", ahead, type="s15.0")
    low = builder.op("n_low", "max", whole, lowest, type="s15.0")
    n = builder.op("n_in", "min", low, highest, type="s15.0")
    u = _remainder(builder, x, n)
    m = _power(builder, u)
    power = scaled(builder, m, n, result, (lowest, highest), offset=1)
    over = builder.compare("over", "gt", whole, highest)
    return builder.op("", "select", over, result.high * result.lsb, power, type=result.with_modes("even", "saturate"))


def _at(value: float, fraction: int) -> float:
    return math.ldexp(round(math.ldexp(value, fraction)), -fraction)


def _remainder(builder: Builder, x: Operand, n: str) -> str:
    """x - n ln 2 + 1/256 modulo 1, 31 fraction bits; between 0.001 and 0.695 as n is taken 1/256 early."""
    upper = _at(math.log(2), 31)
    lower = _ln2_minus(upper)
    first = builder.op("upper", "mul", n, upper, type="u31.31/wrap")
    second = builder.op("lower", "mul", n, lower, type="s31.44/even")
    moved = builder.op("moved", "add", x, 1 / _ENTRIES, type="u31.31/wrap")
    rough = builder.op("rough", "sub", moved, first, type="u31.31/wrap")
    return builder.op("u", "sub", rough, second, type="u31.31/even/wrap")


def _ln2_minus(upper: float) -> float:
    """ln 2 minus its upper part, to 20 significant bits."""
    digits = _LN2.split(".")[1]
    exact = int(digits)  # ln 2 * 10**len(digits)
    numerator, denominator = upper.as_integer_ratio()
    rest = exact * denominator - numerator * 10 ** len(digits)
    return _at(rest / (denominator * 10 ** len(digits)), 52)


def _power(builder: Builder, u: str) -> str:
    """e**(u - 1/256) / 2, below 1 for every u that occurs. The table has an upper and a lower part."""
    values = np.exp((np.arange(_ENTRIES, dtype=np.longdouble) - 1) / _ENTRIES) / 2
    upper = np.minimum(np.rint(values * 2.0**31), 2.0**31 - 1) / 2.0**31
    below = np.where(values < 1, values - upper, 0).astype(np.float64)
    steps = builder.op("steps", "mul", u, float(_ENTRIES), type="u31.23")
    index = builder.op("k", "floor", steps, type="u8.0")
    entry = builder.op("entry", "lookup", index, builder.table("table.exp", upper, "u31.31"), type="u31.31")
    below = builder.op("entry_low", "lookup", index, builder.table("table.exp_low", below, "s31.60"), type="s31.60")
    s = builder.op("s", "convert", u, type="u23.31/wrap")
    third = builder.op("third", "mul", s, _at(1 / 6, 24), type="u22.32/even")
    half = builder.op("half", "add", third, 0.5, type="u31.31/even")
    square = builder.op("square", "mul", s, s, type="u27.42/even")
    tail = builder.op("tail", "mul", square, half, type="u26.42/even")
    rest = builder.op("rest", "add", s, tail, type="u31.38/even")
    grown = builder.op("grown", "mul", entry, rest, type="u31.38/even")
    more = builder.op("more", "add", grown, below, type="s32.38/even")
    return builder.op("m", "add", entry, more, type="u31.31/even/wrap")
