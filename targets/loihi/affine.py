"""A model-level program as affine maps: what it computes for every way its comparisons can turn out.

Parameters of a site are numbers, so every value of a leaky neuron is `sum of coefficient * (input or state) + constant`
once it is known how each comparison of such values (an *atom*) comes out. Coefficients are float64, one for all units
or one per unit.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from compiler.float_arithmetic import FUNCTIONS
from compiler.ir.network import Network
from compiler.ir.ops import COMPARISONS
from compiler.ir.program import Op, Operand, Program, Site

ORDERED = {"gt": 1.0, "ge": 1.0, "lt": -1.0, "le": -1.0}


@dataclass(frozen=True)
class Affine:
    """sum of terms[name] * name + constant."""

    constant: np.ndarray
    terms: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def is_constant(self) -> bool:
        return not any(np.any(value) for value in self.terms.values())

    def coefficient(self, name: str) -> np.ndarray:
        return self.terms.get(name, np.zeros(()))

    def __add__(self, other: Affine) -> Affine:
        names = {**self.terms, **other.terms}
        terms = {name: self.coefficient(name) + other.coefficient(name) for name in names}
        return Affine(self.constant + other.constant, terms)

    def __mul__(self, factor: np.ndarray) -> Affine:
        return Affine(self.constant * factor, {name: value * factor for name, value in self.terms.items()})

    def __sub__(self, other: Affine) -> Affine:
        return self + other * np.asarray(-1.0)

    def where(self, condition: np.ndarray, other: Affine) -> Affine:
        """Itself in the units where a condition holds, the other elsewhere."""
        names = {**self.terms, **other.terms}
        terms = {name: np.where(condition, self.coefficient(name), other.coefficient(name)) for name in names}
        return Affine(np.where(condition, self.constant, other.constant), terms)

    def close_to(self, other: Affine, tolerance: float = 1e-9) -> bool:
        """Equal to rounding, every coefficient against the largest of them."""
        rest, size = self - other, max(self.size, other.size, 1e-300)
        return rest.size <= tolerance * size

    @property
    def size(self) -> float:
        return max(float(np.abs(value).max(initial=0.0)) for value in (self.constant, *self.terms.values()))


class NotAffineError(Exception):
    """An operation that does not stay affine, or compares what cannot be told apart."""

    def __init__(self, op: Op, reason: str):
        super().__init__(reason)
        self.op, self.reason = op, reason


@dataclass(frozen=True)
class Outcome:
    """Values of every name when the atoms come out as `truths` says. differences: of each atom, left minus right."""

    values: Mapping[str, Affine | np.ndarray]
    truths: Mapping[str, bool]
    differences: Mapping[str, Affine]

    def number(self, operand: Operand) -> Affine:
        """A value that is a number; a truth value counts 0 or 1."""
        found = self.values[operand] if isinstance(operand, str) else operand
        return found if isinstance(found, Affine) else Affine(np.asarray(found, np.float64))

    def truth(self, operand: Operand) -> np.ndarray | None:
        """A truth value, None where the operand is a number."""
        found = self.values[operand] if isinstance(operand, str) else operand
        if isinstance(found, bool | np.bool_):
            return np.asarray(found)
        return found if isinstance(found, np.ndarray) and found.dtype == bool else None


def outcomes(network: Network, site: Site, known: Mapping[str, np.ndarray]) -> list[Outcome]:
    """Every way the atoms of a site's program can come out. known: numbers of states that are not symbols (counters).

    Raises NotAffineError.
    """
    program = network.programs[site.program]
    first = _evaluate(network, program, site, known, {})
    atoms = list(first.differences)
    if len(atoms) > 2:
        op = program.op(atoms[2])
        raise NotAffineError(op, "compares more than two values that change from step to step")
    cases = itertools.product((False, True), repeat=len(atoms))
    return [_evaluate(network, program, site, known, dict(zip(atoms, case, strict=True))) for case in cases]


def _evaluate(
    network: Network, program: Program, site: Site, known: Mapping[str, np.ndarray], truths: Mapping[str, bool]
) -> Outcome:
    one = np.ones(())
    symbols = [item.name for item in (*program.inputs, *program.states) if item.name not in known]
    values: dict[str, Affine | np.ndarray] = {name: Affine(np.zeros(()), {name: one}) for name in symbols}
    values |= {name: Affine(np.asarray(value, np.float64)) for name, value in known.items()}
    for item in program.params:
        given = network.real(site.arguments[item.name])
        is_truth = isinstance(site.arguments[item.name], bool)
        values[item.name] = given.astype(bool) if is_truth else Affine(given)
    outcome = Outcome(values, truths, {})
    for op in program.ops:
        values[op.result] = _result(op, outcome)
    return outcome


def _result(op: Op, outcome: Outcome) -> Affine | np.ndarray:
    truths = [outcome.truth(item) for item in op.operands]
    if op.opcode in _LOGIC and all(item is not None for item in truths):
        return _LOGIC[op.opcode](*truths)
    if op.opcode == "select":
        return _selected(op, outcome, truths)
    numbers = [outcome.number(item) for item in op.operands]
    if op.opcode in COMPARISONS:
        return _compared(op, outcome, numbers)
    if all(item.is_constant for item in numbers):
        return Affine(np.asarray(FUNCTIONS[op.opcode](*(item.constant for item in numbers)), np.float64))
    return _number(op, numbers)


def _selected(op: Op, outcome: Outcome, truths: list[np.ndarray | None]) -> Affine | np.ndarray:
    condition, a, b = truths
    if condition is None:
        raise NotAffineError(op, "selects by a number")
    if a is not None and b is not None:
        return np.where(condition, a, b)
    return outcome.number(op.operands[1]).where(condition, outcome.number(op.operands[2]))


def _compared(op: Op, outcome: Outcome, numbers: list[Affine]) -> np.ndarray:
    difference = numbers[0] - numbers[1]
    if difference.is_constant:
        return np.asarray(FUNCTIONS[op.opcode](numbers[0].constant, numbers[1].constant), bool)
    if op.opcode not in ORDERED:
        raise NotAffineError(op, "asks whether values that change from step to step are equal")
    outcome.differences[op.result] = difference * np.asarray(ORDERED[op.opcode])  # pyright: ignore[reportIndexIssue]
    return np.asarray(outcome.truths.get(op.result, False))


def _number(op: Op, numbers: list[Affine]) -> Affine:
    if op.opcode in ("add", "sub"):
        return numbers[0] + numbers[1] if op.opcode == "add" else numbers[0] - numbers[1]
    if op.opcode == "neg":
        return numbers[0] * np.asarray(-1.0)
    if op.opcode == "convert":
        return numbers[0]
    if op.opcode == "mul" and any(item.is_constant for item in numbers):
        factor, value = sorted(numbers, key=lambda item: not item.is_constant)
        return value * factor.constant
    if op.opcode == "div" and numbers[1].is_constant:
        return numbers[0] * (1.0 / numbers[1].constant)
    raise NotAffineError(op, f"`{op.opcode}` of values that change from step to step")


_LOGIC = {"and": np.logical_and, "or": np.logical_or, "xor": np.logical_xor, "not": np.logical_not}


def names(values: Mapping[str, np.ndarray]) -> Iterator[str]:
    """Names with a coefficient other than 0."""
    return (name for name, value in values.items() if np.any(value))
