"""Range analysis: an inductive interval for every state of a site, for any input inside its bounds.

The step function on intervals is iterated. Where it grows geometrically (leaks), the limit is extrapolated from
two differences, widened a little, and accepted only if one more step stays inside: the invariant is checked,
never believed. Steps from an invariant give smaller invariants, which narrows it again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from compiler.analysis.evaluate import Step, hull
from compiler.analysis.intervals import LIMIT, Interval, fit, literal, point, whole
from compiler.analysis.slices import Slices, coupled, follow, is_nonlinear
from compiler.formats import Format, Type
from compiler.ir.network import Network
from compiler.ir.program import Argument, Program, Site, State, TensorRef

_ROUNDS = 24
_NARROWING = 6
_SWEEPS = 3
_BISECTIONS = 12


@dataclass(frozen=True)
class SiteRanges:
    """Intervals of every name of a site; `proved` tells whether the states' intervals are inductive.

    slices: the invariant that they follow from, where none of single intervals holds them.
    """

    values: dict[str, Interval]
    proved: dict[str, bool]
    slices: Slices | None = None


def analyse(network: Network, site: Site, units: int, inputs: Mapping[str, Interval], together: bool = True
            ) -> SiteRanges:
    """Ranges of a fixed-level site for any inputs inside the given intervals.

    together: bound two states together where one of them is cut off at the end of its format otherwise.
    """
    program = network.programs[site.program]
    fixed = fixed_values(network, site, program) | dict(inputs)
    start = {item.name: start_of(network, site, item, units) for item in program.states}
    tables = tables_of(network, program)
    joint = together and is_nonlinear(program)
    plain = _alone(program, fixed, start, tables, narrow=not joint)
    if not joint or all(plain.proved[item.name] and is_inside(item.type, plain.values[item.name])
                        for item in program.states):
        return plain if not joint else _alone(program, fixed, start, tables)
    found = _together(program, fixed, start, tables, plain)
    return found or _alone(program, fixed, start, tables)


def _alone(program: Program, fixed, start, tables, narrow: bool = True) -> SiteRanges:
    """Ranges from an interval of every state by itself."""
    states, proved = invariant(program, fixed, start, tables, narrow)
    step = Step(program, fixed | states, tables)
    return SiteRanges(dict(fixed) | states | {op.result: step.value(op.result) for op in program.ops}, proved)


def is_inside(type_: Type, interval: Interval) -> bool:
    """Whether a value needs no cut at an end of its format."""
    if not isinstance(type_, Format) or type_.overflow != "saturate":
        return holds(type_, interval)
    low, high = int(interval.low.min()), int(interval.high.max())
    return (type_.low < low or low >= 0) and high < type_.high


def _together(program: Program, fixed, start, tables, plain: SiteRanges) -> SiteRanges | None:
    """Ranges from states bounded together; None where nothing comes of it."""
    names = coupled(program, plain.values)
    others = {item.name: plain.values[item.name] for item in program.states if item.name not in names}
    if not names or not all(plain.proved[name] for name in others):
        return None
    found = follow(program, fixed | others, start, tables, names)
    if found is None:
        return None
    types = program.types()
    states = {name: _constant(ends, types[name], len(start[name].low)) for name, ends in found.states.items()}
    values = {name: _constant(ends, types[name], 1) for name, ends in found.values.items()}
    fits = all(holds(types[name], interval) for name, interval in (values | states).items())
    inside, before = (sum(is_inside(types[name], item[name]) for name in names) for item in (states, plain.values))
    if not fits or (all(plain.proved.values()) and inside <= before):
        return None
    return SiteRanges(plain.values | values | states, dict.fromkeys(plain.proved, True), found.slices)


def _constant(ends: tuple[int, int], type_: Type, units: int) -> Interval:
    low, high = (np.full(units, end, np.int64) for end in ends)
    return Interval(low, high, type_.fraction if isinstance(type_, Format) else 0)


def holds(type_: Type, interval: Interval) -> bool:
    """Whether a format that is said to need no cut needs none."""
    if not isinstance(type_, Format) or type_.overflow != "proved":
        return True
    return bool(interval.low.min() >= type_.low and interval.high.max() <= type_.high)


def invariant(program, fixed, start, tables, narrow: bool = True) -> tuple[dict[str, Interval], dict[str, bool]]:
    """Inductive intervals of a program's states that hold their start, and whether each is proved."""
    states, steps = start, [start]
    for turn in range(_ROUNDS):
        following = _advance(program, fixed, states, tables)
        if all(states[name].contains(item) for name, item in following.items()):
            sweeps = _SWEEPS if narrow else 0
            return _narrow(program, fixed, start, states, tables, sweeps), dict.fromkeys(states, True)
        states = {name: states[name].hull(following[name]) for name in states}
        steps.append(states)
        if turn % 4 == 3:
            states = {name: _extrapolate(*(item[name] for item in steps[-3:]), turn) for name in states}
            steps = [states]
    return _give_up(program, fixed, start, states, tables, _SWEEPS if narrow else 0)


def _give_up(program, fixed, start, states, tables, sweeps: int) -> tuple[dict[str, Interval], dict[str, bool]]:
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
    return _narrow(program, fixed, start, states, tables, sweeps) if all(proved.values()) else states, proved


