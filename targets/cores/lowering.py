"""Dynamics programs as micro-operations: what a core executes, every shift and limit written out.

A micro-operation shifts its operands left, computes exactly, drops bits of the result with a rounding and
fits what is left into `low..high`. Formats are gone; an operand is `[register or integer, left shift]`.
"""

from __future__ import annotations

from typing import Any

from compiler.formats import BoolType, Format, Type
from compiler.ir.network import Network
from compiler.ir.ops import COMPARISONS
from compiler.ir.program import Op, Operand, Program, TensorRef

ALIGNED = frozenset({"add", "sub", "min", "max"}) | COMPARISONS
WHOLE = frozenset({"floor", "ceil", "round"})


def lower(network: Network, program: Program) -> dict[str, Any]:
    """The program as a table of micro-operations, registers named as in the source."""
    fractions = {name: fraction_of(type_) for name, type_ in program.types().items()}
    types = program.types()
    return {
        "inputs": [item.name for item in program.inputs],
        "states": [item.name for item in program.states],
        "params": [item.name for item in program.params],
        "code": [_micro(network, op, fractions) for op in program.ops],
        "updates": {name: _converted(value, fractions, types[name]) for name, value in program.updates},
        "emits": {item.port: _operand(item.value, fractions)[0] for item in program.emits},
    }


def fitting(drop: int, type_: Type | None) -> dict[str, Any]:
    """How an exact value with `drop` bits too many becomes a value of a type; a negative drop shifts left."""
    if isinstance(type_, Format):
        modes = {"rounding": type_.rounding, "overflow": type_.overflow}
        site = {"site": type_.site} if type_.rounding == "stochastic" else {}
        return {"drop": drop, **modes, **site, "low": type_.low, "high": type_.high}
    if isinstance(type_, BoolType):
        return {"drop": drop, "rounding": "floor", "overflow": "proved", "low": 0, "high": 1}
    return {"drop": drop, "rounding": "floor", "overflow": "none", "low": 0, "high": 0}


def fraction_of(type_: Type | None) -> int:
    return type_.fraction if isinstance(type_, Format) else 0


def number(value: float | int | bool) -> tuple[int, int]:
    """A literal as an integer and its fraction."""
    numerator, denominator = float(value).as_integer_ratio()
    return numerator, denominator.bit_length() - 1


def _operand(operand: Operand, fractions: dict[str, int]) -> tuple[str | int, int]:
    """A register or an integer, with its fraction."""
    if isinstance(operand, str):
        return operand, fractions[operand]
    if isinstance(operand, TensorRef):
        raise TypeError(f"{operand} can only be looked up")
    return number(operand)


def _micro(network: Network, op: Op, fractions: dict[str, int]) -> dict[str, Any]:
    if op.opcode == "lookup":
        return _lookup(network, op, fractions)
    pairs = [_operand(item, fractions) for item in op.operands]
    shifts, fraction = _alignment(op.opcode, [item for _, item in pairs])
    operands = [[name, shift] for (name, _), shift in zip(pairs, shifts, strict=True)]
    made = {"op": op.opcode, "to": op.result, "from": operands}
    if op.opcode in WHOLE:
        made["bits"] = max(pairs[0][1], 0)
    return made | fitting(fraction - fraction_of(op.type), op.type)


def _alignment(opcode: str, fractions: list[int]) -> tuple[list[int], int]:
    """Left shift of every operand, and the fraction of the exact result."""
    if opcode in ALIGNED:
        finest = max(fractions)
        return [finest - item for item in fractions], 0 if opcode in COMPARISONS else finest
    if opcode == "select":
        finest = max(fractions[1:])
        return [0, *(finest - item for item in fractions[1:])], finest
    if opcode in WHOLE:
        return [max(0, -fractions[0])], 0
    if opcode in ("neg", "abs", "convert"):
        return [0], fractions[0]
    if opcode == "mul":
        return [0, 0], sum(fractions)
    return [0] * len(fractions), 0


def _lookup(network: Network, op: Op, fractions: dict[str, int]) -> dict[str, Any]:
    index, table = op.operands
    if not isinstance(table, TensorRef):
        raise TypeError(f"{op.result} looks up {table}, which is no table")
    name, fraction = _operand(index, fractions)
    made = {"op": "lookup", "to": op.result, "from": [[name, max(0, -fraction)]], "bits": max(0, fraction)}
    drop = fraction_of(network.tensor(table).type) - fraction_of(op.type)
    return made | {"table": table.name} | fitting(drop, op.type)


def _converted(operand: Operand, fractions: dict[str, int], type_: Type) -> dict[str, Any]:
    name, fraction = _operand(operand, fractions)
    return {"op": "convert", "from": [[name, 0]]} | fitting(fraction - fraction_of(type_), type_)
