"""What a fixed-point value is on a block of arguments: an interval of integers, and a polynomial with a radius.

A block lets each argument take the integers `centre ± radius`; t in [-1, 1] is an argument's place in its block. Every
value is then `polynomial(t) ± error`, the error holding what rounding took off and the terms left out (Makino and Berz
2003, Taylor models). That is so as long as nothing is decided within the block: a compare, an entry of a table, a turn
of a `wrap`. Where something is, the block is `open` in the arguments it depends on; where the interval has one integer,
the value is that integer whatever was decided before. All arrays are over blocks: `[blocks]`.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from compiler.analysis import intervals
from compiler.analysis.intervals import Interval
from compiler.formats import Format, Type
from compiler.ir.network import Tensor
from compiler.ir.ops import COMPARISONS

Terms = Mapping[tuple[int, ...], np.ndarray]
"""Coefficients by powers of the arguments' places, in real units."""

_MANY = 62
_PRODUCT_NOISE = 2.0**-46
"""What float64 takes off a product of polynomials, in parts of the product of sizes: a cubic's coefficients are at most
14 times its size on [-1, 1] (Markov), those of a product with a line 34 times, each rounded to 2**-53."""


@dataclass(frozen=True)
class Form:
    """integers: that the raw value can be. error: radius around the polynomial. open: bits of arguments to split.

    zeros: trailing zero bits that the integer has for certain. depends: bits of arguments that go in. bottom, top: ends
    the polynomial is cut off at, real units.
    """

    integers: Interval
    terms: Terms
    error: np.ndarray
    open: np.ndarray
    zeros: np.ndarray
    depends: int = 0
    bottom: float | np.ndarray = -np.inf
    top: float | np.ndarray = np.inf

    @property
    def size(self) -> np.ndarray:
        """Largest absolute value, real units."""
        return np.maximum(np.abs(self.integers.low), np.abs(self.integers.high)) * 2.0**-self.integers.fraction

    @property
    def single(self) -> np.ndarray:
        """Whether there is one integer that it can be."""
        return self.integers.low == self.integers.high

    def at(self, which: np.ndarray) -> Form:
        """The same on other blocks, those numbered `which` here."""
        integers = Interval(self.integers.low[which], self.integers.high[which], self.integers.fraction)
        bottom, top = (end[which] if isinstance(end, np.ndarray) else end for end in (self.bottom, self.top))
        terms = {power: np.broadcast_to(term, self.error.shape)[which] for power, term in self.terms.items()}
        return Form(integers, terms, self.error[which], self.open[which], self.zeros[which], self.depends, bottom, top)


def constant(interval: Interval) -> Form:
    """A number, or integers of which nothing else is known."""
    value = interval.low * 2.0**-interval.fraction
    closed = np.zeros(value.shape, np.int64)
    zeros = np.where(interval.low == interval.high, _zeros(interval.low), 0)
    return Form(interval, {(): value}, np.zeros(value.shape), closed, zeros)


def _zeros(raw: np.ndarray) -> np.ndarray:
    """Trailing zero bits; 0 has as many as anybody asks for."""
    return np.where(raw == 0, _MANY, np.frexp((raw & -raw).astype(np.float64))[1] - 1)


def argument(low: np.ndarray, high: np.ndarray, fraction: int, place: int) -> Form:
    """The argument number `place`, exactly."""
    lsb = 2.0**-fraction
    power = (0,) * place + (1,)
    terms = {(): (low + high) * (lsb / 2), power: (high - low) * (lsb / 2)}
    nothing = np.zeros(low.shape, np.int64)
    return Form(Interval(low, high, fraction), terms, np.zeros(low.shape), nothing, nothing, 1 << place)


def apply(opcode: str, operands: Sequence[Form], type_: Type, degrees: Sequence[int]) -> Form:
    """An operation, rounded and fitted into its type. degrees: highest power kept of each argument's place."""
    exact = _exact(opcode, operands, degrees)
    return _settled(_fitted(exact, type_) if isinstance(type_, Format) else exact)


def looked_up(index: Form, tensor: Tensor) -> Form:
    """An entry of a table; open where the block reaches several."""
    table = tensor.data.astype(np.int64)
    whole = intervals.EXACT["floor"](index.integers)
    low, high = (np.clip(end, 0, len(table) - 1) for end in (whole.low, whole.high))
    one = low == high
    found = Interval(np.where(one, table[low], table.min()), np.where(one, table[low], table.max()), _fraction(tensor))
    return _settled(replace(constant(found), open=_opened((index,), ~one), depends=index.depends))


def _fraction(tensor: Tensor) -> int:
    return tensor.type.fraction if isinstance(tensor.type, Format) else 0


