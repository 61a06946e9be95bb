"""exp(x) = 2**n * e**u: power-of-two range reduction, a table of 256 entries and a cubic remainder.

u = x - n ln 2 is computed modulo 1 with ln 2 in two parts (Cody and Waite 1980), so the reduction loses nothing. What
is left of u below the table's grid, and the mantissa e**u / 2 itself, have 38 bits, in two words; where a result shows
them it is rounded once. Relative error before that below 2**-36. Arguments whose result exceeds the format give its
largest value.
"""

from __future__ import annotations

import math

import numpy as np

from compiler.formats import Format
from compiler.functions.builder import Builder
from compiler.functions.powers import scaled
from compiler.ir.program import Operand

_ENTRIES, _HIGH = 256, 27
"""Entries of the table, and bits of the part of an entry that the largest results take without rounding."""
_CUBIC = 1 / 6 + 0.92 / 24 / _ENTRIES
"""Of s**3, s below 1/256, with most of what s**4 / 24 would add: what is left is below 2**-40."""
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
    power = _scaled(builder, *_power(builder, *_remainder(builder, x, n)), n, result, (lowest, highest))
    over = builder.compare("over", "gt", whole, highest)
    return builder.op("", "select", over, result.high * result.lsb, power, type=result.with_modes("even", "saturate"))


def _scaled(builder: Builder, entry: str, more: str, n: str, result: Format, ends: tuple[int, int]) -> str:
    """(entry + more) 2**(n + 1): rounded to 31 bits first, or, where that shows, once and with all 38.

    In the octaves where a result has 27 bits or more the entry needs no rounding.
    """
    exact = result.with_modes("even", "saturate")
    m = builder.op("m", "add", entry, builder.op("more_31", "convert", more, type="u24.31/even"), type="u31.31/wrap")
    power = scaled(builder, m, n, exact, ends, offset=1)
    first = _HIGH - 1 - result.fraction
    if first > ends[1]:
        return power
    top = max(first, ends[0]), ends[1]
    upper = scaled(builder, entry, n, exact, top, offset=1, what="upper_part")
    lower = scaled(builder, more, n, exact, top, offset=1, what="lower_part")
    large = builder.compare("large", "ge", n, first)
    both = builder.op("parts", "add", upper, lower, type=exact)
    return builder.op("power", "select", large, both, power, type=exact)


def _at(value: float, fraction: int) -> float:
    return math.ldexp(round(math.ldexp(value, fraction)), -fraction)


def _remainder(builder: Builder, x: Operand, n: str) -> tuple[str, str]:
    """x - n ln 2 + 1/256 modulo 1 as a number of 31 fraction bits and what comes to it below its last bit, in 38.

    Between 0.001 and 0.695, as n is taken 1/256 early.
    """
    upper = _at(math.log(2), 31)
    first = builder.op("upper", "mul", n, upper, type="u31.31/wrap")
    second = builder.op("lower", "mul", n, -_ln2_minus(upper), type="s24.38/even")
    whole = builder.op("lower_31", "convert", second, type="s16.31/floor")
    below = builder.op("lower_38", "convert", second, type="u7.38/wrap")
    moved = builder.op("moved", "add", x, 1 / _ENTRIES, type="u31.31/wrap")
    rough = builder.op("rough", "sub", moved, first, type="u31.31/wrap")
    return builder.op("u", "add", rough, whole, type="u31.31/wrap"), below


def _ln2_minus(upper: float) -> float:
    """ln 2 minus its upper part, to 20 significant bits."""
    digits = _LN2.split(".")[1]
    exact = int(digits)  # ln 2 * 10**len(digits)
    numerator, denominator = upper.as_integer_ratio()
    rest = exact * denominator - numerator * 10 ** len(digits)
    return _at(rest / (denominator * 10 ** len(digits)), 52)


def _power(builder: Builder, u: str, below: str) -> tuple[str, str]:
    """e**(u + below - 1/256) / 2, below 1 for every u that occurs: a part of 27 bits, and the rest in 38."""
    values = np.exp((np.arange(_ENTRIES, dtype=np.longdouble) - 1) / _ENTRIES) / 2
    values = np.minimum(values, 1 - np.longdouble(2.0) ** -_HIGH)
    high = np.floor(values * 2.0**_HIGH) / 2.0**_HIGH
    steps = builder.op("steps", "mul", u, float(_ENTRIES), type="u31.23")
    index = builder.op("k", "floor", steps, type="u8.0")
    factor = _entry(builder, "exp", index, values, "u31.31")
    s = builder.op("s", "add", builder.op("s_31", "convert", u, type="u23.31/wrap"), below, type="u30.38")
    third = builder.op("third", "mul", s, _at(_CUBIC, 16), type="u22.24/even")
    half = builder.op("half", "add", third, 0.5, type="u24.24")
    square = builder.op("square", "mul", s, s, type="u29.45/even")
    tail = builder.op("tail", "mul", square, half, type="u22.38/even")
    rest = builder.op("rest", "add", s, tail, type="u31.38")
    grown = builder.op("grown", "mul", factor, rest, type="u31.38/even")
    more = builder.op("more", "add", grown, _entry(builder, "exp_low", index, values - high, "u12.38"), type="u31.38")
    return _entry(builder, "exp_high", index, high, f"u{_HIGH}.{_HIGH}"), more


def _entry(builder: Builder, name: str, index: str, values: np.ndarray, type_: str) -> str:
    table = builder.table(f"table.{name}", values.astype(np.float64), type_)
    return builder.op(f"entry_{name}", "lookup", index, table, type=type_)
