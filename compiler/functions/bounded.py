"""The domain of functions that are symmetric and settle: |x| cut off where nothing changes any more."""

from __future__ import annotations

import math

from compiler.formats import Format
from compiler.functions.builder import Builder
from compiler.functions.powers import held
from compiler.ir.program import Operand


def half_line(builder: Builder, operand: Operand, result: Format) -> tuple[str, str, float]:
    """The operand in 32 bits; |operand| / end in [0, 1); end, a power of two beyond which exp(-end) < 1/4 step."""
    x, fraction = held(builder, operand, "x")
    end = 2.0 ** math.ceil(math.log2((result.fraction + 3) * math.log(2)))
    size = builder.op("abs", "abs", x, type=f"u31.{fraction}/saturate")
    bits = min(fraction + int(math.log2(end)), 31)
    return x, builder.op("y", "mul", size, 1 / end, type=f"u{bits}.{bits}/even/saturate"), end
