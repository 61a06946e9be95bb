"""The check's own idea of a value on blocks of arguments: integers it can be, and coefficients with a radius.

Coefficients are dense: [2, 4, blocks] for a quotient (powers 0 and 1 of the first argument's place in its block, 0 to 3
of the second's), [1, 4, blocks] for one argument. Nothing is shared with what wrote the certificate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.certificates.numbers import COMPARES, INTERVAL, Pair, aligned, chosen, decided, rounded, squared
from compiler.formats import Format
from compiler.ir.program import Op

_FLOAT_PRODUCT, _LARGEST = 2.0**-46, 2.0**62
_DECIDING = ("and", "or", "xor", "not", "floor", "ceil", "round", "sign")


@dataclass(frozen=True)
class Piece:
    """One value. undecided: bits of arguments that would have to be cut; inputs: bits of those behind it.

    floor, ceiling: where the polynomial is cut off because the value saturated. even: the power of two of which the
    integer is a multiple for certain.
    """

    pair: Pair
    coefficients: np.ndarray
    radius: np.ndarray
    undecided: np.ndarray
    inputs: int
    floor: np.ndarray
    ceiling: np.ndarray
    even: np.ndarray

    @property
    def known(self) -> np.ndarray:
        return self.pair[0] == self.pair[1]

    @property
    def magnitude(self) -> np.ndarray:
        return np.maximum(np.abs(self.pair[0]), np.abs(self.pair[1])) / 2.0 ** self.pair[2]

    def rows(self, index: np.ndarray) -> Piece:
        low, high, fraction = self.pair
        return Piece((low[index], high[index], fraction), self.coefficients[..., index], self.radius[index],
                     self.undecided[index], self.inputs, self.floor[index], self.ceiling[index], self.even[index])

    def but(self, **changes) -> Piece:
        return Piece(**{**self.__dict__, **changes})

    def cut_where(self, where: np.ndarray) -> Piece:
        return self.but(undecided=np.where(where & (self.undecided == 0), self.inputs, self.undecided))

    def free(self) -> Piece:
        """With a polynomial that holds everywhere; where it was cut off, undecided."""
        bounded = (self.floor > -np.inf) | (self.ceiling < np.inf)
        ends = np.full(len(self.radius), np.inf)
        return self.cut_where(bounded).but(floor=-ends, ceiling=ends) if bounded.any() else self


def plain(low: np.ndarray, high: np.ndarray, fraction: int, shape: tuple[int, int], inputs: int = 0) -> Piece:
    """Integers of which nothing more is known."""
    count = len(low)
    coefficients = np.zeros((*shape, count))
    coefficients[0, 0] = low / 2.0**fraction
    ends = np.full(count, np.inf)
    return Piece((low, high, fraction), coefficients, np.zeros(count), np.zeros(count, np.int64), inputs, -ends, ends,
                 np.where(low == high, _evenness(low), 1.0))


def _evenness(raw: np.ndarray) -> np.ndarray:
    """The largest power of two that divides an integer, and a very large one for 0."""
    return np.where(raw == 0, _LARGEST, (raw ^ (raw - 1)) // 2 + 1.0)


def argument(low: np.ndarray, high: np.ndarray, fraction: int, shape: tuple[int, int], axis: int) -> Piece:
    """An argument: centre, and half the width times its place."""
    piece = plain(low, high, fraction, shape, 1 << axis).but(even=np.ones(len(low)))
    piece.coefficients[0, 0] = (low + high) / 2.0 ** (fraction + 1)
    piece.coefficients[(1, 0) if shape[0] == 2 and axis == 0 else (0, 1)] = (high - low) / 2.0 ** (fraction + 1)
    return piece


def entry(index: Piece, table: np.ndarray, fraction: int) -> Piece:
    """What a table has for an index."""
    ends = [np.minimum(np.maximum(rounded(end, index.pair[2], "floor"), 0), len(table) - 1) for end in index.pair[:2]]
    same = ends[0] == ends[1]
    low = np.where(same, table[ends[0]], table.min())
    piece = plain(low, np.where(same, low, table.max()), fraction, index.coefficients.shape[:2], index.inputs)
    return settle(piece.but(undecided=index.undecided).cut_where(~same))


def executed(op: Op, operands: list[Piece]) -> Piece:
    """An operation with what its type does to the result."""
    found = _exactly(op, operands)
    return settle(_fit(found, op.type) if isinstance(op.type, Format) else found)


def settle(piece: Piece) -> Piece:
    """A single integer needs no polynomial."""
    known = piece.known
    if not known.any():
        return piece
    coefficients = np.where(known, 0.0, piece.coefficients)
    coefficients[0, 0] = np.where(known, piece.pair[0] / 2.0 ** piece.pair[2], coefficients[0, 0])
    return piece.but(coefficients=coefficients, radius=np.where(known, 0, piece.radius),
                     undecided=np.where(known, 0, piece.undecided),
                     even=np.where(known, _evenness(piece.pair[0]), piece.even),
                     floor=np.where(known, -np.inf, piece.floor), ceiling=np.where(known, np.inf, piece.ceiling))


def _exactly(op: Op, operands: list[Piece]) -> Piece:
    a = operands[0]
    if op.opcode == "convert":
        return a
    if op.opcode == "neg":
        return a.but(pair=INTERVAL["neg"](a.pair), coefficients=-a.coefficients, floor=-a.ceiling, ceiling=-a.floor)
    if op.opcode == "select":
        return _one_of(a, *operands[1:], where=a.pair[0] == 1, sure=a.known,
                       pair=chosen(a.pair, operands[1].pair, operands[2].pair), deciding=a.inputs, before=a.undecided)
    operands = [item.free() for item in operands]
    a, b = operands[0], operands[-1]
    inputs = a.inputs | b.inputs
    before = a.undecided | b.undecided
    if op.opcode in COMPARES or op.opcode in _DECIDING:
        pairs = [item.pair for item in operands]
        pair = decided(op, *pairs) if op.opcode in COMPARES else INTERVAL[op.opcode](*pairs)
        piece = plain(pair[0], pair[1], pair[2], a.coefficients.shape[:2], inputs)
        return piece.but(undecided=before).cut_where(~piece.known)
    pair = INTERVAL[op.opcode](*(item.pair for item in operands))
    if op.opcode == "abs":
        low, high, _ = a.pair
        return a.but(pair=pair, coefficients=np.where(high <= 0, -1.0, 1.0) * a.coefficients
                     ).cut_where((low < 0) & (high > 0))
    if op.opcode in ("min", "max"):
        (al, ah, _), (bl, bh, _) = aligned(a.pair, b.pair)
        first, second = (ah <= bl, bh <= al) if op.opcode == "min" else (al >= bh, bl >= ah)
        return _one_of(a, a, b, where=first, sure=first | second, pair=pair, deciding=inputs, before=before)
    if op.opcode == "mul":
        if op.operands[0] == op.operands[1]:
            pair = squared(a.pair)
        coefficients, dropped = times(a.coefficients, b.coefficients)
        x, y = a.magnitude, b.magnitude
        radius = x * b.radius + y * a.radius + a.radius * b.radius + dropped + _FLOAT_PRODUCT * x * y
        even = np.minimum(a.even * b.even, _LARGEST)
    else:
        coefficients, lost = plus(a.coefficients, b.coefficients if op.opcode == "add" else -b.coefficients)
        radius, even = a.radius + b.radius + lost, _evenness_of_both(pair, a, b)
    return Piece(pair, coefficients, radius, before, inputs, a.floor, a.ceiling, even)


def _evenness_of_both(pair: Pair, a: Piece, b: Piece) -> np.ndarray:
    """On the grid of a result that either, or their sum, stands on."""
    return np.minimum(a.even * 2.0 ** (pair[2] - a.pair[2]), b.even * 2.0 ** (pair[2] - b.pair[2]))


def _one_of(condition: Piece, a: Piece, b: Piece, where, sure, pair: Pair, deciding: int, before) -> Piece:
    """a or b; where it is not sure which, what decides is to be cut."""
    open_ = np.where(before == 0, deciding, before)
    return Piece(pair, np.where(where, a.coefficients, b.coefficients), np.where(where, a.radius, b.radius),
                 np.where(sure, np.where(where, a.undecided, b.undecided), open_),
                 condition.inputs | a.inputs | b.inputs, np.where(where, a.floor, b.floor),
                 np.where(where, a.ceiling, b.ceiling), _evenness_of_both(pair, a, b))


def plus(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sum of coefficients, and how much float64 lost of it (Dekker 1971: from the larger one)."""
    total = a + b
    large = np.abs(a) >= np.abs(b)
    lost = np.where(large, b, a) - (total - np.where(large, a, b))
    return total, np.abs(lost).sum(axis=(0, 1))


