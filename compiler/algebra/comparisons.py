"""Rules of conversions and comparisons."""

from __future__ import annotations

from collections.abc import Callable

from compiler.algebra.known import Known, Node, Value, is_number, negation
from compiler.formats import Format
from compiler.ir.program import Op


def same_type(op: Op, _: Known) -> Value | None:
    return op.operands[0] if isinstance(op.operands[0], str) else None


def convert_twice(op: Op, known: Known) -> Value | None:
    """A truth value, or an integer that comes back to its own type, needs no stop in between."""
    (operand,) = op.operands
    truth = known.truth(operand)
    if isinstance(truth, str):
        return Node("convert", (truth,), op.type)
    whole = known.whole(operand) if isinstance(op.type, Format) else None
    return whole if isinstance(whole, str) else None


_TABLE: dict[str, Callable[[float, float], bool]] = {
    "lt": lambda a, b: a < b, "le": lambda a, b: a <= b, "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b, "eq": lambda a, b: a == b, "ne": lambda a, b: a != b,
}


def compare_truth(op: Op, known: Known) -> Value | None:
    """A converted truth value against a number: that value, its opposite, or a constant."""
    left, right = op.operands
    a, b = known.truth(left), known.truth(right)
    relation = _TABLE[op.opcode]
    if isinstance(a, str) and is_number(right):
        truth, when = a, [relation(value, right) for value in (0, 1)]  # pyright: ignore[reportArgumentType]
    elif isinstance(b, str) and is_number(left):
        truth, when = b, [relation(left, value) for value in (0, 1)]  # pyright: ignore[reportArgumentType]
    else:
        return _compare_truths(op.opcode, a, b) if isinstance(a, str) and isinstance(b, str) else None
    if when[0] == when[1]:
        return when[0]
    return truth if when[1] else negation(truth)


def _compare_truths(opcode: str, a: str, b: str) -> Node:
    nodes = {
        "eq": negation(Node("xor", (a, b))), "ne": Node("xor", (a, b)),
        "gt": Node("and", (a, negation(b))), "lt": Node("and", (negation(a), b)),
        "ge": Node("or", (a, negation(b))), "le": Node("or", (negation(a), b)),
    }
    return nodes[opcode]


def compare_bools(op: Op, known: Known) -> Value | None:
    """b == true and the like."""
    for literal, other in (op.operands, op.operands[::-1]):
        if isinstance(literal, bool) and op.opcode in ("eq", "ne"):
            return other if literal == (op.opcode == "eq") else negation(other)
    return None


def compare_whole(op: Op, known: Known) -> Value | None:
    """Converted integers are compared as they are."""
    wholes = tuple(known.whole(item) for item in op.operands)
    if None in wholes or not any(isinstance(known.definition(item, "convert"), Op) for item in op.operands):
        return None
    return Node(op.opcode, wholes)  # pyright: ignore[reportArgumentType]
