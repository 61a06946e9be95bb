"""Comparisons of fixed-point values on different grids, without aligning them beyond 32 bits.

Where a 2**k would leave int32, a 2**k < b is the same as a < ceil(b / 2**k), and so on for every relation.
"""

from __future__ import annotations

import operator

from compiler.ir.exact import Range
from targets.jax_fixed.values import Value, as_number, fits, left_text, number, pair_text, truth

_RELATIONS = {"lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge,
              "eq": operator.eq, "ne": operator.ne}
_SYMBOLS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
_MIRRORED = {"lt": "gt", "le": "ge", "gt": "lt", "ge": "le", "eq": "eq", "ne": "ne"}


def compared(opcode: str, a: Value, b: Value) -> Value:
    """The truth value of a relation between two numbers or two truth values."""
    batched = a.batched or b.batched
    if a.truth and b.truth:
        return Value(f"({a.text} {_SYMBOLS[opcode]} {b.text})", truth=True, sampled=batched)
    a, b = as_number(a), as_number(b)
    if a.range.fraction > b.range.fraction:
        a, b, opcode = b, a, _MIRRORED[opcode]
    if a.constant is not None and b.constant is not None:
        return truth(_RELATIONS[opcode](a.constant << (b.range.fraction - a.range.fraction), b.constant))
    text = _pairs(opcode, a, b) if a.is_pair or b.is_pair else _int32(opcode, a, b)
    return Value(text, truth=True, sampled=batched)


def _int32(opcode: str, a: Value, b: Value) -> str:
    """a lies on the coarser grid."""
    bits = b.range.fraction - a.range.fraction
    if a.constant is not None and fits(a.at(b.range.fraction)):
        a, bits = number(a.constant << bits, b.range.fraction), 0
    if fits(Range(a.range.low << bits, a.range.high << bits)):
        return f"({left_text(a.text, bits)} {_SYMBOLS[opcode]} {b.text})"
    if b.constant is not None:
        return _coarse_constant(opcode, a.text, b.constant, bits)
    return _coarse(opcode, a.text, b.text, bits)


def _coarse_constant(opcode: str, a: str, b: int, bits: int) -> str:
    floor, has_rest = b >> bits, bool(b & ((1 << bits) - 1))
    if opcode in ("eq", "ne") and has_rest:
        return f"({a} {'!=' if opcode == 'eq' else '=='} {a})"
    return f"({a} {_SYMBOLS[opcode]} {floor + (has_rest and opcode in ('lt', 'ge'))})"


def _coarse(opcode: str, a: str, b: str, bits: int) -> str:
    floor = f"({b} >> {min(bits, 31)})"
    has_rest = f"(({b} & {(1 << bits) - 1}) != 0)" if bits <= 31 else f"({b} != 0)"
    if opcode in ("le", "gt"):
        return f"({a} {_SYMBOLS[opcode]} {floor})"
    if opcode in ("lt", "ge"):
        return f"({a} {_SYMBOLS[opcode]} {floor} + {has_rest})"
    return f"(({a} == {floor}) & ~{has_rest})" if opcode == "eq" else f"(({a} != {floor}) | {has_rest})"


def _pairs(opcode: str, a: Value, b: Value) -> str:
    bits = b.range.fraction - a.range.fraction
    x, y = f"pair_left({pair_text(a)}, {bits})" if bits else pair_text(a), pair_text(b)
    texts = {
        "lt": f"pair_less({x}, {y})",
        "gt": f"pair_less({y}, {x})",
        "le": f"(~pair_less({y}, {x}))",
        "ge": f"(~pair_less({x}, {y}))",
        "eq": f"pair_equal({x}, {y})",
        "ne": f"(~pair_equal({x}, {y}))",
    }
    return texts[opcode]
