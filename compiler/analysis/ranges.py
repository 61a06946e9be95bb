"""Range analysis: an inductive interval for every state of a site, for any input inside its bounds.

The step function on intervals is iterated. Where it grows geometrically (leaks), the limit is extrapolated from
two differences, widened a little, and accepted only if one more step stays inside: the invariant is checked,
never believed. Steps from an invariant give smaller invariants, which narrows it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from compiler.analysis.evaluate import Step
from compiler.analysis.intervals import LIMIT, Interval, fit, literal, point, whole
from compiler.formats import Format, Type
from compiler.ir.network import Network
from compiler.ir.program import Argument, Program, Site, TensorRef

_ROUNDS = 24
_NARROWING = 48


@dataclass(frozen=True)
class SiteRanges:
    """Intervals of every name of a site; `proved` tells whether the states' intervals are inductive."""

    values: dict[str, Interval]
    proved: dict[str, bool]


def analyse(network: Network, site: Site, units: int, inputs: Mapping[str, Interval]) -> SiteRanges:
    """Ranges of a fixed-level site for any inputs inside the given intervals."""
    program = network.programs[site.program]
    fixed = _fixed_values(network, site, program) | dict(inputs)
    start = {item.name: _start(network, site, item, units) for item in program.states}
    tables = {name: _table(network, name) for name in _tables(program)}
    invariant, proved = _invariant(program, fixed, start, tables)
    step = Step(program, fixed | invariant, tables)
    values = dict(fixed) | invariant | {op.result: step.value(op.result) for op in program.ops}
    return SiteRanges(values, proved)


def _invariant(program, fixed, start, tables) -> tuple[dict[str, Interval], dict[str, bool]]:
    states, steps = start, [start]
    for turn in range(_ROUNDS):
        following = _advance(program, fixed, states, tables)
        if all(states[name].contains(item) for name, item in following.items()):
            return _narrow(program, fixed, start, states, tables), dict.fromkeys(states, True)
        states = {name: states[name].hull(following[name]) for name in states}
        steps.append(states)
        if turn % 4 == 3:
            states = {name: _extrapolate(*(item[name] for item in steps[-3:]), turn) for name in states}
            steps = [states]
    return _give_up(program, fixed, states, tables)


def _give_up(program, fixed, states, tables) -> tuple[dict[str, Interval], dict[str, bool]]:
    """States that still grow take their type's whole range; the rest is proved under that assumption or not."""
    types = program.types()
    for _ in range(len(states) + 1):
        following = _advance(program, fixed, states, tables)
        growing = [name for name in states if not states[name].contains(following[name])]
        if not growing:
            break
        states = states | {name: _everything(types[name], states[name]) for name in growing}
    following = _advance(program, fixed, states, tables)
    proved = {name: states[name].bounded and states[name].contains(following[name]) for name in states}
    return states, proved


def _everything(type_: Type, like: Interval) -> Interval:
    full = whole(type_)
    return Interval(np.full_like(like.low, full.low), np.full_like(like.high, full.high), like.fraction)


def _advance(program: Program, fixed, states, tables) -> dict[str, Interval]:
    step, types = Step(program, fixed | states, tables), program.types()
    reached = {name: fit(step.value(value), types[name]) for name, value in program.updates}
    return {name: _spread(value, states[name]) for name, value in reached.items()}


def _spread(value: Interval, like: Interval) -> Interval:
    return Interval(np.broadcast_to(value.low, like.low.shape), np.broadcast_to(value.high, like.high.shape),
                    value.fraction)


def _narrow(program, fixed, start, states, tables) -> dict[str, Interval]:
    """Smaller invariants: plain steps, and every few of them a jump to where they lead, kept if it is inductive."""
    steps = [states]
    for turn in range(_NARROWING):
        smaller = _inside(program, fixed, start, states, tables)
        if all(smaller[name].contains(states[name]) for name in states):
            break
        states = smaller
        steps.append(states)
        if turn % 4 == 3:
            jump = {name: _shrunk(*(item[name] for item in steps[-3:]), turn).hull(start[name]) for name in states}
            for tried in (jump, *({name: value} for name, value in jump.items())):
                if _inductive(program, fixed, states | tried, tables):
                    states = states | tried
            steps = [states]
    return states


