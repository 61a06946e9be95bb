"""The check of functions by blocks of arguments; shares no code with what wrote the certificate, only the rules.

A block is bounded where nothing is decided within it and Taylor's remainder is small; otherwise it is cut in two, or,
where it holds few arguments, each of them is tried. `blocks` and `tried` of the certificate count what that leads to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from compiler.certificates import pieces
from compiler.certificates.numbers import ratio
from compiler.certificates.pieces import Piece
from compiler.certificates.taylor import Truth, truth_of
from compiler.formats import Format
from compiler.ir.network import Network
from compiler.ir.program import Op, TensorRef

_BATCH = 1 << 13
_TRIED, _ALLOWED = {1: 64, 2: 8}, {1: 2.0**-12, 2: 2.0**-6}
_BITS = range(62, -1, -1)


@dataclass(frozen=True)
class Subject:
    """A function: the entry that speaks of it, its operations, its result's format, its arguments' fractions."""

    network: Network
    entry: Mapping[str, Any]
    ops: list[Op]
    result: Format
    fractions: dict[str, int]

    @property
    def shape(self) -> tuple[int, int]:
        return (2, 4) if len(self.fractions) == 2 else (1, 4)


def bounded(subject: Subject, ends: np.ndarray, worst: Callable[[dict[str, np.ndarray]], float]
            ) -> tuple[float, int, int]:
    """The largest error in last bits, blocks bounded whole, arguments tried; ends: [blocks, arguments, 2].

    worst: the largest error of arguments that are given by name.
    """
    bound, blocks, tried, stack = 0.0, 0, 0, [ends]
    while stack:
        ends = stack.pop()
        while stack and len(ends) < _BATCH:
            ends = np.concatenate([stack.pop(), ends])
        ends, rest = ends[:_BATCH], ends[_BATCH:]
        error, cuts = _block_errors(subject, ends)
        sizes = (ends[:, :, 1] - ends[:, :, 0] + 1.0).prod(axis=1)
        whole, small = cuts == 0, (cuts > 0) & (sizes <= _TRIED[len(subject.fractions)])
        bound, blocks = max(bound, error[whole].max(initial=0.0)), blocks + int(whole.sum())
        if small.any():
            tried += int(sizes[small].sum())
            bound = max(bound, worst(every(subject, ends[small])))
        cut = ~(whole | small)
        stack += [part for part in (rest, *_halves(ends[cut], cuts[cut])) if len(part)]
    return float(bound), blocks, tried


def single(subject: Subject, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Blocks of one and the same result (or where the function has no value), and their errors."""
    piece, truth = _piece(subject, ends), _truth(subject, ends)
    return ~truth.exists | (piece.known & truth.enclosed), np.where(truth.exists, _corners(subject, piece, truth), 0.0)


def every(subject: Subject, ends: np.ndarray) -> dict[str, np.ndarray]:
    """All arguments of small blocks."""
    sides = [ends[:, axis, :1] + np.arange(int((ends[:, axis, 1] - ends[:, axis, 0]).max()) + 1)
             for axis in range(ends.shape[1])]
    inside = [side <= ends[:, axis, 1:] for axis, side in enumerate(sides)]
    if len(sides) == 1:
        return {name: sides[0][inside[0]] for name in subject.fractions}
    both = inside[0][:, :, None] & inside[1][:, None, :]
    values = np.broadcast_to(sides[0][:, :, None], both.shape), np.broadcast_to(sides[1][:, None, :], both.shape)
    return {name: value[both] for name, value in zip(subject.fractions, values, strict=True)}


