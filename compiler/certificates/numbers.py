"""Interval and exact arithmetic of the certificate check, in Python integers; nothing is shared with the analysis."""

from __future__ import annotations

import numpy as np

from compiler.formats import Format
from compiler.ir.network import Network
from compiler.ir.program import Op, TensorRef

Pair = tuple[np.ndarray, np.ndarray, int]
"""Lowest and highest raw integers per unit, and the fraction; Python integers, so nothing overflows."""

COMPARES = {"lt": "ge", "ge": "lt", "gt": "le", "le": "gt", "eq": "ne", "ne": "eq"}


def spread(value, units: int) -> np.ndarray:
    """Python integers, one per unit."""
    array = np.empty(units, object)
    array[:] = value if isinstance(value, int) else [int(item) for item in np.asarray(value).reshape(-1)]
    return array


def equal(stated, values: np.ndarray) -> bool:
    return stated is not None and not isinstance(stated, float) and bool((spread(stated, len(values)) == values).all())


def fraction_of(type_) -> int:
    return type_.fraction if isinstance(type_, Format) else 0


def ratio(number) -> tuple[int, int]:
    top, bottom = float(number).as_integer_ratio()
    return top, bottom.bit_length() - 1


def raws_of(network: Network, argument, type_):
    """Raw integer, or integers per unit, of an argument."""
    if isinstance(argument, TensorRef):
        data = network.tensor(argument).data.reshape(-1)
        return [int(item) << 0 for item in data]
    top, fraction = ratio(argument)
    shift = fraction_of(type_) - fraction
    return top << shift if shift >= 0 else top >> -shift


def aligned(a: Pair, b: Pair) -> tuple[Pair, Pair]:
    fraction = max(a[2], b[2])
    return tuple((x[0] << (fraction - x[2]), x[1] << (fraction - x[2]), fraction) for x in (a, b))  # pyright: ignore


def plus(a: Pair, b: Pair) -> Pair:
    a, b = aligned(a, b)
    return a[0] + b[0], a[1] + b[1], a[2]


def minus(a: Pair) -> Pair:
    return -a[1], -a[0], a[2]


def times(a: Pair, b: Pair) -> Pair:
    corners = [x * y for x in a[:2] for y in b[:2]]
    return np.minimum.reduce(corners), np.maximum.reduce(corners), a[2] + b[2]


def squared(a: Pair) -> Pair:
    ends = np.maximum(a[0] * a[0], a[1] * a[1])
    inside = (a[0] <= 0) & (a[1] >= 0)
    return np.where(inside, 0, np.minimum(a[0] * a[0], a[1] * a[1])), ends, 2 * a[2]


def magnitude(a: Pair) -> Pair:
    inside = (a[0] <= 0) & (a[1] >= 0)
    return np.where(inside, 0, np.minimum(abs(a[0]), abs(a[1]))), np.maximum(abs(a[0]), abs(a[1])), a[2]


def extreme(choose):
    def extreme(a: Pair, b: Pair) -> Pair:
        a, b = aligned(a, b)
        return choose(a[0], b[0]), choose(a[1], b[1]), a[2]

    return extreme


def chosen(condition: Pair, a: Pair, b: Pair) -> Pair:
    a, b = aligned(a, b)
    yes, no = condition[0] == 1, condition[1] == 0
    low, high = np.minimum(a[0], b[0]), np.maximum(a[1], b[1])
    return np.where(yes, a[0], np.where(no, b[0], low)), np.where(yes, a[1], np.where(no, b[1], high)), a[2]


def whole_numbers(a: Pair, rounding: str) -> Pair:
    return rounded(a[0], a[2], rounding), rounded(a[1], a[2], rounding), 0


def exclusive(a: Pair, b: Pair) -> Pair:
    known = (a[0] == a[1]) & (b[0] == b[1])
    return np.where(known, a[0] ^ b[0], 0), np.where(known, a[0] ^ b[0], 1), 0


def decided(op: Op, a: Pair, b: Pair) -> Pair:
    """A compare as far as intervals decide it: [0, 1] where they overlap."""
    (al, ah, _), (bl, bh, _) = aligned(a, b)
    same, apart = (al == ah) & (bl == bh) & (al == bl), (ah < bl) | (bh < al)
    yes, no = {"lt": (ah < bl, al >= bh), "le": (ah <= bl, al > bh), "gt": (al > bh, ah <= bl),
               "ge": (al >= bh, ah < bl), "eq": (same, apart), "ne": (apart, same)}[op.opcode]
    return np.where(yes, 1, 0), np.where(no, 0, 1), 0


