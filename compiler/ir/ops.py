"""The operations of dynamics programs, in one table.

Every operation means: the exact result on its operands, then rounded, then fitted into the result
type (semantics 11). The levels an operation may stand at: `model` (floating point) or `fixed`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class OpSpec:
    """One operation: operand count, kind of result, whether integers can execute it, and its meaning.

    result: `number` (type given by the op) or `bool`. operands: `number` or `bool` for each one.
    """

    arity: int
    meaning: str
    result: str = "number"
    operands: str = "number"
    fixed: bool = True


OPS: dict[str, OpSpec] = {
    "add": OpSpec(2, "a + b"),
    "sub": OpSpec(2, "a - b"),
    "mul": OpSpec(2, "a * b"),
    "div": OpSpec(2, "a / b", fixed=False),
    "neg": OpSpec(1, "-a"),
    "abs": OpSpec(1, "|a|"),
    "sign": OpSpec(1, "-1, 0 or 1"),
    "min": OpSpec(2, "the smaller"),
    "max": OpSpec(2, "the larger"),
    "convert": OpSpec(1, "a in another type; a bool becomes 0 or 1", operands="any"),
    "select": OpSpec(3, "b where a, else c", operands="select"),
    "lt": OpSpec(2, "a < b", result="bool"),
    "le": OpSpec(2, "a <= b", result="bool"),
    "gt": OpSpec(2, "a > b", result="bool"),
    "ge": OpSpec(2, "a >= b", result="bool"),
    "eq": OpSpec(2, "a == b", result="bool", operands="any"),
    "ne": OpSpec(2, "a != b", result="bool", operands="any"),
    "and": OpSpec(2, "both", result="bool", operands="bool"),
    "or": OpSpec(2, "either", result="bool", operands="bool"),
    "xor": OpSpec(2, "one of them", result="bool", operands="bool"),
    "not": OpSpec(1, "the opposite", result="bool", operands="bool"),
    "exp": OpSpec(1, "e to the a", fixed=False),
    "expm1": OpSpec(1, "e to the a, minus 1", fixed=False),
    "log": OpSpec(1, "natural logarithm", fixed=False),
    "log1p": OpSpec(1, "natural logarithm of 1 + a", fixed=False),
    "sqrt": OpSpec(1, "square root", fixed=False),
    "tanh": OpSpec(1, "hyperbolic tangent", fixed=False),
    "logistic": OpSpec(1, "1 / (1 + exp(-a))", fixed=False),
    "pow": OpSpec(2, "a to the b", fixed=False),
    "floor": OpSpec(1, "largest integer not above a"),
    "ceil": OpSpec(1, "smallest integer not below a"),
    "round": OpSpec(1, "nearest integer, ties to even"),
    "sin": OpSpec(1, "sine", fixed=False),
    "cos": OpSpec(1, "cosine", fixed=False),
    "lookup": OpSpec(2, "entry floor(a) of table #b, clamped to its ends", operands="lookup"),
}

COMPARISONS = frozenset({"lt", "le", "gt", "ge", "eq", "ne"})
