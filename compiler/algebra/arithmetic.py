"""Rules of sums, products, negations and roundings."""

from __future__ import annotations

from compiler.algebra.known import Known, Node, Rule, Value, is_number, negation
from compiler.formats import Format
from compiler.ir.program import Op, Operand


def neutral(value: int, right_only: bool = False) -> Rule:
    def rule(op: Op, _: Known) -> Value | None:
        left, right = op.operands
        if is_number(right) and right == value:
            return left
        return right if not right_only and is_number(left) and left == value else None

    return rule


def difference_of_negation(op: Op, known: Known) -> Value | None:
    """a + (-b) is a - b; a - (-b) is a + b; 0 - a is -a."""
    left, right = op.operands
    other = "sub" if op.opcode == "add" else "add"
    if (inner := known.definition(right, "neg")) is not None:
        return Node(other, (left, inner.operands[0]), op.type)
    if op.opcode == "add" and (inner := known.definition(left, "neg")) is not None:
        return Node("sub", (right, inner.operands[0]), op.type)
    zero = op.opcode == "sub" and is_number(left) and left == 0
    return Node("neg", (right,), op.type) if zero else None


def complement(op: Op, known: Known) -> Value | None:
    """1 - b."""
    left, right = op.operands
    truth = known.truth(right)
    if is_number(left) and left == 1 and isinstance(truth, str):
        return Node("convert", (negation(truth),), op.type)
    return None


def sign_of_product(op: Op, known: Known) -> Value | None:
    """a * -1 is -a; (-a) * (-b) is a * b."""
    left, right = op.operands
    for one, other in ((left, right), (right, left)):
        if is_number(one) and one == -1:
            return Node("neg", (other,), op.type)
    a, b = known.definition(left, "neg"), known.definition(right, "neg")
    return Node("mul", (a.operands[0], b.operands[0]), op.type) if a and b else None


def gate(op: Op, known: Known) -> Value | None:
    """x * b selects x."""
    for gate, value in (op.operands, op.operands[::-1]):
        truth = known.truth(gate)
        if isinstance(truth, str):
            return Node("select", (truth, value, _number(0, op)), op.type)
    return None


def zero_product(op: Op, known: Known) -> Value | None:
    """n * 0 for integers."""
    return 0 if isinstance(op.type, Format) and any(is_number(item) and item == 0 for item in op.operands) else None


def double_negation(op: Op, known: Known) -> Value | None:
    inner = known.definition(op.operands[0], "neg")
    if inner is not None:
        return inner.operands[0]
    difference = known.definition(op.operands[0], "sub")
    return Node("sub", difference.operands[::-1], op.type) if difference is not None else None


def of_truths(opcode: str) -> Rule:
    """A function of two converted truth values."""

    def rule(op: Op, known: Known) -> Value | None:
        truths = tuple(known.truth(item) for item in op.operands)
        if None in truths or not any(isinstance(item, str) for item in truths):
            return None
        return Node("convert", (Node(opcode, truths),), op.type)  # pyright: ignore[reportArgumentType]

    return rule


def same(op: Op, _: Known) -> Value | None:
    return op.operands[0] if op.operands[0] == op.operands[1] and isinstance(op.operands[0], str) else None


def of_truth(op: Op, known: Known) -> Value | None:
    """|b|, sign of b, and roundings of whole numbers."""
    (operand,) = op.operands
    if isinstance(known.truth(operand), str):
        return operand
    rounds = op.opcode in ("floor", "ceil", "round")
    return operand if rounds and isinstance(known.whole(operand), str) else None


def _number(value: int, op: Op) -> Operand:
    return value if isinstance(op.type, Format) else float(value)
