"""A step on intervals, followed in both ways from every compare; of the certificate check.

Every compare and truth value of a program is either true or false, so a step is followed in both ways from there, each
compare narrowing its operands for what comes after. Of very long programs the compares nearest to the updates are
followed so; the others count as unknown unless intervals decide.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from compiler.certificates.numbers import (
    COMPARES,
    INTERVAL,
    Pair,
    aligned,
    chosen,
    decided,
    entries,
    fit,
    ratio,
    spread,
    squared,
)
from compiler.ir.network import Network
from compiler.ir.program import Op, Program

_MOST_SPLITS = 10


def nearest_compares(program: Program) -> frozenset[str]:
    """The compares fewest operations away from an update or an emitted value."""
    ops = {op.result: op for op in program.ops}
    ends = [value for _, value in program.updates] + [item.value for item in program.emits]
    queue = deque(dict.fromkeys(item for item in ends if isinstance(item, str)))
    reached, found = set(queue), []
    while queue:
        op = ops.get(queue.popleft())
        if op is None:
            continue
        found += [op.result] if op.opcode in COMPARES else []
        queue += [name for name in dict.fromkeys(op.names) if name not in reached]
        reached |= set(op.names)
    return frozenset(found[:_MOST_SPLITS])


class Case:
    """One step where some compares are known. values: intervals of inputs, parameters and states of every row (a unit,
    or a box of states); an operation among them is not computed. split: the compares that are followed. rows: which of
    the first rows are still here."""

    def __init__(self, network: Network, program: Program, values: Mapping[str, Pair], split: frozenset[str],
                 rows: np.ndarray):
        self.network, self.program, self.split, self.rows = network, program, split, rows
        self.values: dict[str, Pair] = dict(values)
        self.settled = split | set(values)

    def leaves(self, start: int = 0) -> Iterator[Case]:
        """Every way through the operations from `start` on, with the interval of every value."""
        for index, op in enumerate(self.program.ops[start:], start):
            if op.result in self.values:
                continue
            if op.result in self.split:
                for truth in (False, True):
                    case = self._assumed(op, truth)
                    case._renew(self.program.ops[:index], op.names)
                    if len(case.rows):
                        yield from case.leaves(index + 1)
                return
            self.values[op.result] = self._computed(op)
        yield self

    def operand(self, operand) -> Pair:
        if isinstance(operand, str):
            return self.values[operand]
        raw, fraction = ratio(operand)
        return spread(raw, len(self.rows)), spread(raw, len(self.rows)), fraction

    def _computed(self, op: Op) -> Pair:
        if op.opcode == "lookup":
            table = self.network.tensor(op.operands[1])  # pyright: ignore[reportArgumentType]
            return fit(entries(self.operand(op.operands[0]), table), op.type)
        operands = [self.operand(item) for item in op.operands]
        if op.opcode in COMPARES:
            return decided(op, *operands)
        if op.opcode == "select":
            return fit(chosen(*operands), op.type)
        if op.opcode == "mul" and op.operands[0] == op.operands[1]:
            return fit(squared(operands[0]), op.type)
        return fit(INTERVAL[op.opcode](*operands), op.type)

    def _assumed(self, op: Op, truth: bool) -> Case:
        """The rows in which a compare can be so, its operands narrowed by it."""
        relation = op.opcode if truth else COMPARES[op.opcode]
        (al, ah, fraction), (bl, bh, _) = aligned(*(self.operand(item) for item in op.operands))
        alive = np.ones(len(self.rows), bool)
        if relation in ("lt", "le"):
            strict = int(relation == "lt")
            ah, bl = np.minimum(ah, bh - strict), np.maximum(bl, al + strict)
        elif relation in ("gt", "ge"):
            strict = int(relation == "gt")
            al, bh = np.maximum(al, bl + strict), np.minimum(bh, ah - strict)
        elif relation == "eq":
            al, ah = np.maximum(al, bl), np.minimum(ah, bh)
            bl, bh = al, ah
        else:
            alive = ~((al == ah) & (bl == bh) & (al == bl)).astype(bool)
        alive = alive & ((al <= ah) & (bl <= bh)).astype(bool)
        case = Case(self.network, self.program, self.values, self.split, self.rows)
        case.settled = self.settled
        for operand, pair in zip(op.operands, ((al, ah), (bl, bh)), strict=True):
            if isinstance(operand, str):
                case._narrow(operand, pair, fraction)
        known = spread(int(truth), len(self.rows))
        case.values[op.result] = known, known, 0
        case._keep(alive)
        return case

    def _renew(self, ops: Iterable[Op], names: Iterable[str]) -> None:
        """Work out again what was computed from names before a compare narrowed them."""
        narrowed, alive = set(names), np.ones(len(self.rows), bool)
        for op in ops if len(self.rows) else ():
            if op.result not in self.settled and narrowed.intersection(op.names):
                low, high, fraction = self._computed(op)
                self._narrow(op.result, (low, high), fraction)
                narrowed.add(op.result)
                alive &= (self.values[op.result][0] <= self.values[op.result][1]).astype(bool)
        self._keep(alive)

    def _narrow(self, name: str, pair: tuple[np.ndarray, np.ndarray], fraction: int) -> None:
        """Keep the narrower interval of a name; raw bounds round inwards."""
        low, high, own = self.values[name]
        drop = fraction - own
        self.values[name] = np.maximum(low, -((-pair[0]) >> drop)), np.minimum(high, pair[1] >> drop), own

    def _keep(self, alive: np.ndarray) -> None:
        if not alive.all():
            self.rows = self.rows[alive]
            self.values = {name: (low[alive], high[alive], fraction)
                           for name, (low, high, fraction) in self.values.items()}