def _everything(type_: Type, like: Interval) -> Interval:
    full = whole(type_)
    return Interval(np.full_like(like.low, full.low), np.full_like(like.high, full.high), like.fraction)


def _advance(program: Program, fixed, states, tables) -> dict[str, Interval]:
    cases, types = Step(program, fixed | states, tables).cases(), program.types()
    reached = {name: hull(fit(case.value(value), types[name]) for case in cases) for name, value in program.updates}
    return {name: _spread(value, states[name]) for name, value in reached.items()}


def _spread(value: Interval, like: Interval) -> Interval:
    return Interval(np.broadcast_to(value.low, like.low.shape), np.broadcast_to(value.high, like.high.shape),
                    value.fraction)


def _narrow(program, fixed, start, states, tables, sweeps: int = _SWEEPS) -> dict[str, Interval]:
    """Smaller invariants: plain steps, and bisection of every end towards the start. Units do not see each other,
    so each keeps the smallest interval that was inductive for it. Without sweeps: two plain steps."""
    for _ in range(0 if sweeps else 2):
        states = _inside(program, fixed, start, states, tables)
    for _ in range(sweeps):
        before = states
        for _ in range(_NARROWING):
            states = _inside(program, fixed, start, states, tables)
        for name in states:
            for end in ("low", "high"):
                states = _bisected(program, fixed, start, states, tables, name, end)
        if all((states[name].low == before[name].low).all() and (states[name].high == before[name].high).all()
               for name in states):
            break
    return states


def _bisected(program, fixed, start, states, tables, name: str, end: str) -> dict[str, Interval]:
    outer, inner = getattr(states[name], end), getattr(start[name], end)
    for _ in range(_BISECTIONS):
        middle = inner + (outer - inner) // 2
        tried = states | {name: replace(states[name], **{end: middle})}
        good = _inductive(program, fixed, tried, tables)
        outer, inner = np.where(good, middle, outer), np.where(good, inner, middle)
    return states | {name: replace(states[name], **{end: outer})}


def _inductive(program, fixed, states, tables) -> np.ndarray:
    """For which units one step stays inside."""
    following = _advance(program, fixed, states, tables)
    good = np.asarray(True)
    for name, reached in following.items():
        good = good & (states[name].low <= reached.low) & (reached.high <= states[name].high)
    return good


def _inside(program, fixed, start, states, tables) -> dict[str, Interval]:
    following = _advance(program, fixed, states, tables)
    return {name: start[name].hull(following[name]) for name in states}


def _extrapolate(first: Interval, second: Interval, third: Interval, turn: int) -> Interval:
    """Limit of a geometric growth, per bound, with room for rounding; later turns leave more room."""
    low = -_limit(-first.low, -second.low, -third.low, turn)
    return Interval(low, _limit(first.high, second.high, third.high, turn), third.fraction)


def _limit(x0: np.ndarray, x1: np.ndarray, x2: np.ndarray, turn: int) -> np.ndarray:
    """Upper limit of a growing bound. The ratio is believed to be away from 1 at first, later less so."""
    ratio, after = _ratio(x0, x1, x2, 1 - 2.0 ** -(4 + turn))
    room = (2.0 + 2.0**-10 * np.abs(x2) * turn / 8) / (1 - ratio)
    reach = np.where(after > 0, x2 + after * ratio / (1 - ratio) + room, x2)
    return np.clip(np.ceil(reach), -LIMIT // 2, LIMIT // 2).astype(np.int64)


def _ratio(x0: np.ndarray, x1: np.ndarray, x2: np.ndarray, most: float) -> tuple[np.ndarray, np.ndarray]:
    """Ratio of two successive growths (0 where it has only begun), and the last growth."""
    before, after = (x1 - x0).astype(np.float64), (x2 - x1).astype(np.float64)
    return np.where(before > 0, np.clip(after / np.where(before > 0, before, 1.0), 0.0, most), 0.0), after


def fixed_values(network: Network, site: Site, program: Program) -> dict[str, Interval]:
    """Parameters of a site by name."""
    return {item.name: argument(network, site.arguments[item.name], item.type) for item in program.params}


def argument(network: Network, value: Argument, type_: Type) -> Interval:
    """A parameter's value per unit, as raw integers of its type."""
    if isinstance(value, TensorRef):
        tensor = network.tensor(value)
        fraction = tensor.type.fraction if isinstance(tensor.type, Format) else 0
        return point(tensor.data.astype(np.int64).reshape(-1), fraction)
    return fit(literal(value), type_)


def start_of(network: Network, site: Site, state: State, units: int) -> Interval:
    """Where a state starts, per unit."""
    value = argument(network, site.initial.get(state.name, state.initial), state.type)
    value = fit(value, state.type)
    low, high = (np.broadcast_to(item, (units,)).copy() for item in (value.low, value.high))
    return Interval(low, high, value.fraction)


def tables_of(network: Network, program: Program) -> dict[str, Interval]:
    """The tables that a program looks up."""
    return {item.name: _table(network, item.name) for item in program.uses() if isinstance(item, TensorRef)}


def _table(network: Network, name: str) -> Interval:
    tensor = network.tensors[name]
    return point(tensor.data.astype(np.int64), tensor.type.fraction if isinstance(tensor.type, Format) else 0)
