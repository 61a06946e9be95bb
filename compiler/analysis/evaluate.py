"""One step of a fixed-level program on intervals, refined by what compares say in each arm of a select."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from compiler.analysis.intervals import EXACT, Interval, align, fit, literal, square
from compiler.ir.ops import COMPARISONS
from compiler.ir.program import Op, Operand, Program, TensorRef

_NEGATED = {"gt": "le", "le": "gt", "ge": "lt", "lt": "ge", "eq": "ne", "ne": "eq"}
_MIRRORED = {"gt": "lt", "lt": "gt", "ge": "le", "le": "ge", "eq": "eq", "ne": "ne"}


class Step:
    """Evaluates names of a program on demand. `base`: intervals of inputs, states, parameters, tables."""

    def __init__(self, program: Program, base: Mapping[str, Interval], tables: Mapping[str, Interval] | None = None):
        self.ops = {op.result: op for op in program.ops}
        self.base = dict(base)
        self.tables = tables or {}
        self.memo: dict[str, Interval] = {}

    def value(self, operand: Operand) -> Interval:
        """Interval of an operand."""
        if isinstance(operand, TensorRef):
            return self.tables[operand.name]
        if not isinstance(operand, str):
            return literal(operand)
        if operand in self.base:
            return self.base[operand]
        if operand not in self.memo:
            self.memo[operand] = self._op(self.ops[operand])
        return self.memo[operand]

    def _op(self, op: Op) -> Interval:
        if op.opcode == "select":
            return fit(self._select(op), op.type)
        if op.opcode == "mul" and op.operands[0] == op.operands[1]:
            return fit(square(self.value(op.operands[0])), op.type)
        return fit(EXACT[op.opcode](*(self.value(item) for item in op.operands)), op.type)

    def _select(self, op: Op) -> Interval:
        condition, on_true, on_false = op.operands
        arms = [self._assuming(condition, True).value(on_true), self._assuming(condition, False).value(on_false)]
        return EXACT["select"](self.value(condition), *arms)

    def _assuming(self, condition: Operand, truth: bool) -> Step:
        """The same step where a condition is known to be true or false."""
        bounds: dict[str, Interval] = {}
        self._learn(condition, truth, bounds)
        if not bounds:
            return self
        narrower = Step.__new__(Step)
        narrower.ops, narrower.tables, narrower.memo = self.ops, self.tables, {}
        narrower.base = self.base | bounds
        return narrower

    def _learn(self, condition: Operand, truth: bool, bounds: dict[str, Interval]) -> None:
        op = self.ops.get(condition) if isinstance(condition, str) else None
        if op is None:
            return
        if op.opcode == "not":
            self._learn(op.operands[0], not truth, bounds)
        elif op.opcode == ("and" if truth else "or"):
            self._learn(op.operands[0], truth, bounds)
            self._learn(op.operands[1], truth, bounds)
        elif op.opcode in COMPARISONS:
            relation = op.opcode if truth else _NEGATED[op.opcode]
            self._narrow(op.operands[0], relation, op.operands[1], bounds)
            self._narrow(op.operands[1], _MIRRORED[relation], op.operands[0], bounds)

    def _narrow(self, name: Operand, relation: str, other: Operand, bounds: dict[str, Interval]) -> None:
        """Cut the interval of a name by `name relation other`; where nothing is left the arm is not reached."""
        if not isinstance(name, str):
            return
        current = bounds.get(name, self.value(name))
        mine, limit = align(current, self.value(other))
        low, high = mine.low, mine.high
        strict = int(relation in ("gt", "lt"))
        if relation in ("gt", "ge", "eq"):
            low = np.maximum(low, limit.low + strict)
        if relation in ("lt", "le", "eq"):
            high = np.minimum(high, limit.high - strict)
        drop = mine.fraction - current.fraction
        low, high = -((-low) >> drop), high >> drop
        empty = low > high
        low, high = np.where(empty, current.low, low), np.where(empty, current.high, high)
        bounds[name] = Interval(low, high, current.fraction)
