"""One step of a fixed-level program on intervals, refined by what compares say in each arm of a select."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

import numpy as np

from compiler.analysis.intervals import EXACT, Interval, align, fit, literal, square
from compiler.ir.ops import COMPARISONS
from compiler.ir.program import Op, Operand, Program, TensorRef

_REFINED = 8
"""Conditions that refine what their selects choose between: those nearest to the updates. Functions far from them have
formats that need no proof."""
_SPLITS, _LARGE, _SPLITS_LARGE = 4, 64, 2
_NEGATED = {"gt": "le", "le": "gt", "ge": "lt", "lt": "ge", "eq": "ne", "ne": "eq"}
_MIRRORED = {"gt": "lt", "lt": "gt", "ge": "le", "le": "ge", "eq": "eq", "ne": "ne"}


class Step:
    """Evaluates names of a program on demand. `base`: intervals of inputs, states, parameters, tables."""

    def __init__(self, program: Program, base: Mapping[str, Interval], tables: Mapping[str, Interval] | None = None):
        self.ops = {op.result: op for op in program.ops}
        self.base = dict(base)
        self.tables = tables or {}
        self.memo: dict[str, Interval] = {}
        self.alive: np.ndarray = np.asarray(True)
        """Which units can come into this case."""
        self.sources = _sources(program)
        self.refined = _nearest_conditions(program)

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

    def cases(self) -> list[Step]:
        """This step split by what the selects nearest to its updates decide on, so what goes together stays so."""
        steps: list[Step] = [self]
        for condition in self.refined[: _SPLITS if len(self.ops) <= _LARGE else _SPLITS_LARGE]:
            steps = [case for step in steps for case in step._split(condition)]
        return steps

    def _split(self, condition: str) -> list[Step]:
        value = self.value(condition)
        truths = [truth for truth, open_ in ((False, (value.low == 0).any()), (True, (value.high == 1).any())) if open_]
        found = []
        for truth in truths:
            alive = self.alive & ((value.high == 1) if truth else (value.low == 0))
            for bounds in self._learn(condition, truth):
                known = Interval(np.full_like(value.low, int(truth)), np.full_like(value.high, int(truth)))
                case = self._with(bounds | {condition: known})
                case.alive = alive
                found.append(case)
        return found or [self]

    def _op(self, op: Op) -> Interval:
        if op.opcode == "select":
            return fit(self._select(op), op.type)
        if op.opcode == "mul" and op.operands[0] == op.operands[1]:
            return fit(square(self.value(op.operands[0])), op.type)
        return fit(EXACT[op.opcode](*(self.value(item) for item in op.operands)), op.type)

    def _select(self, op: Op) -> Interval:
        condition, on_true, on_false = op.operands
        for arm in (on_true, on_false):
            self.value(arm)  # what the condition does not touch is then known in both arms
        arms = [hull(step.value(arm) for step in self._assuming(condition, truth))
                for arm, truth in ((on_true, True), (on_false, False))]
        return EXACT["select"](self.value(condition), *arms)

    def _assuming(self, condition: Operand, truth: bool) -> list[Step]:
        """The same step where a condition is known: one for each way in which it can come about."""
        known = self._learn(condition, truth)
        if condition not in self.refined:
            return [self]
        return [self._with(bounds) if bounds else self for bounds in known] or [self]

    def _with(self, bounds: dict[str, Interval]) -> Step:
        narrower = Step.__new__(Step)
        narrower.ops, narrower.tables = self.ops, self.tables
        narrower.sources, narrower.refined, narrower.alive = self.sources, self.refined, self.alive
        narrower.base = self.base | bounds
        narrower.memo = {name: item for name, item in self.memo.items() if self.sources[name].isdisjoint(bounds)}
        return narrower

    def _learn(self, condition: Operand, truth: bool) -> list[dict[str, Interval]]:
        """What a condition says of names, as alternatives; none where no unit can reach it."""
        op = self.ops.get(condition) if isinstance(condition, str) else None
        if op is None:
            return [{}]
        value = self.value(condition)
        if (value.high == 0).all() if truth else (value.low == 1).all():
            return []
        if op.opcode == "not":
            return self._learn(op.operands[0], not truth)
        if op.opcode in ("and", "or"):
            return self._both(op, truth) if truth == (op.opcode == "and") else self._either(op, truth)
        if op.opcode not in COMPARISONS:
            return [{}]
        relation = op.opcode if truth else _NEGATED[op.opcode]
        bounds: dict[str, Interval] = {}
        self._narrow(op.operands[0], relation, op.operands[1], bounds)
        self._narrow(op.operands[1], _MIRRORED[relation], op.operands[0], bounds)
        return [bounds]

    def _both(self, op: Op, truth: bool) -> list[dict[str, Interval]]:
        first, second = (self._learn(item, truth) for item in op.operands)
        return [a | b for a in first for b in second]

    def _either(self, op: Op, truth: bool) -> list[dict[str, Interval]]:
        """One side decides, or the first does not and the second does."""
        first = self._learn(op.operands[0], truth)
        others = self._learn(op.operands[0], not truth)
        second = self._learn(op.operands[1], truth)
        return [*first, *(a | b for a in others for b in second)]

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


def _nearest_conditions(program: Program) -> list[str]:
    """What selects decide on, nearest to the updates and emitted values first."""
    ops = {op.result: op for op in program.ops}
    queue = deque(item for item in (*(value for _, value in program.updates), *(emit.value for emit in program.emits))
                  if isinstance(item, str))
    seen: set[str] = set(queue)
    found: dict[str, None] = {}
    while queue and len(found) < _REFINED:
        op = ops.get(queue.popleft())
        if op is None:
            continue
        if op.opcode == "select" and isinstance(op.operands[0], str):
            found.setdefault(op.operands[0])
        queue += [name for name in op.names if name not in seen]
        seen |= set(op.names)
    return list(found)


def _sources(program: Program) -> dict[str, frozenset[str]]:
    """Every name that an operation's result depends on, itself included."""
    found: dict[str, frozenset[str]] = {}
    for op in program.ops:
        found[op.result] = frozenset({op.result}).union(*(found.get(name, {name}) for name in op.names))
    return found


def hull(values: Iterable[Interval]) -> Interval:
    first, *rest = values
    for other in rest:
        first, other = align(first, other)
        first = first.hull(other)
    return first
