"""Local rules of simplification: what one op is equal to, given how its operands were computed.

A rule sees an op and gives an operand, an expression `Node` to compute instead, or None. Every rule keeps
float64 results exactly, except that a zero may change its sign, and that `x * b` for a truth value b becomes
`select b, x, 0.0` (not the same where x is infinite or NaN).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from compiler.formats import BOOL, BoolType, FloatType, Format, Type
from compiler.ir.ops import COMPARISONS
from compiler.ir.program import Op, Operand, TensorRef


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


def simplest(op: Op, known: Known) -> Value | None:
    """What to put in place of an op; None where no rule applies."""
    for rule in RULES.get(op.opcode, ()):
        found = rule(op, known)
        if found is not None and _fits(found, op.type, known):
            return found
    return None


def _fits(value: Value, wanted: Type, known: Known) -> bool:
    given = known.type_of(value)
    if isinstance(wanted, Format) and isinstance(given, Format):
        return (given.signed, given.width, given.fraction) == (wanted.signed, wanted.width, wanted.fraction)
    if given is None:
        return not isinstance(wanted, BoolType) and (isinstance(wanted, FloatType) or isinstance(value, int))
    return given == wanted


def _number(value: int, op: Op) -> Operand:
    return value if isinstance(op.type, Format) else float(value)


# -- arithmetic -----------------------------------------------------------------------------------------------------


def _neutral(value: int, right_only: bool = False) -> Callable[[Op, Known], Value | None]:
    def rule(op: Op, _: Known) -> Value | None:
        left, right = op.operands
        if is_number(right) and right == value:
            return left
        return right if not right_only and is_number(left) and left == value else None

    return rule


def _difference_of_negation(op: Op, known: Known) -> Value | None:
    """a + (-b) is a - b; a - (-b) is a + b; 0 - a is -a."""
    left, right = op.operands
    other = "sub" if op.opcode == "add" else "add"
    if (inner := known.definition(right, "neg")) is not None:
        return Node(other, (left, inner.operands[0]), op.type)
    if op.opcode == "add" and (inner := known.definition(left, "neg")) is not None:
        return Node("sub", (right, inner.operands[0]), op.type)
    zero = op.opcode == "sub" and is_number(left) and left == 0
    return Node("neg", (right,), op.type) if zero else None


def _complement(op: Op, known: Known) -> Value | None:
    """1 - b."""
    left, right = op.operands
    truth = known.truth(right)
    if is_number(left) and left == 1 and isinstance(truth, str):
        return Node("convert", (negation(truth),), op.type)
    return None


def _sign_of_product(op: Op, known: Known) -> Value | None:
    """a * -1 is -a; (-a) * (-b) is a * b."""
    left, right = op.operands
    for one, other in ((left, right), (right, left)):
        if is_number(one) and one == -1:
            return Node("neg", (other,), op.type)
    a, b = known.definition(left, "neg"), known.definition(right, "neg")
    return Node("mul", (a.operands[0], b.operands[0]), op.type) if a and b else None


def _gate(op: Op, known: Known) -> Value | None:
    """x * b selects x."""
    for gate, value in (op.operands, op.operands[::-1]):
        truth = known.truth(gate)
        if isinstance(truth, str):
            return Node("select", (truth, value, _number(0, op)), op.type)
    return None


def _zero_product(op: Op, known: Known) -> Value | None:
    """n * 0 for integers."""
    return 0 if isinstance(op.type, Format) and any(is_number(item) and item == 0 for item in op.operands) else None


def _double_negation(op: Op, known: Known) -> Value | None:
    inner = known.definition(op.operands[0], "neg")
    if inner is not None:
        return inner.operands[0]
    difference = known.definition(op.operands[0], "sub")
    return Node("sub", difference.operands[::-1], op.type) if difference is not None else None


def _of_truths(opcode: str) -> Callable[[Op, Known], Value | None]:
    """A function of two converted truth values."""

    def rule(op: Op, known: Known) -> Value | None:
        truths = tuple(known.truth(item) for item in op.operands)
        if None in truths or not any(isinstance(item, str) for item in truths):
            return None
        return Node("convert", (Node(opcode, truths),), op.type)  # pyright: ignore[reportArgumentType]

    return rule


def _same(op: Op, _: Known) -> Value | None:
    return op.operands[0] if op.operands[0] == op.operands[1] and isinstance(op.operands[0], str) else None


def _of_truth(op: Op, known: Known) -> Value | None:
    """|b|, sign of b, and roundings of whole numbers."""
    (operand,) = op.operands
    if isinstance(known.truth(operand), str):
        return operand
    rounds = op.opcode in ("floor", "ceil", "round")
    return operand if rounds and isinstance(known.whole(operand), str) else None


# -- conversions, comparisons ---------------------------------------------------------------------------------------


def _same_type(op: Op, _: Known) -> Value | None:
    return op.operands[0] if isinstance(op.operands[0], str) else None


def _convert_twice(op: Op, known: Known) -> Value | None:
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


def _compare_truth(op: Op, known: Known) -> Value | None:
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


def _compare_bools(op: Op, known: Known) -> Value | None:
    """b == true and the like."""
    for literal, other in (op.operands, op.operands[::-1]):
        if isinstance(literal, bool) and op.opcode in ("eq", "ne"):
            return other if literal == (op.opcode == "eq") else negation(other)
    return None


def _compare_whole(op: Op, known: Known) -> Value | None:
    """Converted integers are compared as they are."""
    wholes = tuple(known.whole(item) for item in op.operands)
    if None in wholes or not any(isinstance(known.definition(item, "convert"), Op) for item in op.operands):
        return None
    return Node(op.opcode, wholes)  # pyright: ignore[reportArgumentType]


# -- truth ----------------------------------------------------------------------------------------------------------


def _absorbing(opcode: str) -> Callable[[Op, Known], Value | None]:
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


def _not(op: Op, known: Known) -> Value | None:
    (operand,) = op.operands
    if isinstance(operand, bool):
        return not operand
    inner = known.definition(operand, "not")
    return inner.operands[0] if inner is not None else None


def _xor(op: Op, _: Known) -> Value | None:
    for one, other in (op.operands, op.operands[::-1]):
        if isinstance(one, bool):
            return negation(other) if one else other
    return False if op.operands[0] == op.operands[1] else None


# -- select ---------------------------------------------------------------------------------------------------------


def _decided(op: Op, known: Known) -> Value | None:
    which, left, right = op.operands
    if isinstance(which, bool):
        return left if which else right
    if left == right and type(left) is type(right) and not isinstance(left, TensorRef):
        return left
    opposite = known.definition(which, "not")
    return Node("select", (opposite.operands[0], right, left), op.type) if opposite is not None else None


def _select_again(op: Op, known: Known) -> Value | None:
    """An arm that decides by the same condition."""
    which, left, right = op.operands
    inner = known.definition(left, "select")
    if inner is not None and inner.operands[0] == which:
        return Node("select", (which, inner.operands[1], right), op.type)
    inner = known.definition(right, "select")
    if inner is not None and inner.operands[0] == which:
        return Node("select", (which, left, inner.operands[2]), op.type)
    return None


def _select_truths(op: Op, known: Known) -> Value | None:
    """Between numbers that stand for truth values."""
    which, left, right = op.operands
    if isinstance(op.type, BoolType):
        return None
    truths = known.truth(left), known.truth(right)
    if None in truths:
        return None
    return Node("convert", (Node("select", (which, *truths)),), op.type)  # pyright: ignore[reportArgumentType]


def _select_bools(op: Op, _: Known) -> Value | None:
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


Rule = Callable[[Op, Known], Value | None]

RULES: dict[str, tuple[Rule, ...]] = {
    "add": (_neutral(0), _difference_of_negation),
    "sub": (_neutral(0, right_only=True), _complement, _difference_of_negation),
    "mul": (_neutral(1), _zero_product, _of_truths("and"), _gate, _sign_of_product),
    "div": (_neutral(1, right_only=True),),
    "neg": (_double_negation,),
    "max": (_same, _of_truths("or")),
    "min": (_same, _of_truths("and")),
    **{opcode: (_of_truth,) for opcode in ("abs", "sign", "floor", "ceil", "round")},
    "convert": (_same_type, _convert_twice),
    **{opcode: (_compare_truth, _compare_bools, _compare_whole) for opcode in COMPARISONS},
    "and": (_absorbing("and"),),
    "or": (_absorbing("or"),),
    "not": (_not,),
    "xor": (_xor,),
    "select": (_decided, _select_again, _select_truths, _select_bools),
}
