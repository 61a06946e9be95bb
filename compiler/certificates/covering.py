"""The error of a function over a domain too large to be tried: blocks that cover it, each bounded as a whole.

On a block the operations are a polynomial with a radius (`certificates.forms`), the function is its Taylor polynomial
with a remainder (`certificates.expansions`); the error is at most the sizes of all coefficients of the difference and
both radii. A block on which the operations decide something, or whose remainder is too large, is cut in two, at the
number with the most trailing zeros; small ones are tried argument by argument. Where the operations give one integer,
the corners of the block decide, as the function is monotone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from compiler.analysis.intervals import Interval, literal
from compiler.certificates import expansions, forms
from compiler.certificates.forms import Form
from compiler.formats import Format
from compiler.ir.network import Network
from compiler.ir.program import Op, Operand, TensorRef

_TOGETHER = 1 << 13
"""Blocks evaluated at a time: what the operations make of them stays in the cache."""
_FEW = {1: 64, 2: 8}
"""By number of arguments: as many of a block are tried rather than covered."""
_REMAINDER = {1: 2.0**-12, 2: 2.0**-6}
"""By number of arguments: what Taylor's remainder may take, last bits of the result."""
_DEGREES = {1: (3,), 2: (1, 3)}
"""By number of arguments: powers kept; a quotient is linear in its dividend."""

Box = np.ndarray
"""Blocks [blocks, arguments, 2]: lowest and highest integer of each argument."""


@dataclass(frozen=True)
class Task:
    """A function of a program: operations between arguments (names, in order) and the result of one operation."""

    network: Network
    op: Op
    slice_: tuple[Op, ...]
    result: Format
    fractions: Mapping[str, int]

    @property
    def names(self) -> list[str]:
        return list(self.fractions)


@dataclass(frozen=True)
class Cover:
    """bound: of the error in last bits. blocks: covered as a whole. points: tried one by one."""

    bound: float
    blocks: int
    points: int


def covered(task: Task, box: Box, largest: Callable[[Mapping[str, np.ndarray]], float]) -> Cover:
    """The error over all blocks of a domain. largest: the error among arguments that are given."""
    waiting = [box]
    found = Cover(0.0, 0, 0)
    while waiting:
        box = waiting.pop()
        while waiting and len(box) < _TOGETHER:
            box = np.concatenate([box, waiting.pop()])
        if len(box) > _TOGETHER:
            waiting += [box[_TOGETHER:]]
            box = box[:_TOGETHER]
        bound, split = _bounded(task, box)
        few = (split != 0) & (_arguments(box) <= _FEW[box.shape[1]])
        tried = largest(dict(zip(task.names, points(box[few]), strict=True))) if few.any() else 0.0
        done = split == 0
        bounds = found.bound, tried, float(bound.max(where=done, initial=0.0))
        found = Cover(max(bounds), found.blocks + int(done.sum()), found.points + int(_arguments(box[few]).sum()))
        rest = ~done & ~few
        if rest.any():
            waiting.append(halved(box[rest], split[rest]))
    return found


def _arguments(box: Box) -> np.ndarray:
    """In every block; as real numbers, for there may be 2**64."""
    return np.prod((box[:, :, 1] - box[:, :, 0] + 1).astype(np.float64), axis=1)


def halved(box: Box, split: np.ndarray) -> Box:
    """Every block cut across the widest of the arguments that are to be split."""
    widths = np.where((split[:, None] >> np.arange(box.shape[1])) & 1, box[:, :, 1] - box[:, :, 0], -1)
    axis, rows = np.argmax(widths, axis=1), np.arange(len(box))
    low, high = box[rows, axis, 0], box[rows, axis, 1]
    lower, upper = box.copy(), box.copy()
    middle = cut(low, high)
    lower[rows, axis, 1], upper[rows, axis, 0] = middle - 1, middle
    return np.concatenate([lower, upper])


