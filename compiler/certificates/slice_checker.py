"""The check of slices: whether one step leads nothing out of them, nor out of the stated intervals.

Boxes of states are followed through a step; one whose images are not all inside is halved, and its halves are followed
again. Ends of inputs and parameters are those of all units together.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from compiler.certificates.cases import Case, nearest_compares
from compiler.certificates.numbers import Pair, fit, spread
from compiler.formats import Format

if TYPE_CHECKING:
    from compiler.certificates.checker import _Site

_HALVINGS = 24
_MOST_BOXES = 1 << 16

Fault = tuple[str, object, object]
Box = dict[str, tuple[np.ndarray, np.ndarray]]


def faults(site: _Site) -> Iterator[Fault]:
    """Everything about the slices of a site that is not so."""
    checked = _Slices(site)
    wrong = checked.malformed()
    if wrong is not None:
        yield "slices", wrong, "ends in order, one for each slice, and every start inside"
        return
    yield from checked.followed()


class _Slices:
    def __init__(self, site: _Site):
        self.site, stated = site, site.stated["slices"]
        self.names: list[str] = list(stated["states"])
        self.ends: Box = {name: (_raws(stated["low"][name]), _raws(stated["high"][name])) for name in self.names}
        self.known = {name: (spread(min(low), 1), spread(max(high), 1), fraction)
                      for name, (low, high, fraction) in site.known().items()}
        self.limits = {name: (int(self.known[name][0][0]), int(self.known[name][1][0])) for name in self._numbers()}
        """Stated ends of every state, over all units."""
        self.domains = {item["name"]: (item["low"], item["high"]) for entry in site.functions
                        for item in entry["arguments"] if item["name"] in {op.result for op in site.program.ops}}
        first = self.ends[self.names[0]]
        joined = first[0][1:] == first[1][:-1] + 1
        self.run = np.concatenate([[0], np.cumsum(~joined)])
        """Slices without a gap between them have the same number."""

    def _numbers(self) -> list[str]:
        return [item.name for item in self.site.program.states if isinstance(item.type, Format)]

    def malformed(self) -> str | None:
        """What is wrong with the slices before a step is looked at."""
        count = len(self.ends[self.names[0]][0])
        if not 1 <= len(self.names) <= 2 or len(set(self.names)) < len(self.names) or not count:
            return ", ".join(self.names)
        if not set(self.names) <= set(self.limits):
            return ", ".join(self.names)
        for name, (low, high) in self.ends.items():
            if len(low) != count or len(high) != count or (low > high).any():
                return name
        low, high = self.ends[self.names[0]]
        if (low[1:] <= high[:-1]).any():
            return self.names[0]
        starts = {item.name: self.site._start(item).astype(np.int64) for item in self.site.program.states
                  if item.name in self.names}
        outside = ~self._within({name: (raws, raws) for name, raws in starts.items()})
        return "the start outside" if outside.any() else None

    def followed(self) -> Iterator[Fault]:
        boxes = self.ends
        for _ in range(_HALVINGS):
            bad, why = self._step(boxes)
            if not bad.any():
                return
            boxes = self._halved({name: (low[bad], high[bad]) for name, (low, high) in boxes.items()})
            if boxes is None or len(boxes[self.names[0]][0]) > _MOST_BOXES:
                break
        yield why, "leaves its stated bounds in a step", "bounds that one step does not lead out of"

    def _step(self, boxes: Box) -> tuple[np.ndarray, str]:
        """Which boxes have an image outside, and what of it is."""
        site, count = self.site, len(boxes[self.names[0]][0])
        values: dict[str, Pair] = {name: (low.repeat(count), high.repeat(count), fraction)
                                   for name, (low, high, fraction) in self.known.items()}
        for name, (low, high) in boxes.items():
            values[name] = low.astype(object), high.astype(object), values[name][2]
        first = Case(site.network, site.program, values, nearest_compares(site.program), np.arange(count))
        bad, why, leaves = np.zeros(count, bool), "slices", list(first.leaves())
        for leaf in leaves:
            for name, good in self._judged(leaf):
                bad[leaf.rows[~good]] = True
                why = name if not good.all() else why
        for leaf in leaves:
            good = ~bad[leaf.rows]
            for name, (low, high, _) in leaf.values.items() if good.any() else ():
                site.widen(name, min(low[good]), max(high[good]))
        return bad, why

    def _judged(self, leaf: Case) -> Iterator[tuple[str, np.ndarray]]:
        """For every demand, which rows of a leaf meet it."""
        site, image = self.site, {}
        for op in site.program.ops:
            low, high, _ = leaf.values[op.result]
            if isinstance(op.type, Format) and op.type.overflow == "proved":
                yield op.result, _between(low, high, op.type.low, op.type.high)
            if op.result in self.domains:
                yield op.result, _between(low, high, *self.domains[op.result])
        for port, (value, low, high) in site.emitted().items():
            yield port, _between(*leaf.values[value][:2], max(low), min(high))
        for name, value in site.program.updates:
            if name in self.limits:
                low, high, _ = fit(leaf.operand(value), site.types[name])
                inside = _between(low, high, *self.limits[name])
                yield name, inside
                image[name] = tuple(np.where(inside, end, self.limits[name][0]).astype(np.int64) for end in (low, high))
        yield "slices", self._within({name: image[name] for name in self.names})

    def _within(self, boxes: Box) -> np.ndarray:
        """Whether boxes lie inside the slices."""
        (low, high), (least, most) = self.ends[self.names[0]], boxes[self.names[0]]
        first = np.searchsorted(low, least, side="right") - 1
        last = np.searchsorted(low, most, side="right") - 1
        good = (first >= 0) & (most <= high[last]) & (least <= high[first]) & (self.run[first] == self.run[last])
        for name in self.names[1:]:
            least, most = boxes[name]
            for offset in range(int((last - first).max(initial=0)) + 1):
                row = np.minimum(first + offset, last)
                good = good & (self.ends[name][0][row] <= least) & (most <= self.ends[name][1][row])
        return good

    def _halved(self, boxes: Box) -> Box | None:
        """Boxes cut in two along the last state, where the raw ends first differ; None where one is a point."""
        low, high = boxes[self.names[-1]]
        if (low == high).any():
            return None
        middle = np.array([_middle(int(a), int(b)) for a, b in zip(low, high, strict=True)], np.int64)
        halves = {name: (np.concatenate([a, a]), np.concatenate([b, b])) for name, (a, b) in boxes.items()}
        halves[self.names[-1]] = np.concatenate([low, middle]), np.concatenate([middle - 1, high])
        return halves


def _raws(values) -> np.ndarray:
    if not isinstance(values, list) or not all(type(item) is int for item in values):
        raise ValueError("ends of slices are lists of whole numbers")
    return np.array(values, np.int64)


def _between(low: np.ndarray, high: np.ndarray, least: int, most: int) -> np.ndarray:
    return ((low >= least) & (high <= most)).astype(bool)


def _middle(low: int, high: int) -> int:
    """The multiple of the largest power of two above `low` and not above `high`."""
    if low < 0 <= high:
        return 0
    bits = (low ^ high).bit_length() - 1
    return high >> bits << bits
