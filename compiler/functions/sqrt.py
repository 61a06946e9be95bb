"""sqrt(x) = sqrt(m) 2**(n / 2): the mantissa m in [1/4, 1) by cubic pieces, the power of two by a table.

Relative error below 2**-29, so within one step of the result's format wherever that has up to 28 bits. Arguments of 0
and below give 0.
"""

from __future__ import annotations

import numpy as np

from compiler.formats import Format
from compiler.functions import piecewise
from compiler.functions.builder import Builder
from compiler.functions.powers import held, normalised, scaled
from compiler.ir.program import Operand


def expand(builder: Builder, operands: tuple[Operand, ...], result: Format) -> str:
    """The square root of the operand in `result`, rounded to nearest."""
    x, fraction = held(builder, operands[0], "x")
    m, n = normalised(builder, x, fraction, "x", (16, 8, 4, 2))
    odd = (31 - fraction) % 2
    root, bits = piecewise.evaluated(builder, m, f"root{odd}", _root(odd), 2.0**-33)
    core = builder.op("root", "convert", root, type=f"u31.{min(bits, 30)}/even/saturate")
    half = builder.op("half", "mul", builder.op("even", "sub", n, float(odd), type="s8.0"), 0.5, type="s8.0")
    most = (31 - fraction - odd) // 2
    exact = result.with_modes("even", "saturate")
    value = scaled(builder, core, half, exact, (most - 15, most))
    positive = builder.compare("is_positive", "gt", x, 0)
    return builder.op("", "select", positive, value, 0, type=exact)


def _root(odd: int) -> piecewise.Function:
    """sqrt(m 2**odd), flat below 1/4, where no mantissa lies."""
    return lambda m: np.sqrt(np.maximum(m, 0.25) * 2.0**odd)