def _halves(ends: np.ndarray, cuts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cut the wider of the arguments that may be; at the number that is a multiple of the largest power of two."""
    width = ends[:, :, 1] - ends[:, :, 0]
    second = (cuts == 2) | ((cuts == 3) & (width[:, -1] > width[:, 0]))
    axis = second.astype(np.int64)
    rows = np.arange(len(ends))
    low, high = ends[rows, axis].T
    mirrored = high < 0
    bottom, top = np.where(mirrored, -high, low), np.where(mirrored, -low, high)
    middle, found = np.zeros(len(ends), np.int64), np.zeros(len(ends), bool)
    for bit in _BITS:
        multiple = top >> bit << bit
        taken = ~found & (multiple > bottom)
        middle, found = np.where(taken, multiple, middle), found | taken
    middle = np.where(mirrored, 1 - middle, middle)
    left, right = ends.copy(), ends.copy()
    left[rows, axis, 1], right[rows, axis, 0] = middle - 1, middle
    return left, right


def _block_errors(subject: Subject, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Error of every block, and the arguments it must be cut in first, as bits."""
    piece, truth = _piece(subject, ends), _truth(subject, ends)
    names, step = list(subject.fractions), subject.result.lsb
    bent = 1 << names.index([item for item in subject.entry["operands"] if isinstance(item, str)][-1])
    error = np.where(piece.known, _corners(subject, piece, truth), _apart(subject, piece, truth))
    coarse = np.where(piece.known, ~truth.enclosed, truth.remainder / step > _ALLOWED[len(names)]) | ~np.isfinite(error)
    cuts = np.where(piece.undecided > 0, piece.undecided, bent * coarse)
    return np.where(truth.exists, error, 0.0), np.where(truth.exists, cuts, 0)


def _apart(subject: Subject, piece: Piece, truth: Truth) -> np.ndarray:
    """Of polynomials. Where both are cut off, the ends may lie apart."""
    result = subject.result
    with np.errstate(all="ignore"):
        difference, noise = pieces.plus(piece.coefficients, -truth.coefficients)
        apart = np.abs(difference).sum(axis=(0, 1)) + noise + piece.radius + truth.radius
        over = (truth.most > piece.ceiling) * (result.high - piece.ceiling / result.lsb)
        under = (truth.least < piece.floor) * (piece.floor / result.lsb - result.low)
        return np.fmax(apart / result.lsb, np.fmax(over, under))


def _corners(subject: Subject, piece: Piece, truth: Truth) -> np.ndarray:
    low, high = subject.result.low, subject.result.high
    with np.errstate(all="ignore"):
        wanted = np.minimum(np.maximum(np.stack([truth.least, truth.most]) / subject.result.lsb, low), high)
        return np.abs(wanted - piece.pair[0]).max(axis=0)


def _truth(subject: Subject, ends: np.ndarray) -> Truth:
    names = list(subject.fractions)
    given = []
    for item in subject.entry["operands"]:
        if isinstance(item, str):
            lsb = 2.0 ** -subject.fractions[item]
            axis = names.index(item)
            given.append((ends[:, axis, 0] * lsb, ends[:, axis, 1] * lsb, axis, lsb))
        else:
            number = np.full(len(ends), float(item))
            given.append((number, number, None, 1.0))
    return truth_of(subject.entry["opcode"], given, subject.shape)


def _piece(subject: Subject, ends: np.ndarray) -> Piece:
    """The result on blocks; what stands behind one argument alone is worked out once for each of its ends."""
    unique = [np.unique(ends[:, axis], axis=0, return_inverse=True) for axis in range(ends.shape[1])]
    places = [inverse.reshape(-1) for _, inverse in unique]
    values: dict[str, tuple[int, Piece]] = {}
    for axis, (name, fraction) in enumerate(subject.fractions.items()):
        low, high = unique[axis][0].T
        values[name] = axis, pieces.argument(low, high, fraction, subject.shape, axis)
    for op in subject.ops:
        axes = {values[name][0] for name in op.names}
        axis = axes.pop() if len(axes) == 1 else -1
        count = len(ends) if axis < 0 else len(unique[axis][0])

        def operand(item, axis: int = axis, count: int = count) -> Piece:
            if not isinstance(item, str):
                raw, fraction = ratio(item)
                number = np.full(count, raw, np.int64)
                return pieces.plain(number, number, fraction, subject.shape)
            own, piece = values[item]
            return piece if own in (axis, -1) else piece.rows(places[own])

        with np.errstate(all="ignore"):
            values[op.result] = axis, _executed(subject.network, op, operand)
    axis, piece = values[subject.entry["result"]]
    return piece if axis < 0 else piece.rows(places[axis])


def _executed(network: Network, op: Op, operand: Callable[[Any], Piece]) -> Piece:
    if op.opcode != "lookup":
        return pieces.executed(op, [operand(item) for item in op.operands])
    index, table = op.operands
    tensor = network.tensor(table) if isinstance(table, TensorRef) else None
    if tensor is None or not isinstance(tensor.type, Format):
        raise TypeError(f"{op.result} looks nothing up")
    return pieces.entry(operand(index), tensor.data.astype(np.int64), tensor.type.fraction)
