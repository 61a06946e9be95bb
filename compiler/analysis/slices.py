"""Two states bounded together: slices of one, and in every slice an interval of the other.

What one interval for each state cannot say is that they do not come together: adaptation grows only while the neuron
spikes, and where it is large, it does not spike. Cells of a grid over both states are followed from the start until
no new one is reached, and every slice keeps what lies between its outermost cells. Cells are small, so a state that
stands twice in an expression (v + h·(q(v) − w)) is bounded as a whole. The grid grows to where it holds everything;
where a state reaches the end of its format all the same, it gets finer. The set of cells is an invariant however it
was found: one step leads no point of it out. Bounds of inputs and parameters are those of all units together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from compiler.analysis.evaluate import Step
from compiler.analysis.intervals import Interval, fit
from compiler.formats import Format
from compiler.ir.program import Program

_CELLS = 6
"""Bits of the cells along each state at first."""
_FINEST = 8
_MOST = 1 << 15
"""Cells that are followed at most in one try."""
_GROWTH = 3
"""By how many times its size a window grows where it is left."""
_SPAN = 256
"""A state of fewer values is a counter, which has bounds of its own."""
_WIDEST = 32
_SPLITS = 1
"""Conditions that are told apart in a cell: the nearest to the updates. Small cells decide the rest by themselves."""

Ends = dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Slices:
    """An invariant. names: the sliced state, then the one bounded in each slice, if there are two.

    low, high: by state the raw ends in every slice, both included; int64 [slices].
    """

    names: tuple[str, ...]
    low: dict[str, np.ndarray]
    high: dict[str, np.ndarray]


@dataclass(frozen=True)
class Followed:
    """What cells lead to: ends of the states and of every value, and the slices."""

    states: Ends
    values: Ends
    slices: Slices


def coupled(program: Program, plain: Mapping[str, Interval]) -> tuple[str, ...]:
    """The states to bound together, the one that is reset last; none where there are more than two."""
    types = program.types()
    open_ = [item.name for item in program.states if isinstance(item.type, Format) and item.type.width <= _WIDEST
             and int(plain[item.name].high.max()) - int(plain[item.name].low.min()) >= _SPAN]
    ops, updates = {op.result: op for op in program.ops}, dict(program.updates)

    def is_reset(name: str) -> bool:
        op = ops.get(updates.get(name))  # pyright: ignore[reportArgumentType, reportCallIssue]
        while op is not None and op.opcode == "convert" and op.names:
            op = ops.get(op.names[0])
        return op is not None and op.opcode == "select"

    numbers = [name for name in open_ if isinstance(types[name], Format)]
    return tuple(sorted(numbers, key=is_reset)) if 1 <= len(numbers) <= 2 else ()


def is_nonlinear(program: Program) -> bool:
    """Whether a table is looked up, or two values that change are multiplied; intervals bound the rest well."""
    changing = {item.name for item in (*program.inputs, *program.states)}
    for op in program.ops:
        found = [item in changing for item in op.operands]
        if any(found) and (op.opcode == "lookup" or op.opcode == "mul" and all(found)):
            return True
        changing |= {op.result} if any(found) else set()
    return False


def follow(program: Program, fixed: Mapping[str, Interval], start: Mapping[str, Interval],
           tables: Mapping[str, Interval], names: tuple[str, ...]) -> Followed | None:
    """The invariant of the states named; fixed: bounds of everything else. None where none is found."""
    search = _Search(program, {name: _joined(item) for name, item in fixed.items()}, start, tables, names)
    found, window = None, {name: search.around_start(name) for name in names}
    for bits in range(_CELLS, _FINEST + 1):
        if found is None:
            found, window = search.grown(window, bits)
        found = (search.shrunk(found, bits) or found) if found is not None else None
        if found is not None and search.is_inside(found):
            return found
    return found


def _joined(item: Interval) -> Interval:
    """One interval for all units."""
    return Interval(np.atleast_1d(item.low.min()), np.atleast_1d(item.high.max()), item.fraction)


class _Search:
    def __init__(self, program: Program, fixed, start, tables, names: tuple[str, ...]):
        self.program, self.fixed, self.tables, self.names = program, fixed, tables, names
        self.types = program.types()
        self.start = {name: (start[name].low, start[name].high) for name in names}
        self.left: set[tuple[str, str]] = set()
        """States that left the window of the last try, with the side."""

    def limits(self, name: str) -> tuple[int, int]:
        type_ = self.types[name]
        assert isinstance(type_, Format)
        return type_.low, type_.high

    def is_inside(self, found: Followed) -> bool:
        """Whether no state is cut off at an end of its format."""
        for name in self.names:
            low, high = self.limits(name)
            cut = getattr(self.types[name], "overflow", "") == "saturate"
            if cut and (found.states[name][0] <= low < 0 or found.states[name][1] >= high):
                return False
        return True

    def around_start(self, name: str) -> tuple[int, int]:
        """A first window."""
        low, high = int(self.start[name][0].min()), int(self.start[name][1].max())
        room = max(abs(low), abs(high), _SPAN)
        return self._clipped(name, low - room, high + room)

    def _clipped(self, name: str, low: int, high: int) -> tuple[int, int]:
        least, most = self.limits(name)
        return max(least, low), min(most, high)

    def grown(self, window: Ends, bits: int) -> tuple[Followed | None, Ends]:
        """Follow cells in windows that grow on the side where they are left; and the last window."""
        while True:
            found = self.followed(window, self._sizes(window, bits))
            wider = {name: self._wider(name, *window[name]) for name in self.names}
            if found is not None or wider == window:
                return found, window
            window = wider

    def _wider(self, name: str, low: int, high: int) -> tuple[int, int]:
        room, (below, above) = _GROWTH * (high - low), ((name, end) in self.left for end in ("low", "high"))
        return self._clipped(name, low - room * below, high + room * above)

    def shrunk(self, found: Followed, bits: int) -> Followed | None:
        """Finer cells inside what coarser ones led to."""
        best, sizes = None, {}
        while True:
            window = {name: found.states[name] for name in self.names}
            finer = self._sizes(window, bits)
            if finer == sizes:
                return best
            trial = self.followed(window, finer)
            if trial is None:
                return best
            best = found = trial
            sizes = finer

    @staticmethod
    def _sizes(window: Ends, bits: int) -> dict[str, int]:
        """Bits of a cell along each state."""
        return {name: max(0, (high - low).bit_length() - bits) for name, (low, high) in window.items()}

    def followed(self, window: Ends, sizes: Mapping[str, int]) -> Followed | None:
        """All cells reached from the start; None where they leave the window or are too many."""
        grid = _Grid(self.names, window, sizes)
        self.left = set()
        new = grid.marked({name: self.start[name] for name in self.names})
        reached = np.zeros_like(new)
        ends = {name: (int(self.start[name][0].min()), int(self.start[name][1].max())) for name in self.names}
        values: Ends = {}
        count = 0
        while (unvisited := grid.filled(reached | new) & ~reached).any():
            reached |= unvisited
            count += int(unvisited.sum())
            if count > _MOST:
                return None
            step = Step(self.program, self.fixed | grid.cells(unvisited, self.types), self.tables)
            step.refined = step.refined[:_SPLITS]
            new = np.zeros_like(reached)
            for case in step.cases():
                image = self._image(case, int(unvisited.sum()))
                if not self._stays(image, window):
                    return None
                new |= grid.marked(image)
                _widen(ends, image)
            _widen(values, {op.result: (value.low, value.high) for op in self.program.ops
                            for value in [step.value(op.result)]})
        return Followed(ends, values, grid.slices(reached, ends))

    def _image(self, case: Step, cells: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        alive = np.broadcast_to(case.alive, (cells,))
        image = {}
        for name, value in self.program.updates:
            if name in self.names:
                reached = fit(case.value(value), self.types[name])
                low, high = (np.broadcast_to(end, (cells,))[alive] for end in (reached.low, reached.high))
                image[name] = low, high
        return image

    def _stays(self, image, window: Ends) -> bool:
        for name, (low, high) in image.items():
            if low.size and low.min() < window[name][0]:
                self.left.add((name, "low"))
            if high.size and high.max() > window[name][1]:
                self.left.add((name, "high"))
        return not self.left


def _widen(ends: Ends, by: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
    for name, (low, high) in by.items():
        if low.size:
            least, most = int(low.min()), int(high.max())
            old = ends.get(name, (least, most))
            ends[name] = min(old[0], least), max(old[1], most)


class _Grid:
    """Cells at multiples of powers of two; arrays are [slices, cells of the other state]."""

    def __init__(self, names: tuple[str, ...], window: Ends, sizes: Mapping[str, int]):
        self.names, self.sizes = names, sizes
        self.first = {name: window[name][0] >> sizes[name] for name in names}
        shape = [(window[name][1] >> sizes[name]) - self.first[name] + 1 for name in names]
        self.shape = tuple(shape) if len(shape) == 2 else (shape[0], 1)

    def marked(self, boxes: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """Cells that boxes touch: corners of every box counted, then summed along both states."""
        ends = [[(end >> self.sizes[name]) - self.first[name] for end in boxes[name]] for name in self.names]
        if len(ends) == 1:
            ends.append([np.zeros_like(end) for end in ends[0]])
        (top, bottom), (left, right) = ends
        corners = np.zeros((self.shape[0] + 1, self.shape[1] + 1), np.int64)
        for rows, columns, sign in ((top, left, 1), (bottom + 1, right + 1, 1), (top, right + 1, -1),
                                    (bottom + 1, left, -1)):
            np.add.at(corners, (rows, columns), sign)
        return corners.cumsum(0).cumsum(1)[:-1, :-1] > 0

    @staticmethod
    def filled(cells: np.ndarray) -> np.ndarray:
        """In every slice everything between the outermost cells."""
        ahead = np.maximum.accumulate(cells, axis=1)
        return ahead & np.maximum.accumulate(cells[:, ::-1], axis=1)[:, ::-1]

    def cells(self, chosen: np.ndarray, types) -> dict[str, Interval]:
        """The intervals of the states in every chosen cell."""
        found = {}
        for name, index in zip(self.names, np.nonzero(chosen), strict=False):
            low = (index.astype(np.int64) + self.first[name]) << self.sizes[name]
            high = low + (1 << self.sizes[name]) - 1
            least, most = types[name].low, types[name].high
            found[name] = Interval(np.maximum(low, least), np.minimum(high, most), types[name].fraction)
        return found

    def slices(self, reached: np.ndarray, ends: Ends) -> Slices:
        """The reached cells by slice, cut to the ends that the states really have."""
        rows = np.flatnonzero(reached.any(axis=1))
        low, high = {}, {}
        columns = [reached[rows].argmax(axis=1), reached.shape[1] - 1 - reached[rows][:, ::-1].argmax(axis=1)]
        for name, (first, last) in zip(self.names, ([rows, rows], columns), strict=False):
            size, (least, most) = self.sizes[name], ends[name]
            low[name] = np.maximum((first + self.first[name]) << size, least)
            high[name] = np.minimum(((last + self.first[name] + 1) << size) - 1, most)
        return Slices(self.names, low, high)