def _exact(opcode: str, operands: Sequence[Form], degrees: Sequence[int]) -> Form:
    integers = intervals.EXACT[opcode](*(item.integers for item in operands))
    if opcode in _MOVING:
        return _MOVING[opcode](integers, *operands)
    operands = [_uncut(item) for item in operands]
    if opcode in ("add", "sub"):
        terms, noise = added(operands[0].terms, operands[1].terms, -1.0 if opcode == "sub" else 1.0)
        error = operands[0].error + operands[1].error + noise
        return _of(integers, operands, terms, error, _common(integers, operands))
    if opcode == "mul":
        return _product(integers, operands[0], operands[1], degrees)
    if opcode in ("min", "max"):
        return _extreme(integers, *operands, smaller=opcode == "min")
    if opcode in COMPARISONS or opcode in ("and", "or", "xor", "not", "floor", "ceil", "round", "sign"):
        found = _of(integers, operands, constant(integers).terms, np.zeros(integers.low.shape))
        return replace(found, open=_opened(operands, ~found.single))
    raise KeyError(opcode)


def _of(integers: Interval, operands: Sequence[Form], terms: Terms, error: np.ndarray, zeros: np.ndarray | None = None
        ) -> Form:
    depends = 0
    for item in operands:
        depends |= item.depends
    zeros = np.zeros(integers.low.shape, np.int64) if zeros is None else zeros
    return Form(integers, terms, error, _opened(operands, False), zeros, depends)


def _common(integers: Interval, operands: Sequence[Form]) -> np.ndarray:
    """Trailing zeros that all operands have on the finest of their grids."""
    return np.minimum.reduce([item.zeros + integers.fraction - item.integers.fraction for item in operands])


def _opened(operands: Sequence[Form], undecided) -> np.ndarray:
    """Open where an operand is, and in everything that goes in where something is decided here."""
    before, depends = np.int64(0), 0
    for item in operands:
        before, depends = before | item.open, depends | item.depends
    return np.where((before == 0) & undecided, depends, before)


def _uncut(value: Form) -> Form:
    """A value whose polynomial is no longer cut off: open where it was."""
    cut = np.isfinite(value.bottom) | np.isfinite(value.top)
    if not cut.any():
        return value
    return replace(value, open=_opened((value,), cut), bottom=-np.inf, top=np.inf)


# ---- polynomials


def added(a: Terms, b: Terms, sign: float = 1.0) -> tuple[dict[tuple[int, ...], np.ndarray], np.ndarray]:
    """a + sign * b, and what float64 took off it, exactly (Knuth 1997, 4.2.2 theorem B)."""
    found = dict(a)
    noise = np.zeros(1)
    for power, right in b.items():
        right = sign * right
        if power not in found:
            found[power] = right
            continue
        left = found[power]
        total = left + right
        part = total - left
        noise = noise + np.abs((left - (total - part)) + (right - part))
        found[power] = total
    return found, noise


def multiplied(a: Terms, b: Terms, degrees: Sequence[int]) -> tuple[dict[tuple[int, ...], np.ndarray], np.ndarray]:
    """The terms kept of a product, and the size of those left out."""
    found: dict[tuple[int, ...], np.ndarray] = {}
    left_out = np.zeros(1)
    for (p, x), (q, y) in itertools.product(a.items(), b.items()):
        power = tuple(i + j for i, j in itertools.zip_longest(p, q, fillvalue=0))
        term = x * y
        if any(one > most for one, most in zip(power, degrees, strict=False)):
            left_out = left_out + np.abs(term)
        else:
            found[power] = found[power] + term if power in found else term
    return found, left_out


def _product(integers: Interval, a: Form, b: Form, degrees: Sequence[int]) -> Form:
    terms, left_out = multiplied(a.terms, b.terms, degrees)
    large, small = a.size, b.size
    if a is b:
        integers = intervals.square(a.integers)
    error = large * b.error + small * a.error + a.error * b.error + left_out + _PRODUCT_NOISE * large * small
    return _of(integers, (a, b), terms, error, np.minimum(a.zeros + b.zeros, _MANY))


def _chosen(take: np.ndarray, a: Form, b: Form) -> tuple[Terms, np.ndarray, np.ndarray]:
    """Terms and error of a where `take`, of b elsewhere; what was open in it."""
    powers = a.terms.keys() | b.terms.keys()
    terms = {power: np.where(take, a.terms.get(power, 0.0), b.terms.get(power, 0.0)) for power in powers}
    return terms, np.where(take, a.error, b.error), np.where(take, a.open, b.open)


