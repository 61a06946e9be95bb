"""Which values of a step may be cut off at the end of their format, and which of them without harm.

Typical is the upstroke of a neuron: what exp gives overshoots any format, but it is only compared with a threshold and
then reset. Such a cut changes neither a decision nor a state where, with the value at the end of its format or anywhere
beyond it, one and the same condition holds, under which nothing that is kept or emitted depends on the value.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from compiler.analysis.evaluate import Step
from compiler.analysis.intervals import LIMIT, Interval
from compiler.analysis.ranges import SiteRanges
from compiler.formats import Format
from compiler.ir.program import Op, Program


@dataclass(frozen=True)
class Saturation:
    """value: cut off at its `end` (low or high). condition: what is then `truth`, so that the cut does no harm; ""
    where none was found."""

    value: str
    end: str
    condition: str = ""
    truth: bool = False

    @property
    def harmless(self) -> bool:
        return bool(self.condition)


def saturations(program: Program, ranges: SiteRanges, tables: Mapping[str, Interval], inside: Collection[str] = ()
                ) -> list[Saturation]:
    """Values that may be cut off, in the order of the program, as far as bounds of single states tell.

    inside: names within functions, which are not told. The next value of a state is not told either: its state is.
    """
    known = {item.name: ranges.values[item.name] for item in (*program.inputs, *program.states, *program.params)}
    step, updates = Step(program, known, tables), {value for _, value in program.updates}
    return [_harmless(program, known, tables, op, end) for op in program.ops
            if op.result not in updates and op.result not in inside for end in _ends(op, step.value(op.result))]


def _ends(op: Op, interval: Interval) -> Iterator[str]:
    """Ends at which a value may be cut off."""
    if isinstance(op.type, Format) and op.type.overflow == "saturate":
        if int(interval.low.min()) <= op.type.low:
            yield "low"
        if int(interval.high.max()) >= op.type.high:
            yield "high"


def _harmless(program: Program, known: Mapping[str, Interval], tables: Mapping[str, Interval], op: Op, end: str
              ) -> Saturation:
    assert isinstance(op.type, Format)
    edge = np.asarray(op.type.high if end == "high" else op.type.low)
    beyond = (edge, np.asarray(LIMIT)) if end == "high" else (np.asarray(-LIMIT), edge)
    cut = Step(program, dict(known) | {op.result: Interval(edge, edge, op.type.fraction)}, tables)
    uncut = Step(_uncut(program), dict(known) | {op.result: Interval(*beyond, op.type.fraction)}, tables)
    for condition in cut.refined:
        values = [step.value(condition) for step in (cut, uncut)]
        for truth in (False, True):
            certain = all((item.low == truth).all() and (item.high == truth).all() for item in values)
            if certain and op.result not in _needed(program, condition, truth):
                return Saturation(op.result, end, condition, truth)
    return Saturation(op.result, end)


def _uncut(program: Program) -> Program:
    ops = tuple(replace(op, type=op.type.with_modes(overflow="proved"))
                if isinstance(op.type, Format) and op.type.overflow == "saturate" else op for op in program.ops)
    return replace(program, ops=ops)


def _needed(program: Program, condition: str, truth: bool) -> set[str]:
    """Names behind updates and emitted values where a condition is known."""
    ops = {op.result: op for op in program.ops}
    waiting = [value for _, value in program.updates] + [emit.value for emit in program.emits]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if not isinstance(name, str) or name == condition or name in found:
            continue
        found.add(name)
        op = ops.get(name)
        if op is not None and op.opcode == "select" and op.operands[0] == condition:
            waiting.append(op.operands[1 if truth else 2])
        elif op is not None:
            waiting += op.names
    return found
