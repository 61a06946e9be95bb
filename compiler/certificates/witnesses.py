"""Witnesses: how to bring a state close to the ends of its interval, by driving the inputs of its site.

All inputs stand at their upper or all at their lower bounds, which are taken as free; at every turn they change to the
other end. First both ends are held; where that does not come close, turns are tried at random.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from compiler import arithmetic
from compiler.analysis.intervals import Interval
from compiler.analysis.ranges import SiteRanges, argument
from compiler.certificates.functions import fraction_of, operand_of
from compiler.formats import Format, Type
from compiler.ir.network import Network
from compiler.ir.program import Program, Site, State

ENDS = ("low", "high")
_STEPS = 256
_LONGER = 512
_TRIED = 192
_CONTINUED = 3
"""How often the best drives are continued at random where a cut was not shown to happen."""
_CLOSE = 0.25
"""A share of the bound that is close: within two bits."""


def witnesses(network: Network, site: Site, units: int, ranges: SiteRanges) -> dict[str, dict[str, dict[str, Any]]]:
    """By state and end the drive, unit and step with the value nearest to that end; of ends away from zero only."""
    driven = _Driven(network, site, units, ranges)
    found: dict[str, dict[str, dict[str, Any]]] = {
        item.name: {} for item in network.programs[site.program].states if isinstance(item.type, Format)}
    for drive in ("high", "low"):
        sides = np.full((_STEPS, 1), ENDS.index(drive))
        for step, states in enumerate(driven.run(sides), 1):
            for name in found:
                _keep_nearest(found[name], states[name], ranges.values[name],
                              {"drive": drive, "turns": [], "steps": step})
    for turn in range(1 + _CONTINUED):
        is_far = _is_unseen if turn else _is_loose
        for unit in sorted({driven.strongest if _is_unseen(*told) else item["unit"]
                            for name, ends in found.items() for end, item in ends.items()
                            for told in [(driven.types[name], end, item, ranges.values[name])] if is_far(*told)}):
            sides = _continued(found, turn) if turn else _drives(_LONGER, _TRIED)
            _search(driven, unit, found, ranges, sides)
    return found


def _is_unseen(type_: Type, end: str, witness: Mapping[str, Any], interval: Interval) -> bool:
    """Whether a state may be cut off at an end, but was not shown to be."""
    if not isinstance(type_, Format) or type_.overflow != "saturate":
        return False
    edge = type_.low if end == "low" else type_.high
    return bool((getattr(interval, end) == edge).any()) and witness["value"] != edge


def _is_loose(type_: Type, end: str, witness: Mapping[str, Any], interval: Interval) -> bool:
    """Whether another drive may be worth a search."""
    return witness["reached"] < _CLOSE or _is_unseen(type_, end, witness, interval)


def _keep_nearest(found: dict[str, dict[str, Any]], raw: np.ndarray, interval: Interval, told: dict[str, Any]) -> None:
    for end, sign in (("low", -1), ("high", 1)):
        bound = np.broadcast_to(getattr(interval, end), raw.shape)
        if (sign * bound).max() <= 0:
            continue
        reached = np.abs(raw) / np.maximum(np.abs(bound), 1) * (np.sign(raw) == np.sign(bound))
        unit = int(np.argmax(reached))
        if end not in found or reached[unit] > found[end]["reached"]:
            found[end] = {**told, "unit": unit, "value": int(raw[unit]), "reached": float(reached[unit])}


def _search(driven: _Driven, unit: int, found: dict[str, dict[str, dict[str, Any]]], ranges: SiteRanges,
            sides: np.ndarray) -> None:
    """One unit under many drives at once."""
    for step, states in enumerate(driven.run(sides, unit), 1):
        for name, ends in found.items():
            interval = _of_unit(ranges.values[name], unit)
            trial: dict[str, dict[str, Any]] = {end: item for end, item in ends.items()}
            _keep_nearest(trial, states[name], interval, {"steps": step})
            for end, item in trial.items():
                if item is not ends[end]:
                    ends[end] = {**item, **_drive(sides[:step, item["unit"]]), "unit": unit}


def _of_unit(interval: Interval, unit: int) -> Interval:
    ends = [end.reshape(-1)[unit if end.size > 1 else 0] for end in (interval.low, interval.high)]
    return Interval(np.asarray(ends[0]), np.asarray(ends[1]), interval.fraction)


def _drive(sides: np.ndarray) -> dict[str, Any]:
    return {"drive": ENDS[sides[0]], "turns": [int(item) + 1 for item in np.flatnonzero(np.diff(sides))]}


def _drives(steps: int, drives: int, seed: int = 0) -> np.ndarray:
    """Sides [steps, drives]: a third with one turn, the others with turns at random, a few to many steps apart."""
    generator = np.random.default_rng(seed)
    sides = np.zeros((steps, drives), np.int64)
    once = drives // 3
    for index in range(drives):
        if index < once:
            turns = [(index // 2 + 1) * steps // (once // 2)]
        else:
            turns = np.cumsum(generator.geometric(0.5 ** (2 + index % 6), steps) + 1)
        sides[:, index] = np.searchsorted(turns, np.arange(steps), side="right") + index
    return sides % 2


def _continued(found: Mapping[str, Mapping[str, Mapping[str, Any]]], turn: int) -> np.ndarray:
    """Sides of drives: half of them new, half begin as the best ones known, shortened by a few steps."""
    best = [item for ends in found.values() for item in ends.values()]
    sides = _drives(max(item["steps"] for item in best) + _STEPS, 4 * _TRIED, turn)
    for index in range(0, sides.shape[1], 2):
        item, short = best[index // 2 % len(best)], index // 2 // len(best) % 16
        kept = max(item["steps"] - short, 0)
        same = np.searchsorted(item["turns"], np.arange(kept), side="right") + ENDS.index(item["drive"])
        sides[:kept, index] = same % 2
    return sides


class _Driven:
    """A site whose inputs stand at their bounds."""

    def __init__(self, network: Network, site: Site, units: int, ranges: SiteRanges):
        self.network, self.site, self.units, self.ranges = network, site, units, ranges
        self.program: Program = network.programs[site.program]
        self.types = self.program.types()

    def run(self, sides: np.ndarray, unit: int | None = None) -> Iterator[dict[str, np.ndarray]]:
        """States after each step. sides [steps, n]: 0 for the low, 1 for the high end; unit: one, n times, else all."""
        rows = self.units if unit is None else sides.shape[1]
        pick = (lambda raw: raw) if unit is None else (lambda raw: _picked(raw, unit))
        fixed = {item.name: arithmetic.Fixed(pick(value.low), value.fraction) for item in self.program.params
                 for value in [argument(self.network, self.site.arguments[item.name], item.type)]}
        ends = {item.name: [pick(getattr(self.ranges.values[item.name], end)) for end in ENDS]
                for item in self.program.inputs}
        states = {item.name: np.broadcast_to(pick(self._start(item)), (rows,)) for item in self.program.states}
        for side in sides:
            values = fixed | {name: arithmetic.Fixed(np.where(side == 1, high, low), fraction_of(self.types[name]))
                              for name, (low, high) in ends.items()}
            states = self._stepped(values, states, rows)
            yield states

    @property
    def strongest(self) -> int:
        """The unit that the inputs can move most."""
        spans = [np.broadcast_to(value.high - value.low, (self.units,)) for item in self.program.inputs
                 for value in [self.ranges.values[item.name]]]
        return int(np.argmax(np.sum(spans, axis=0))) if spans else 0

    def _stepped(self, values: dict[str, arithmetic.Fixed], states: dict[str, np.ndarray], rows: int
                 ) -> dict[str, np.ndarray]:
        values = values | {name: arithmetic.Fixed(raw, fraction_of(self.types[name])) for name, raw in states.items()}
        for op in self.program.ops:
            operands = [operand_of(self.network, item, values) for item in op.operands]
            values[op.result] = arithmetic.fit(arithmetic.EXACT[op.opcode](*operands), _certain(op.type))
        return {name: np.broadcast_to(arithmetic.fit(operand_of(self.network, value, values), self.types[name]).raw,
                                      (rows,)) for name, value in self.program.updates}

    def _start(self, item: State) -> np.ndarray:
        interval = argument(self.network, self.site.initial.get(item.name, item.initial), item.type)
        return np.broadcast_to(interval.low, (self.units,))


def _picked(raw: np.ndarray, unit: int) -> np.ndarray:
    raw = np.asarray(raw)
    return raw.reshape(-1)[unit] if raw.size > 1 else raw.reshape(-1)[0]


def _certain(type_: Type) -> Type:
    """A witness takes random bits as free, like its inputs: none of them rounds up."""
    if isinstance(type_, Format) and type_.rounding == "stochastic":
        return replace(type_, rounding="floor", site=-1)
    return type_
