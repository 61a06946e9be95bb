"""Rules of truth values and of what they select."""

from __future__ import annotations

from compiler.algebra.known import Known, Node, Rule, Value, negation
from compiler.formats import BoolType
from compiler.ir.program import Op, TensorRef


def absorbing(opcode: str) -> Rule:
    """`and` and `or` with a constant, with itself, with its opposite, and of what already holds an operand."""
    neutral = opcode == "and"

    def rule(op: Op, known: Known) -> Value | None:
        for one, other in (op.operands, op.operands[::-1]):
            if isinstance(one, bool):
                return other if one is neutral else one
            if one == other:
                return one
            inner, opposite = known.definition(other, opcode), known.definition(other, "not")
            if inner is not None and one in inner.operands:
                return other
            if opposite is not None and opposite.operands[0] == one:
                return not neutral
        return None

    return rule


def opposite_of(op: Op, known: Known) -> Value | None:
    (operand,) = op.operands
    if isinstance(operand, bool):
        return not operand
    inner = known.definition(operand, "not")
    return inner.operands[0] if inner is not None else None


def exclusive(op: Op, _: Known) -> Value | None:
    for one, other in (op.operands, op.operands[::-1]):
        if isinstance(one, bool):
            return negation(other) if one else other
    return False if op.operands[0] == op.operands[1] else None


def decided(op: Op, known: Known) -> Value | None:
    which, left, right = op.operands
    if isinstance(which, bool):
        return left if which else right
    if left == right and type(left) is type(right) and not isinstance(left, TensorRef):
        return left
    opposite = known.definition(which, "not")
    return Node("select", (opposite.operands[0], right, left), op.type) if opposite is not None else None


def select_again(op: Op, known: Known) -> Value | None:
    """An arm that decides by the same condition."""
    which, left, right = op.operands
    inner = known.definition(left, "select")
    if inner is not None and inner.operands[0] == which:
        return Node("select", (which, inner.operands[1], right), op.type)
    inner = known.definition(right, "select")
    if inner is not None and inner.operands[0] == which:
        return Node("select", (which, left, inner.operands[2]), op.type)
    return None


def select_truths(op: Op, known: Known) -> Value | None:
    """Between numbers that stand for truth values."""
    which, left, right = op.operands
    if isinstance(op.type, BoolType):
        return None
    truths = known.truth(left), known.truth(right)
    if None in truths:
        return None
    return Node("convert", (Node("select", (which, *truths)),), op.type)  # pyright: ignore[reportArgumentType]


def select_bools(op: Op, _: Known) -> Value | None:
    which, left, right = op.operands
    if not isinstance(op.type, BoolType):
        return None
    if isinstance(left, bool) and isinstance(right, bool):
        return which if left else negation(which)
    if isinstance(left, bool):
        return Node("or", (which, right)) if left else Node("and", (negation(which), right))
    if isinstance(right, bool):
        return Node("or", (negation(which), left)) if right else Node("and", (which, left))
    return None