def _extreme(integers: Interval, a: Form, b: Form, smaller: bool) -> Form:
    x, y = intervals.align(a.integers, b.integers)
    below, above = x.high <= y.low, y.high <= x.low
    terms, error, was_open = _chosen(below if smaller else above, a, b)
    found = _of(integers, (a, b), terms, error, _common(integers, (a, b)))
    return replace(found, open=np.where(below | above, was_open, _opened((a, b), True)))


def _negative(integers: Interval, a: Form) -> Form:
    return replace(a, integers=integers, terms={power: -term for power, term in a.terms.items()}, bottom=-a.top,
                   top=-a.bottom)


def _absolute(integers: Interval, a: Form) -> Form:
    a = _uncut(a)
    sign = np.where(a.integers.high <= 0, -1.0, 1.0)
    terms = {power: sign * term for power, term in a.terms.items()}
    decided = (a.integers.high <= 0) | (a.integers.low >= 0)
    return replace(a, integers=integers, terms=terms, open=_opened((a,), ~decided))


def _select(integers: Interval, condition: Form, a: Form, b: Form) -> Form:
    yes = condition.integers.low == 1
    terms, error, was_open = _chosen(yes, a, b)
    was_open = np.where(condition.single, was_open, _opened((condition,), True))
    return Form(integers, terms, error, was_open, _common(integers, (a, b)), condition.depends | a.depends | b.depends,
                np.where(yes, a.bottom, b.bottom), np.where(yes, a.top, b.top))


_MOVING = {"convert": lambda integers, a: a, "neg": _negative, "abs": _absolute, "select": _select}
"""What leaves the ends of a value that was cut off where they are."""


# ---- rounding and fitting


def _fitted(value: Form, type_: Format) -> Form:
    drop = value.integers.fraction - type_.fraction
    integers = intervals.fit(value.integers, type_.with_modes(overflow="proved"))
    if drop > 0:
        value = _rounded(_uncut(value), type_)
    value = replace(value, integers=integers, zeros=np.clip(value.zeros - drop, 0, _MANY))
    if type_.overflow == "wrap":
        return _wrapped(value, type_)
    low, high = np.clip(integers.low, type_.low, type_.high), np.clip(integers.high, type_.low, type_.high)
    cut_below, cut_above = integers.low < type_.low, integers.high > type_.high
    value = replace(value, integers=Interval(low, high, type_.fraction))
    if not (cut_below.any() or cut_above.any()):
        return value
    if type_.overflow != "saturate":
        return replace(value, open=_opened((value,), cut_below | cut_above))
    value = replace(value, zeros=np.where(cut_below | cut_above, 0, value.zeros))
    return replace(value, bottom=np.where(cut_below, np.maximum(value.bottom, type_.low * type_.lsb), value.bottom),
                   top=np.where(cut_above, np.minimum(value.top, type_.high * type_.lsb), value.top))


def _rounded(value: Form, type_: Format) -> Form:
    """Half a step on both sides of the middle of what rounding does."""
    lost = np.maximum(type_.lsb - np.ldexp(2.0**-value.integers.fraction, value.zeros), 0.0)
    if type_.rounding in ("even", "away"):
        return replace(value, error=value.error + np.where(lost > 0, type_.lsb / 2, 0.0))
    if type_.rounding == "stochastic":
        return replace(value, error=value.error + lost)
    down = True if type_.rounding == "floor" else value.integers.low >= 0
    up = False if type_.rounding == "floor" else value.integers.high <= 0
    moved = np.where(down, -lost / 2, np.where(up, lost / 2, 0.0))
    terms, noise = added(value.terms, {(): moved})
    return replace(value, terms=terms, error=value.error + noise + np.where(down | up, lost / 2, lost))


def _wrapped(value: Form, type_: Format) -> Form:
    low, high = value.integers.low, value.integers.high
    turns = (low - type_.low) >> type_.width
    same = turns == (high - type_.low) >> type_.width
    by = turns << type_.width
    value = _uncut(value)
    terms, noise = added(value.terms, {(): -by * type_.lsb})
    integers = Interval(np.where(same, low - by, type_.low), np.where(same, high - by, type_.high), type_.fraction)
    return replace(value, integers=integers, terms=terms, error=value.error + noise, open=_opened((value,), ~same))


def _settled(value: Form) -> Form:
    """One integer is known exactly, however it came about."""
    one = value.single
    if not one.any():
        return value
    number = value.integers.low * 2.0**-value.integers.fraction
    terms = {power: np.where(one, 0.0, term) for power, term in value.terms.items() if power}
    return replace(value, terms=terms | {(): np.where(one, number, value.terms.get((), 0.0))},
                   error=np.where(one, 0.0, value.error), open=np.where(one, 0, value.open),
                   zeros=np.where(one, _zeros(value.integers.low), value.zeros),
                   bottom=np.where(one, -np.inf, value.bottom), top=np.where(one, np.inf, value.top))
