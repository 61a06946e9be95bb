"""Which rules are tried on an op, in which order."""

from __future__ import annotations

from compiler.algebra import arithmetic, comparisons, truths
from compiler.algebra.known import Known, Rule, Value
from compiler.formats import BoolType, FloatType, Format, Type
from compiler.ir.ops import COMPARISONS
from compiler.ir.program import Op

RULES: dict[str, tuple[Rule, ...]] = {
    "add": (arithmetic.neutral(0), arithmetic.difference_of_negation),
    "sub": (arithmetic.neutral(0, right_only=True), arithmetic.complement, arithmetic.difference_of_negation),
    "mul": (arithmetic.neutral(1), arithmetic.zero_product, arithmetic.of_truths("and"), arithmetic.gate,
            arithmetic.sign_of_product),
    "div": (arithmetic.neutral(1, right_only=True),),
    "neg": (arithmetic.double_negation,),
    "max": (arithmetic.same, arithmetic.of_truths("or")),
    "min": (arithmetic.same, arithmetic.of_truths("and")),
    **{opcode: (arithmetic.of_truth,) for opcode in ("abs", "sign", "floor", "ceil", "round")},
    "convert": (comparisons.same_type, comparisons.convert_twice),
    **{opcode: (comparisons.compare_truth, comparisons.compare_bools, comparisons.compare_whole)
       for opcode in COMPARISONS},
    "and": (truths.absorbing("and"),),
    "or": (truths.absorbing("or"),),
    "not": (truths.opposite_of,),
    "xor": (truths.exclusive,),
    "select": (truths.decided, truths.select_again, truths.select_truths, truths.select_bools),
}


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