def cut(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Where the upper half of [low, high] starts: at the number with the most trailing zeros, or, where all are
    negative, behind it, so that sizes are cut alike on both sides of zero."""
    negative = high < 0
    low, high = np.where(negative, -high, low), np.where(negative, -low, high)
    _, bits = np.frexp((low ^ high).astype(np.float64))
    roundest = np.where(low < 0, 0, high >> (bits - 1) << (bits - 1))
    return np.where(negative, 1 - roundest, roundest)


def points(box: Box) -> Iterator[np.ndarray]:
    """Every argument of small blocks, one array for each argument."""
    sizes = box[:, :, 1] - box[:, :, 0] + 1
    counts = np.prod(sizes, axis=1)
    which = np.repeat(np.arange(len(box)), counts)
    place = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    for axis in range(box.shape[1]):
        yield box[which, axis, 0] + place % sizes[which, axis]
        place = place // sizes[which, axis]


def settled(task: Task, box: Box) -> tuple[np.ndarray, np.ndarray]:
    """Where the operations give one integer for all of a block, and the error there, last bits."""
    with np.errstate(all="ignore"):
        form, truth = _form(task, box), _truth(task, box)
        error = np.where(truth.defined, _at_ends(task.result, form, truth), 0.0)
    return ~truth.defined | (form.single & truth.enclosed), error


def _bounded(task: Task, box: Box) -> tuple[np.ndarray, np.ndarray]:
    """The error on every block in last bits, and which arguments to split, as bits; 0 where it is bounded."""
    with np.errstate(all="ignore"):
        form, truth = _form(task, box), _truth(task, box)
        curved = np.where(form.single, ~truth.enclosed,
                          truth.remainder / task.result.lsb > _REMAINDER[box.shape[1]])
        bound = np.where(form.single, _at_ends(task.result, form, truth), _distance(task.result, form, truth))
        curved |= ~np.isfinite(bound)
    split = np.where(form.open != 0, form.open, np.where(curved, _curved(task), 0))
    return np.where(truth.defined, bound, 0.0), np.where(truth.defined, split, 0)


def _curved(task: Task) -> int:
    """The argument that a function is curved in: its last, which a quotient divides by."""
    last = task.op.names[-1]
    return 1 << task.names.index(last)


def _form(task: Task, box: Box) -> Form:
    """The result of the operations on blocks; what depends on one argument alone is computed once for its ends."""
    degrees = _DEGREES[box.shape[1]]
    axes = [_Axis(box[:, place]) for place in range(box.shape[1])]
    values: dict[str, tuple[_Axis | None, Form]] = {}
    for place, (axis, (name, fraction)) in enumerate(zip(axes, task.fractions.items(), strict=True)):
        values[name] = axis, forms.argument(axis.low, axis.high, fraction, place)
    for op in task.slice_:
        given = {values[item][0] for item in op.names}
        axis = given.pop() if len(given) == 1 else None
        count = len(box) if axis is None else len(axis.low)
        operands = [_operand(item, values, axis, count) for item in op.operands if not isinstance(item, TensorRef)]
        tables = [task.network.tensor(item) for item in op.operands if isinstance(item, TensorRef)]
        values[op.result] = axis, (forms.looked_up(operands[0], tables[0]) if tables else
                                   forms.apply(op.opcode, operands, op.type, degrees))
    axis, form = values[task.op.result]
    return form if axis is None else form.at(axis.which)


class _Axis:
    """The different ends that an argument has in many blocks; which: those of each block."""

    def __init__(self, ends: np.ndarray):
        found, self.which = np.unique(ends[:, 0] + 1j * ends[:, 1], return_inverse=True)
        self.low, self.high = found.real.astype(np.int64), found.imag.astype(np.int64)


def _operand(operand: Operand, values: Mapping[str, tuple[_Axis | None, Form]], axis: _Axis | None, count: int) -> Form:
    if isinstance(operand, str):
        own, form = values[operand]
        return form if own is axis or own is None else form.at(own.which)
    number = literal(operand)  # pyright: ignore[reportArgumentType]
    raw = np.full(count, number.low)
    return forms.constant(Interval(raw, raw, number.fraction))


def _truth(task: Task, box: Box) -> expansions.Expansion:
    """The function on blocks."""
    places, ends, lsb = [], [], 1.0
    for item in task.op.operands:
        if isinstance(item, str):
            place, lsb = task.names.index(item), 2.0 ** -task.fractions[item]
            ends.append((box[:, place, 0] * lsb, box[:, place, 1] * lsb))
        else:
            place, number = -1, literal(item)  # pyright: ignore[reportArgumentType]
            ends.append((np.full(len(box), number.low * 2.0**-number.fraction),) * 2)
        places.append(place)
    return expansions.of(task.op.opcode, ends, places, _DEGREES[box.shape[1]], lsb)


def _distance(result: Format, form: Form, truth: expansions.Expansion) -> np.ndarray:
    """Where something saturates, both sides are cut off, at ends that may differ."""
    difference, noise = forms.added(form.terms, truth.terms, -1.0)
    around = sum(np.abs(item) for item in difference.values()) + noise + form.error + truth.error
    above = np.where(truth.most > form.top, result.high * result.lsb - form.top, 0.0)
    below = np.where(truth.least < form.bottom, form.bottom - result.low * result.lsb, 0.0)
    return np.maximum(around, np.maximum(above, below)) / result.lsb


def _at_ends(result: Format, form: Form, truth: expansions.Expansion) -> np.ndarray:
    value = form.integers.low.astype(np.float64)
    ends = [np.clip(end / result.lsb, result.low, result.high) for end in (truth.least, truth.most)]
    return np.maximum(np.abs(value - ends[0]), np.abs(value - ends[1]))
