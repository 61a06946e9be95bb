"""a / b = (m_a / m_b) 2**(n_a - n_b): both normalised, the reciprocal of m_b in [1/2, 1) by cubic pieces.

Relative error below 2**-27, so within one step of quotients of up to 27 bits. a / 0 is the largest value with the sign
of a, and 0 / 0 is 0. Division by what does not change never comes here (pass `invert_divisors`).
"""

from __future__ import annotations

from compiler.formats import Format
from compiler.functions import piecewise
from compiler.functions.builder import Builder
from compiler.functions.powers import held, normalised, scaled
from compiler.ir.program import Operand

_STEPS = (16, 8, 4, 2, 1)


def expand(builder: Builder, operands: tuple[Operand, ...], result: Format) -> str:
    """The first operand by the second in `result`, rounded to nearest."""
    exact = result.with_modes("even", "saturate")
    a, size_a, fraction_a = _size(builder, operands[0], "a")
    b, size_b, fraction_b = _size(builder, operands[1], "b")
    m_a, n_a = normalised(builder, size_a, fraction_a, "a", _STEPS)
    m_b, n_b = normalised(builder, size_b, fraction_b, "b", _STEPS)
    quotient = builder.op("quotient", "mul", m_a, _inverse(builder, m_b), type="u31.31/even/saturate")
    lowest, highest = -(result.fraction + 3), min(31 - result.fraction, 29)
    difference = builder.op("n", "sub", n_a, n_b, type="s8.0")
    low = builder.op("n_low", "max", difference, lowest, type="s8.0")
    n = builder.op("n_in", "min", low, highest, type="s8.0")
    value = scaled(builder, quotient, n, exact, (lowest, highest), offset=1)
    large = builder.op("largest", "select", _over(builder, difference, highest, b), exact.high * exact.lsb, value,
                       type=exact)
    signed = builder.op("signed", "select", _differ(builder, a, b), builder.op("minus", "neg", large, type=exact),
                        large, type=exact)
    return builder.op("", "select", builder.compare("is_zero", "eq", a, 0), 0, signed, type=exact)


def _size(builder: Builder, operand: Operand, what: str) -> tuple[str, str, int]:
    value, fraction = held(builder, operand, what)
    return value, builder.op(f"{what}_size", "abs", value, type=f"u31.{fraction}/saturate"), fraction


def _inverse(builder: Builder, m: str) -> str:
    """1 / (2 m), in (1/2, 1]."""
    place = builder.op("above_half", "mul", m, 2.0, type="u30.30/wrap")
    inverse, _ = piecewise.evaluated(builder, place, "inverse", lambda y: 1 / (1 + y), 2.0**-33)
    return builder.op("inverse", "convert", inverse, type="u31.31/even/saturate")


def _over(builder: Builder, n: str, highest: int, b: str) -> str:
    beyond = builder.compare("beyond", "gt", n, highest)
    return builder.compare("over", "or", beyond, builder.compare("by_zero", "eq", b, 0))


def _differ(builder: Builder, a: str, b: str) -> str:
    return builder.compare("differ", "xor", builder.compare("a_negative", "lt", a, 0),
                           builder.compare("b_negative", "lt", b, 0))
