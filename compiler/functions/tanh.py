"""tanh(x) by cubic pieces of |x|, up to where it is 1 to a quarter step of the result; then the sign."""

from __future__ import annotations

import numpy as np

from compiler.formats import Format
from compiler.functions import piecewise
from compiler.functions.bounded import half_line
from compiler.functions.builder import Builder
from compiler.ir.program import Operand


def expand(builder: Builder, operands: tuple[Operand, ...], result: Format) -> str:
    """The hyperbolic tangent of the operand in `result`, rounded to nearest."""
    exact = result.with_modes("even", "saturate")
    x, y, end = half_line(builder, operands[0], result)
    name = f"tanh_{result.fraction}"
    size, _ = piecewise.evaluated(builder, y, name, lambda place: np.tanh(place * end), result.lsb / 16)
    value = builder.op("size", "convert", size, type=exact)
    negative = builder.compare("negative", "lt", x, 0)
    return builder.op("", "select", negative, builder.op("minus", "neg", value, type=exact), value, type=exact)
