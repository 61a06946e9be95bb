"""An independent interpreter of fixed-level programs on fractions, slow and literal: the meaning of every operation."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from fractions import Fraction

from compiler.formats import BoolType, Format, Type
from compiler.ir.network import Tensor
from compiler.ir.program import Operand, Program, TensorRef

Value = Fraction | bool

OPERATIONS: dict[str, Callable] = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "neg": operator.neg,
    "abs": abs,
    "sign": lambda a: Fraction((a > 0) - (a < 0)),
    "min": min,
    "max": max,
    "convert": lambda a: Fraction(a),
    "select": lambda a, b, c: b if a else c,
    "floor": math.floor,
    "ceil": math.ceil,
    "round": round,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "eq": operator.eq,
    "ne": operator.ne,
    "and": operator.and_,
    "or": operator.or_,
    "xor": operator.xor,
    "not": operator.not_,
    "lookup": lambda a, table: table[min(max(math.floor(a), 0), len(table) - 1)],
}

_ROUNDINGS: dict[str, Callable[[Fraction], int]] = {
    "floor": math.floor,
    "zero": math.trunc,
    "even": round,
    "away": lambda x: int(math.copysign(math.floor(abs(x) + Fraction(1, 2)), x)),
}


def fit(value: Fraction, format_: Format) -> Fraction:
    """The exact value in a format. Raises OverflowError where a `proved` format cannot hold it."""
    step = Fraction(2) ** -format_.fraction
    raw = _ROUNDINGS[format_.rounding](value / step)
    if format_.low <= raw <= format_.high:
        return raw * step
    if format_.overflow == "proved":
        raise OverflowError(f"{raw} does not fit {format_}")
    if format_.overflow == "saturate":
        return min(max(raw, format_.low), format_.high) * step
    return ((raw - format_.low) % (1 << format_.width) + format_.low) * step


def step(
    program: Program, tensors: Mapping[str, Tensor], values: Mapping[str, Value]
) -> tuple[dict[str, Value], dict[str, Value]]:
    """One step of one unit from the values of inputs, states and params: new states, emitted values."""
    known: dict[str, Value] = dict(values)

    def read(operand: Operand) -> Value | list[Fraction]:
        if isinstance(operand, str):
            return known[operand]
        if isinstance(operand, TensorRef):
            return [Fraction(float(entry)) for entry in tensors[operand.name].values]
        return operand if isinstance(operand, bool) else Fraction(operand)

    for op in program.ops:
        known[op.result] = typed(OPERATIONS[op.opcode](*(read(item) for item in op.operands)), op.type)
    updates = {name: typed(read(item), program.state(name).type) for name, item in program.updates}
    return updates, {item.port: typed(read(item.value), program.emit_type(item.port)) for item in program.emits}


def typed(value: Fraction | int | bool | list[Fraction], type_: Type) -> Value:
    assert not isinstance(value, list)
    if isinstance(type_, BoolType):
        assert isinstance(value, bool)
        return value
    assert isinstance(type_, Format) and not isinstance(value, bool)
    return fit(Fraction(value), type_)
