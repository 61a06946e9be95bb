"""Numbers as mantissa and power of two: taken apart, and put together in a result's format."""

from __future__ import annotations

import numpy as np

from compiler.formats import Format
from compiler.functions.builder import Builder
from compiler.ir.program import Operand, TensorRef

MANTISSA = "u31.31"


def held(builder: Builder, operand: Operand, what: str) -> tuple[str, int]:
    """The operand in 32 bits, saturated, and its fraction: what every function starts from. Only numbers lose bits."""
    fraction = _fraction(builder, operand)
    return builder.op(what, "convert", operand, type=f"s32.{fraction}/even/saturate"), fraction


def _fraction(builder: Builder, operand: Operand) -> int:
    if not isinstance(operand, str):
        return min(float(operand).as_integer_ratio()[1].bit_length() - 1, 30)  # pyright: ignore[reportArgumentType]
    type_ = builder.types[operand]
    return type_.fraction if isinstance(type_, Format) else 0


def normalised(builder: Builder, x: str, fraction: int, what: str, steps: tuple[int, ...]) -> tuple[str, str]:
    """Mantissa m and exponent n with x = m 2**n, for x > 0 of `fraction` bits; m = 0 for every other x.

    steps: halving shifts, each used where it fits: (16, 8, 4, 2, 1) gives m in [1/2, 1), without the 1 m in [1/4, 1)
    and n - (31 - fraction) even. Exact: 31 bits are only moved.
    """
    m = builder.op(f"{what}_31", "mul", x, 2.0 ** (fraction - 31), type=f"{MANTISSA}/saturate")
    n: Operand = float(31 - fraction)
    for step in steps:
        small = builder.compare(f"{what}_below_{step}", "lt", m, 2.0**-step)
        moved = builder.op(f"{what}_moved_{step}", "mul", m, 2.0**step, type=f"{MANTISSA}/wrap")
        m = builder.op(f"{what}_m_{step}", "select", small, moved, m, type=MANTISSA)
        less = builder.op(f"{what}_less_{step}", "sub", n, float(step), type="s8.0")
        n = builder.op(f"{what}_n_{step}", "select", small, less, n, type="s8.0")
    return m, str(n)


def scaled(builder: Builder, m: str, n: str, result: Format, ends: tuple[int, int], offset: int = 0,
           what: str = "scaled") -> str:
    """m 2**(n + offset) rounded in `result`, for n within `ends`; m has at most 31 bits."""
    lowest, highest = ends
    if lowest >= 0:
        return _scaled_up(builder, m, n, result, highest, offset, what)
    if highest < 0:
        return _scaled_down(builder, m, n, result, lowest, offset, what)
    large = _scaled_up(builder, m, n, result, highest, offset, f"{what}_up")
    small = _scaled_down(builder, m, n, result, lowest, offset, f"{what}_down")
    positive = builder.compare(f"{what}_positive", "ge", n, 0)
    return builder.op(what, "select", positive, large, small, type=result)


def _scaled_up(builder: Builder, m: str, n: str, result: Format, highest: int, offset: int, what: str) -> str:
    factors = np.exp2(np.arange(highest + 1) + float(offset))
    type_ = f"u{highest + 1}.{-offset}"
    table = builder.table(f"table.exp2_up{highest}_{offset}", factors, type_)
    return _multiplied(builder, m, n, table, type_, result, what)


def _scaled_down(builder: Builder, m: str, n: str, result: Format, lowest: int, offset: int, what: str) -> str:
    factors = np.exp2(offset - np.arange(1.0 - lowest))
    type_ = f"u31.{min(max(-lowest - offset, 0), 30)}"
    count = builder.op(f"{what}_count", "neg", n, type="s15.0")
    table = builder.table(f"table.exp2_down{-lowest}_{offset}", factors, type_)
    return _multiplied(builder, m, count, table, type_, result, what)


def _multiplied(builder: Builder, m: str, index: str, table: TensorRef, type_: str, result: Format, what: str) -> str:
    return builder.op(what, "mul", m, builder.op(f"{what}_by", "lookup", index, table, type=type_), type=result)