def times(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The product as far as there is room for its powers, and the size of the rest."""
    found, dropped = np.zeros(a.shape), np.zeros(a.shape[2])
    places = list(np.ndindex(*a.shape[:2]))
    lefts, rights = ([place for place in places if array[place].any()] for array in (a, b))
    for i, j in lefts:
        for k, m in rights:
            product = a[i, j] * b[k, m]
            if i + k < a.shape[0] and j + m < a.shape[1]:
                found[i + k, j + m] += product
            else:
                dropped += np.abs(product)
    return found, dropped


def _fit(piece: Piece, type_: Format) -> Piece:
    low, high, fraction = piece.pair
    drop = fraction - type_.fraction
    pair = tuple(rounded(end, drop, type_.rounding) for end in (low, high))
    if type_.rounding == "stochastic" and drop > 0:
        pair = pair[0], -((-high) >> drop)
    if drop > 0:
        piece = _after_rounding(piece.free(), type_, np.maximum(2.0**-type_.fraction - piece.even / 2.0**fraction, 0))
    piece = piece.but(even=np.minimum(np.maximum(piece.even / 2.0**drop, 1.0), _LARGEST))
    low, high = pair
    if type_.overflow == "wrap":
        return _after_wrap(piece.free(), low, high, type_)
    under, beyond = low < type_.low, high > type_.high
    low, high = (np.minimum(np.maximum(end, type_.low), type_.high) for end in pair)
    piece = piece.but(pair=(low, high, type_.fraction))
    if type_.overflow != "saturate":
        return piece.cut_where(under | beyond)
    ends = type_.low / 2.0**type_.fraction, type_.high / 2.0**type_.fraction
    piece = piece.but(even=np.where(under | beyond, 1.0, piece.even))
    return piece.but(floor=np.where(under, np.maximum(ends[0], piece.floor), piece.floor),
                     ceiling=np.where(beyond, np.minimum(ends[1], piece.ceiling), piece.ceiling))


def _after_rounding(piece: Piece, type_: Format, lost: np.ndarray) -> Piece:
    """lost: the most that cutting off takes away."""
    low, high, _ = piece.pair
    if type_.rounding in ("even", "away"):
        return piece.but(radius=piece.radius + (lost > 0) * 2.0 ** -(type_.fraction + 1))
    if type_.rounding == "stochastic":
        return piece.but(radius=piece.radius + lost)
    middle = np.where(low >= 0, -lost / 2, np.where(high <= 0, lost / 2, 0.0))
    if type_.rounding == "floor":
        middle = -lost / 2
    shift = np.zeros(piece.coefficients.shape)
    shift[0, 0] = middle
    coefficients, noise = plus(piece.coefficients, shift)
    return piece.but(coefficients=coefficients, radius=piece.radius + noise + np.where(middle == 0, lost, lost / 2))


def _after_wrap(piece: Piece, low: np.ndarray, high: np.ndarray, type_: Format) -> Piece:
    size = 1 << type_.width
    turns = (low - type_.low) // size
    whole = turns == (high - type_.low) // size
    back = np.zeros(piece.coefficients.shape)
    back[0, 0] = -turns * 2.0 ** (type_.width - type_.fraction)
    coefficients, noise = plus(piece.coefficients, back)
    ends = np.where(whole, low - turns * size, type_.low), np.where(whole, high - turns * size, type_.high)
    return piece.but(pair=(*ends, type_.fraction), coefficients=coefficients, radius=piece.radius + noise
                     ).cut_where(~whole)
