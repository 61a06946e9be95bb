"""Sums of the absolute summands behind every value of a program: what rounding errors are measured against.

The magnitude of a sum is the sum of the magnitudes, of a product their product, of a function what its
slope makes of it; of a value that is given (a state, a parameter, a literal) its absolute value. A compare of two
values that are not both given, and closer than the tolerance times their magnitude, is a tie.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from compiler.formats import BoolType, FloatType
from compiler.ir.ops import COMPARISONS
from compiler.ir.program import Op, Operand
from compiler.site_runner import SiteRunner, Values


@dataclass(frozen=True)
class Bounded:
    """Values and magnitudes by name; per unit whether a compare is a tie, and the largest value compared."""

    values: Values
    magnitudes: Values
    tie: np.ndarray
    theta: np.ndarray


def bounded(runner: SiteRunner, inputs: Mapping[str, np.ndarray], magnitudes: Mapping[str, np.ndarray],
            states: Values, tolerance: float) -> Bounded:
    """One step of a site with magnitudes. inputs, states: [rows, n]; magnitudes: of the inputs."""
    values = runner.execute(inputs, states)
    shape = next(iter((*inputs.values(), *states.values()))).shape
    sizes: Values = {name: np.abs(values[name]) for name in (*states, *runner.arguments)} | dict(magnitudes)
    given = {*states, *runner.arguments}
    tie, theta = np.zeros(shape, bool), np.zeros(shape)
    for op in runner.program.ops:
        with np.errstate(all="ignore"):
            operands = [_operand(item, runner, values, sizes) for item in op.operands]
            sizes[op.result] = np.abs(_magnitude(op, operands, values[op.result]))
        exact = all(not isinstance(item, str) or item in given for item in op.operands)
        if op.opcode in COMPARISONS and not exact and _is_real(op, runner):
            (a, size_a), (b, size_b) = operands
            tie |= np.abs(a - b) <= tolerance * np.maximum(size_a, size_b)
            theta = np.maximum(theta, np.maximum(np.abs(a), np.abs(b)))
        if not isinstance(op.type, FloatType) or (exact and op.opcode in _EXACT):
            given.add(op.result)
    return Bounded(values, sizes, tie, theta)


_EXACT = frozenset({"convert", "neg", "abs", "min", "max", "select"})


def _is_real(op: Op, runner: SiteRunner) -> bool:
    return any(isinstance(runner.types[item], FloatType) for item in op.names)


def _operand(item: Operand, runner: SiteRunner, values: Values, sizes: Values) -> tuple[np.ndarray, np.ndarray]:
    value = runner.operand(item, values)
    value = value.astype(np.float64) if value.dtype.kind == "b" else value
    return value, sizes.get(item, np.abs(value)) if isinstance(item, str) else np.abs(value)


def _magnitude(op: Op, operands: list[tuple[np.ndarray, np.ndarray]], result: np.ndarray) -> np.ndarray:
    if isinstance(op.type, BoolType):
        return np.ones_like(result, np.float64)
    return _RULES.get(op.opcode, _default)(result, *operands)


def _default(result, *operands):
    """Of an op that passes errors on at most one to one."""
    return np.abs(result) + sum(size for _, size in operands)


def _relative(result, *operands):
    """Of exponentials: an absolute error of the operands is a relative one of the result."""
    return np.abs(result) * (1 + sum(size for _, size in operands))


Pair = tuple[np.ndarray, np.ndarray]

_RULES: dict[str, Callable[..., np.ndarray]] = {
    "add": lambda _, a, b: a[1] + b[1],
    "sub": lambda _, a, b: a[1] + b[1],
    "mul": lambda _, a, b: a[1] * b[1],
    "div": lambda _, a, b: a[1] / np.abs(b[0]) * (b[1] / np.abs(b[0])),
    "neg": lambda _, a: a[1],
    "abs": lambda _, a: a[1],
    "convert": lambda _, a: a[1],
    "min": lambda _, a, b: np.maximum(a[1], b[1]),
    "max": lambda _, a, b: np.maximum(a[1], b[1]),
    "select": lambda _, c, a, b: np.where(c[0] != 0, a[1], b[1]),
    "exp": _relative,
    "pow": lambda r, a, b: np.abs(r) * (1 + np.abs(b[0]) * a[1] / np.abs(a[0]) + b[1] * np.abs(np.log(np.abs(a[0])))),
    "log": lambda r, a: np.abs(r) + a[1] / np.abs(a[0]),
    "sqrt": lambda r, a: np.abs(r) + a[1] / np.maximum(np.abs(r), 1e-300),
}
