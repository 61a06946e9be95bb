"""1 / (1 + exp(-x)) by cubic pieces of |x|, up to where it is 1 to a quarter step; 1 minus that for x below 0."""

from __future__ import annotations

import numpy as np

from compiler.formats import Format
from compiler.functions import piecewise
from compiler.functions.bounded import half_line
from compiler.functions.builder import Builder
from compiler.ir.program import Operand


def expand(builder: Builder, operands: tuple[Operand, ...], result: Format) -> str:
    """The logistic function of the operand in `result`, rounded to nearest."""
    exact = result.with_modes("even", "saturate")
    x, y, end = half_line(builder, operands[0], result)
    name = f"logistic_{result.fraction}"
    upper, _ = piecewise.evaluated(builder, y, name, lambda place: 1 / (1 + np.exp(-place * end)), result.lsb / 16)
    value = builder.op("upper", "convert", upper, type=exact)
    negative = builder.compare("negative", "lt", x, 0)
    return builder.op("", "select", negative, builder.op("lower", "sub", 1.0, upper, type=exact), value, type=exact)
