"""exp(x) - 1: as fixed-point numbers have one step everywhere, nothing is lost by subtracting."""

from __future__ import annotations

from compiler.formats import Format
from compiler.functions import exp
from compiler.functions.builder import Builder
from compiler.ir.program import Operand


def expand(builder: Builder, operands: tuple[Operand, ...], result: Format) -> str:
    """e to the operand, minus 1, in `result`; its largest value wherever exp has it."""
    value = exp.expand(builder.within("exp"), operands, result)
    exact = result.with_modes("even", "saturate")
    full = result.high * result.lsb
    less = builder.op("less", "sub", value, 1.0, type=exact)
    return builder.op("", "select", builder.compare("full", "eq", value, full), full, less, type=exact)
