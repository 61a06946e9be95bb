"""What is known of the operands of an op, and expressions to compute instead of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from compiler.formats import BOOL, BoolType, Format, Type
from compiler.ir.program import Op, Operand


@dataclass(frozen=True)
class Node:
    """An op whose operands may be nodes themselves."""

    opcode: str
    operands: tuple[Operand | Node, ...]
    type: Type = BOOL


Value = Operand | Node


class Known:
    """What is known of the names of a program: their types and the ops that define them."""

    def __init__(self, types: Mapping[str, Type]):
        self.types = dict(types)
        self.ops: dict[str, Op] = {}

    def add(self, op: Op) -> None:
        self.ops[op.result], self.types[op.result] = op, op.type

    def definition(self, operand: Value, opcode: str) -> Op | None:
        """The op of that code that computes an operand."""
        op = self.ops.get(operand) if isinstance(operand, str) else None
        return op if op is not None and op.opcode == opcode else None

    def type_of(self, operand: Value) -> Type | None:
        """None for numbers, which fit any number type."""
        if isinstance(operand, Node):
            return operand.type
        if isinstance(operand, bool):
            return BOOL
        return self.types[operand] if isinstance(operand, str) else None

    def truth(self, operand: Value) -> Operand | None:
        """The truth value that a number stands for: of a converted bool, of the literals 0 and 1."""
        op = self.definition(operand, "convert")
        if op is not None and isinstance(self.type_of(op.operands[0]), BoolType):
            return op.operands[0]
        return bool(operand) if is_number(operand) and operand in (0, 1) else None

    def whole(self, operand: Value) -> Operand | None:
        """The integer that a float stands for: of a converted integer, of a literal without fraction."""
        op = self.definition(operand, "convert")
        if op is not None and isinstance(self.type_of(op.operands[0]), Format):
            return op.operands[0]
        return int(operand) if is_number(operand) and operand == int(operand) else None  # pyright: ignore


def is_number(operand: object) -> bool:
    return isinstance(operand, int | float) and not isinstance(operand, bool)


def negation(value: Value) -> Node:
    return Node("not", (value,))


Rule = Callable[[Op, Known], Value | None]
"""What to put in place of an op; None where the rule does not apply."""
