"""Operations on fixed-point values as Python text over int32 arrays, exactly.

Every operation first yields an exact result that is not computed yet (`exact_results`); `fitting.finish` then chooses
how: in int32, with a product of parts, or with pairs of 32 bits, whichever is the cheapest that the ranges allow.
"""

from __future__ import annotations

from collections.abc import Sequence

from compiler.formats import BoolType, Format, Type
from compiler.ir.ops import COMPARISONS
from targets.jax_fixed.comparisons import compared
from targets.jax_fixed.exact_results import exact
from targets.jax_fixed.fitting import finish
from targets.jax_fixed.values import Value, number

_LOGIC = {"and": "&", "or": "|", "xor": "^", "not": "~"}


def lower(opcode: str, operands: Sequence[Value], type_: Type) -> Value:
    """The value of one operation of the IR in its type."""
    if opcode in COMPARISONS:
        return compared(opcode, *operands)
    if opcode in _LOGIC:
        return _logic(opcode, operands)
    if isinstance(type_, BoolType):
        return _select_truth(*operands)
    return finish(exact(opcode, operands), type_)


def converted(value: Value, type_: Type) -> Value:
    """A value in another type; a truth value stays one where a truth value is wanted."""
    if isinstance(type_, BoolType):
        return value if value.truth else compared("ne", value, number(0))
    return finish(exact("convert", (value,)), type_)


def total(values: Sequence[Value]) -> Value:
    """The exact sum, on the finest grid that occurs."""
    result = values[0]
    for item in values[1:]:
        sum_ = exact("add", (result, item))
        grid = Format(True, 63, sum_.range.fraction)
        result = finish(sum_, grid)
    return result


def _logic(opcode: str, operands: Sequence[Value]) -> Value:
    values = [item if item.truth else compared("ne", item, number(0)) for item in operands]
    batched = any(item.batched for item in values)
    if opcode == "not":
        return Value(f"(~{values[0].text})", truth=True, sampled=batched)
    return Value(f"({values[0].text} {_LOGIC[opcode]} {values[1].text})", truth=True, sampled=batched)


def _select_truth(condition: Value, a: Value, b: Value) -> Value:
    batched = any(item.batched for item in (condition, a, b))
    return Value(f"jnp.where({condition.text}, {a.text}, {b.text})", truth=True, sampled=batched)