def entries(index: Pair, table) -> Pair:
    """Entries of a table between two indices, clamped to its ends: at both where it is monotone, else all of it."""
    data = np.asarray(table.data).astype(np.int64)
    steps = np.diff(data)
    fraction = fraction_of(table.type)
    if (steps < 0).any() and (steps > 0).any():
        return spread(int(data.min()), len(index[0])), spread(int(data.max()), len(index[0])), fraction
    places = [np.minimum(np.maximum(rounded(end, index[2], "floor"), 0), len(data) - 1).astype(np.int64)
              for end in index[:2]]
    low, high = (data[place].astype(object) for place in (places if (steps >= 0).all() else places[::-1]))
    return low, high, fraction


INTERVAL = {
    "add": plus,
    "sub": lambda a, b: plus(a, minus(b)),
    "mul": times,
    "neg": minus,
    "abs": magnitude,
    "sign": lambda a: ((a[0] > 0) * 1 - (a[0] < 0) * 1, (a[1] > 0) * 1 - (a[1] < 0) * 1, 0),
    "min": extreme(np.minimum),
    "max": extreme(np.maximum),
    "convert": lambda a: a,
    "and": lambda a, b: (a[0] & b[0], a[1] & b[1], 0),
    "or": lambda a, b: (a[0] | b[0], a[1] | b[1], 0),
    "xor": exclusive,
    "not": lambda a: (1 - a[1], 1 - a[0], 0),
    "floor": lambda a: whole_numbers(a, "floor"),
    "ceil": lambda a: minus(whole_numbers(minus(a), "floor")),
    "round": lambda a: whole_numbers(a, "even"),
}


def rounded(raw, drop: int, rounding: str):
    """Drop fraction bits of Python integers (one or an array); negative `drop` adds bits."""
    if drop <= 0:
        return raw << -drop
    floor, rest, half = raw >> drop, raw & ((1 << drop) - 1), 1 << (drop - 1)
    if rounding in ("floor", "stochastic"):
        return floor
    if rounding == "zero":
        return floor + ((raw < 0) & (rest != 0))
    tie = (floor & 1) == 1 if rounding == "even" else raw >= 0
    return floor + ((rest > half) | ((rest == half) & tie))


def fit(value: Pair, type_) -> Pair:
    if not isinstance(type_, Format):
        return value
    drop = value[2] - type_.fraction
    low, high = rounded(value[0], drop, type_.rounding), rounded(value[1], drop, type_.rounding)
    if type_.rounding == "stochastic" and drop > 0:
        high = -((-value[1]) >> drop)
    if type_.overflow == "saturate":
        low, high = (np.minimum(np.maximum(end, type_.low), type_.high) for end in (low, high))
    if type_.overflow == "wrap":
        inside = (low >= type_.low) & (high <= type_.high)
        low, high = np.where(inside, low, type_.low), np.where(inside, high, type_.high)
    return low, high, type_.fraction


def compute(op: Op, operands: list) -> tuple[int, int]:
    """One operation on single values (raw, fraction)."""
    if op.opcode == "lookup":
        (raw, fraction), table = operands
        index = min(max(raw >> fraction if fraction >= 0 else raw << -fraction, 0), len(table.data) - 1)
        return int(table.data[index]), fraction_of(table.type)
    if op.opcode in COMPARES:
        (a, fa), (b, fb) = operands
        fraction = max(fa, fb)
        a, b = a << (fraction - fa), b << (fraction - fb)
        relations = {"lt": a < b, "le": a <= b, "gt": a > b, "ge": a >= b, "eq": a == b, "ne": a != b}
        return int(relations[op.opcode]), 0
    if op.opcode == "select":
        return operands[1] if operands[0][0] else operands[2]
    pairs = [(np.array([raw], object), np.array([raw], object), fraction) for raw, fraction in operands]
    low, _, fraction = INTERVAL[op.opcode](*pairs)
    return int(low[0]), fraction


def fit_one(value: tuple[int, int], type_) -> tuple[int, int]:
    raw, fraction = value
    if not isinstance(type_, Format):
        return value
    raw = int(rounded(raw, fraction - type_.fraction, type_.rounding))
    if type_.overflow == "saturate":
        raw = min(max(raw, type_.low), type_.high)
    if type_.overflow == "wrap":
        raw = (raw - type_.low) % (1 << type_.width) + type_.low
    return raw, type_.fraction
