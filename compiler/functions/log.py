"""log(x) = n ln 2 + log(m): the mantissa m in [1/2, 1) by cubic pieces.

Absolute error below 2**-27, so within one step of every result format of up to 26 fraction bits. Arguments of 0 and
below give the result's smallest value.
"""

from __future__ import annotations

import math

import numpy as np

from compiler.formats import Format
from compiler.functions import piecewise
from compiler.functions.builder import Builder
from compiler.functions.powers import held, normalised
from compiler.ir.program import Operand

_LN2 = math.ldexp(round(math.ldexp(math.log(2), 40)), -40)


def expand(builder: Builder, operands: tuple[Operand, ...], result: Format) -> str:
    """The natural logarithm of the operand in `result`, rounded to nearest."""
    exact = result.with_modes("even", "saturate")
    x, fraction = held(builder, operands[0], "x")
    m, n = normalised(builder, x, fraction, "x", (16, 8, 4, 2, 1))
    place = builder.op("above_half", "mul", m, 2.0, type="u30.30/wrap")
    log, _ = piecewise.evaluated(builder, place, "log", lambda y: np.log((1 + y) / 2), 2.0**-33)
    largest = max(31 - fraction, fraction) * math.log(2)
    bits = 31 - math.ceil(math.log2(largest + 1))
    turns = builder.op("turns", "mul", n, _LN2, type=f"s32.{bits}/even")
    value = builder.op("value", "add", turns, log, type=exact)
    positive = builder.compare("is_positive", "gt", x, 0)
    return builder.op("", "select", positive, value, result.low * result.lsb, type=exact)
