"""Homogeneity inference: which values of a program grow with the scale of its inputs (semantics 14).

Every value has degree 0 or 1 in a positive factor per unit. If the constraints of all operations can be met
with the given inputs at degree 1, then dividing inputs, degree-1 parameters and initial states by that factor
divides degree-1 values by it and changes no degree-0 value: spikes stay exactly what they were. Decided over
the operations, never by the neuron's class, so a user's own linear soma is covered too.
"""

from __future__ import annotations

from dataclasses import dataclass

from compiler.formats import BoolType
from compiler.ir.ops import COMPARISONS
from compiler.ir.program import Op, Program

LiteralUse = tuple[str, int]
"""A literal by the result of its op and its operand position; in updates and emits by their name and -1."""

_SAME = COMPARISONS | {"add", "sub", "min", "max"}
_LOGIC = {"and", "or", "xor", "not"}


@dataclass(frozen=True)
class Degrees:
    """Degree (0 or 1) of every name, and of every use of a literal number."""

    names: dict[str, int]
    literals: dict[LiteralUse, int]

    def signature(self) -> tuple:
        return tuple(sorted(self.names.items())), tuple(sorted(self.literals.items()))


_Variable = str | LiteralUse
_Equation = tuple[tuple[tuple[int, _Variable], ...], int]
"""sum of coefficient * degree = constant."""


def infer(program: Program, inputs: set[str]) -> Degrees | None:
    """Degrees with the named inputs at degree 1; None where that is impossible.

    Inputs that are not named carry nothing, so any degree fits them.
    """
    equations: list[_Equation] = [(((1, item.name),), 1) for item in program.inputs if item.name in inputs]
    types = program.types()
    for name, type_ in types.items():
        if isinstance(type_, BoolType):
            equations.append((((1, name),), 0))
    for op in program.ops:
        equations += _of_op(op, types)
    for state, value in program.updates:
        equations += _same(state, _variable(value, (state, -1)))
    solved = _solve(equations, _variables(program, equations))
    if solved is None:
        return None
    names = {name: degree for name, degree in solved.items() if isinstance(name, str)}
    return Degrees(names, {use: degree for use, degree in solved.items() if isinstance(use, tuple)})


def _variables(program: Program, equations: list[_Equation]) -> list[_Variable]:
    """Every unknown: values first, parameters and literals last, as they follow from the values."""
    params = [item.name for item in program.params]
    values = [name for name in program.types() if name not in params]
    literals = {var for terms, _ in equations for _, var in terms if isinstance(var, tuple)}
    return [*values, *params, *sorted(literals)]


def _variable(operand, use: LiteralUse) -> _Variable | None:
    """The unknown of an operand; zero and truth values fit any degree and have none."""
    if isinstance(operand, str):
        return operand
    if isinstance(operand, (int, float)) and not isinstance(operand, bool) and operand != 0:
        return use
    return None


def _same(a: _Variable | None, b: _Variable | None) -> list[_Equation]:
    return [] if a is None or b is None else [(((1, a), (-1, b)), 0)]


def _zero(*variables: _Variable | None) -> list[_Equation]:
    return [(((1, item),), 0) for item in variables if item is not None]


def _of_op(op: Op, types) -> list[_Equation]:
    operands = [_variable(item, (op.result, index)) for index, item in enumerate(op.operands)]
    if op.opcode in _LOGIC:
        return []
    if op.opcode in COMPARISONS:
        return _same(*operands)
    if op.opcode in _SAME:
        return _same(operands[0], op.result) + _same(operands[1], op.result)
    if op.opcode == "select":
        return _same(operands[1], op.result) + _same(operands[2], op.result)
    if op.opcode in ("neg", "abs"):
        return _same(operands[0], op.result)
    if op.opcode == "convert":
        source = op.operands[0]
        if isinstance(source, str) and isinstance(types[source], BoolType):
            return _zero(op.result)
        return _same(operands[0], op.result)
    left, right = operands[0], operands[-1]
    if op.opcode in ("mul", "div") and left is not None and right is not None:
        sign = 1 if op.opcode == "mul" else -1
        return [(((1, left), (sign, right), (-1, op.result)), 0)]
    if op.opcode == "sign":
        return _zero(op.result)
    return _zero(op.result, *operands)


def _solve(equations: list[_Equation], order: list[_Variable], known: dict | None = None) -> dict | None:
    """Propagate; where several degrees remain possible try 0 first, then 1."""
    known = _propagate(equations, dict(known or {}))
    if known is None:
        return None
    free = next((item for item in order if item not in known), None)
    if free is None:
        return known
    for degree in (0, 1):
        solved = _solve(equations, order, known | {free: degree})
        if solved is not None:
            return solved
    return None


def _propagate(equations: list[_Equation], known: dict) -> dict | None:
    changed = True
    while changed:
        changed = False
        for terms, constant in equations:
            unknown = [(c, var) for c, var in terms if var not in known]
            rest = constant - sum(c * known[var] for c, var in terms if var in known)
            if not unknown and rest:
                return None
            if len(unknown) == 1:
                coefficient, variable = unknown[0]
                if rest * coefficient not in (0, 1):
                    return None
                known[variable] = rest * coefficient
                changed = True
    return known