def _inductive(program, fixed, states, tables) -> bool:
    following = _advance(program, fixed, states, tables)
    return all(states[name].contains(following[name]) for name in states)


def _inside(program, fixed, start, states, tables) -> dict[str, Interval]:
    following = _advance(program, fixed, states, tables)
    return {name: start[name].hull(following[name]) for name in states}


def _extrapolate(first: Interval, second: Interval, third: Interval, turn: int) -> Interval:
    """Limit of a geometric growth, per bound, with room for rounding; later turns leave more room."""
    low = -_limit(-first.low, -second.low, -third.low, turn)
    return Interval(low, _limit(first.high, second.high, third.high, turn), third.fraction)


def _shrunk(first: Interval, second: Interval, third: Interval, turn: int) -> Interval:
    """Limit of a geometric shrinking, per bound, with room for rounding."""
    low = -_floor_limit(-first.low, -second.low, -third.low, turn)
    return Interval(low, _floor_limit(first.high, second.high, third.high, turn), third.fraction)


def _limit(x0: np.ndarray, x1: np.ndarray, x2: np.ndarray, turn: int) -> np.ndarray:
    """Upper limit of a growing bound. The ratio is believed to be away from 1 at first, later less so."""
    ratio, after = _ratio(x0, x1, x2, 1 - 2.0 ** -(4 + turn))
    room = (2.0 + 2.0**-10 * np.abs(x2) * turn / 8) / (1 - ratio)
    reach = np.where(after > 0, x2 + after * ratio / (1 - ratio) + room, x2)
    return np.clip(np.ceil(reach), -LIMIT // 2, LIMIT // 2).astype(np.int64)


def _floor_limit(x0: np.ndarray, x1: np.ndarray, x2: np.ndarray, turn: int) -> np.ndarray:
    """Lower end of a shrinking upper bound, never below where it is heading by more than rounding."""
    ratio, after = _ratio(-x0, -x1, -x2, 1 - 2.0**-20)
    room = (1.0 + turn / 4) / (1 - np.minimum(ratio, 1 - 2.0**-10))
    reach = np.where(after > 0, np.minimum(x2, x2 - after * ratio / (1 - ratio) + room), x2)
    return np.ceil(reach).astype(np.int64)


def _ratio(x0: np.ndarray, x1: np.ndarray, x2: np.ndarray, most: float) -> tuple[np.ndarray, np.ndarray]:
    """Ratio of two successive growths (0 where it has only begun), and the last growth."""
    before, after = (x1 - x0).astype(np.float64), (x2 - x1).astype(np.float64)
    return np.where(before > 0, np.clip(after / np.where(before > 0, before, 1.0), 0.0, most), 0.0), after


def _fixed_values(network: Network, site: Site, program: Program) -> dict[str, Interval]:
    return {item.name: argument(network, site.arguments[item.name], item.type) for item in program.params}


def argument(network: Network, value: Argument, type_: Type) -> Interval:
    """A parameter's value per unit, as raw integers of its type."""
    if isinstance(value, TensorRef):
        tensor = network.tensor(value)
        fraction = tensor.type.fraction if isinstance(tensor.type, Format) else 0
        return point(tensor.data.astype(np.int64).reshape(-1), fraction)
    return fit(literal(value), type_)


def _start(network: Network, site: Site, state, units: int) -> Interval:
    initial = site.initial.get(state.name, state.initial)
    value = argument(network, initial, state.type)
    value = fit(value, state.type)
    return Interval(*(np.broadcast_to(item, (units,)).copy() for item in (value.low, value.high)), value.fraction)


def _tables(program: Program) -> set[str]:
    return {item.name for item in program.uses() if isinstance(item, TensorRef)}


def _table(network: Network, name: str) -> Interval:
    tensor = network.tensors[name]
    return point(tensor.data.astype(np.int64), tensor.type.fraction if isinstance(tensor.type, Format) else 0)
