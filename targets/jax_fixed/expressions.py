"""Operations on fixed-point values as Python text over int32 arrays, exactly.

Every operation first yields an exact result that is not computed yet; `finish` then chooses how: in int32,
with a product of parts, or with pairs of 32 bits, whichever is the cheapest that the ranges allow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from compiler.formats import BoolType, Format, Type
from compiler.ir.exact import Range, exact_range, rounded
from compiler.ir.ops import COMPARISONS
from targets.jax_fixed.comparisons import compared
from targets.jax_fixed.split_products import split_text
from targets.jax_fixed.values import Value, as_number, fits, left_text, low_text, number, pair_text


@dataclass(frozen=True)
class Exact:
    """An exact result, not computed yet.

    low: int32 text that is right modulo 2**32, or only (modular False) where `within` fits an int32. pair: text of
    the 64-bit result. factors: the operands where it is a product.
    """

    range: Range
    low: str
    pair: Callable[[], str]
    modular: bool = True
    within: bool = True
    factors: tuple[Value, Value] | None = None
    batched: bool = True


def lower(opcode: str, operands: Sequence[Value], type_: Type) -> Value:
    """The value of one operation of the IR in its type."""
    if opcode in COMPARISONS:
        return compared(opcode, *operands)
    if opcode in _LOGIC:
        return _logic(opcode, operands)
    if isinstance(type_, BoolType):
        return _select_truth(*operands)
    return finish(exact(opcode, operands), type_)


def exact(opcode: str, operands: Sequence[Value]) -> Exact:
    """The exact result of a numeric operation."""
    if opcode == "select":
        return _select(*operands)
    return _EXACT[opcode](*(as_number(item) for item in operands))


def converted(value: Value, type_: Type) -> Value:
    """A value in another type; a truth value stays one where a truth value is wanted."""
    if isinstance(type_, BoolType):
        return value if value.truth else compared("ne", value, number(0))
    return finish(exact("convert", (value,)), type_)


def total(values: Sequence[Value]) -> Value:
    """The exact sum, on the finest grid that occurs."""
    result = values[0]
    for item in values[1:]:
        sum_ = exact("add", (result, item))
        grid = Format(True, 63, sum_.range.fraction)
        result = finish(sum_, grid)
    return result


def finish(result: Exact, format_: Type) -> Value:
    """Round an exact result to a format's grid and fit it into its range."""
    if not isinstance(format_, Format):
        raise TypeError(f"{format_} is no fixed-point type")
    drop = result.range.fraction - format_.fraction
    ends = [rounded(raw, drop, format_.rounding) for raw in (result.range.low, result.range.high)]
    at_random = format_.rounding == "stochastic" and drop > 0
    if at_random:
        ends[1] = -(-result.range.high >> drop)
    on_grid = Range(ends[0], ends[1], format_.fraction)
    fitted = _fitted_range(on_grid, format_)
    if fitted.low == fitted.high:
        return number(fitted.low, format_.fraction)
    text = _int32_text(result, drop, on_grid, fitted, format_) or _pair_text(result, drop, on_grid, fitted, format_)
    return Value(text, fitted, sampled=result.batched or at_random)


def _inside(range_: Range, format_: Format) -> bool:
    return format_.low <= range_.low and range_.high <= format_.high


def _fitted_range(on_grid: Range, format_: Format) -> Range:
    """What is left after fitting. `proved` is believed, the golden model and the prover answer for it."""
    if _inside(on_grid, format_):
        return on_grid
    if format_.overflow == "wrap" and on_grid.low == on_grid.high:
        raw = (on_grid.low - format_.low) % (1 << format_.width) + format_.low
        return Range(raw, raw, format_.fraction)
    if format_.overflow == "wrap":
        return Range(format_.low, format_.high, format_.fraction)
    low, high = (min(max(raw, format_.low), format_.high) for raw in (on_grid.low, on_grid.high))
    return Range(low, high, format_.fraction)


def _int32_text(result: Exact, drop: int, on_grid: Range, fitted: Range, format_: Format) -> str | None:
    """The result computed in int32 alone, None where that would not be exact."""
    if not fits(fitted):
        return None
    if drop > 0:
        text = _rounded_text(result, drop, format_)
        return _fitted_text(text, on_grid, format_) if text and fits(on_grid) else None
    text = left_text(result.low, -drop)
    if result.within and fits(result.range) and fits(on_grid):
        return _fitted_text(text, on_grid, format_)
    if not result.modular or format_.overflow == "saturate":
        return None
    return _fitted_text(text, on_grid, format_)


def _rounded_text(result: Exact, drop: int, format_: Format) -> str | None:
    rounding = format_.rounding
    if result.within and fits(result.range) and drop <= 31:
        how = f"{result.low}, {drop}{_bits(format_)}"
        return f"({result.low} >> {drop})" if rounding == "floor" else f"round_{rounding}({how})"
    if result.factors is None or rounding == "stochastic":
        return None
    return split_text(*result.factors, drop, rounding)


def _bits(format_: Format) -> str:
    """The random bits of a stochastic rounding, as further arguments."""
    return f", noise, {format_.site}" if format_.rounding == "stochastic" else ""


def _fitted_text(text: str, on_grid: Range, format_: Format) -> str:
    if _inside(on_grid, format_) or format_.overflow == "proved":
        return text
    if format_.overflow == "saturate":
        return _clipped_text(text, on_grid, format_)
    if not format_.signed:
        return f"({text} & {format_.high})"
    return text if format_.width >= 32 else f"wrap_signed({text}, {format_.width})"


def _clipped_text(text: str, on_grid: Range, format_: Format) -> str:
    if on_grid.low >= format_.low:
        return f"jnp.minimum({text}, {format_.high})"
    if on_grid.high <= format_.high:
        return f"jnp.maximum({text}, {format_.low})"
    return f"jnp.clip({text}, {format_.low}, {format_.high})"


def _pair_text(result: Exact, drop: int, on_grid: Range, fitted: Range, format_: Format) -> str:
    """The result computed with pairs; an int32 where its range fits one, else a pair."""
    text = result.pair()
    if drop:
        bits = min(abs(drop), 63)
        text = f"pair_{format_.rounding}({text}, {bits}{_bits(format_)})" if drop > 0 else f"pair_left({text}, {bits})"
    if _inside(on_grid, format_) or format_.overflow == "proved":
        return f"narrow({text})" if fits(fitted) else text
    if format_.overflow == "saturate":
        ends = f"pair_constant({format_.low})", f"pair_constant({format_.high})"
        text = f"pair_minimum(pair_maximum({text}, {ends[0]}), {ends[1]})"
        return f"narrow({text})" if fits(fitted) else text
    if fits(fitted):
        return _fitted_text(f"narrow({text})", on_grid, format_)
    return f"pair_wrap({text}, {format_.width}, {format_.signed})"


# ---- exact results, one function per operation


def _range(opcode: str, *operands: Value) -> Range:
    return exact_range(opcode, [item.range for item in operands])


def _aligned(values: Sequence[Value]) -> tuple[list[str], list[str], bool]:
    """int32 texts and pair texts on the finest grid, and whether int32 holds every aligned value."""
    fraction = max(item.range.fraction for item in values)
    lows, pairs, within = [], [], True
    for item in values:
        shift = fraction - item.range.fraction
        if item.constant is not None:
            item, shift = number(item.constant << shift, fraction), 0
        lows.append(left_text(low_text(item), shift))
        pairs.append(f"pair_left({pair_text(item)}, {shift})" if shift else pair_text(item))
        within = within and fits(item.at(fraction))
    return lows, pairs, within


def _sum(opcode: str, sign: str, function: str) -> Callable[[Value, Value], Exact]:
    def of(a: Value, b: Value) -> Exact:
        if b.constant == 0:
            return _convert(a)
        if a.constant == 0:
            return _convert(b) if opcode == "add" else _EXACT["neg"](b)
        (x, y), (p, q), _ = _aligned((a, b))
        batched = a.batched or b.batched
        return Exact(_range(opcode, a, b), f"({x} {sign} {y})", lambda: f"{function}({p}, {q})", batched=batched)

    return of


def _product(a: Value, b: Value) -> Exact:
    text = f"({low_text(a)} * {low_text(b)})"
    pair = f"pair_multiply({pair_text(a)}, {pair_text(b)})"
    return Exact(_range("mul", a, b), text, lambda: pair, factors=(a, b), batched=a.batched or b.batched)


def _unary(opcode: str, low: str, pair: str, modular: bool) -> Callable[[Value], Exact]:
    def of(a: Value) -> Exact:
        text = low.format(low_text(a))
        within = modular or not a.is_pair
        return Exact(_range(opcode, a), text, lambda: pair.format(pair_text(a)), modular, within, batched=a.batched)

    return of


def _convert(a: Value) -> Exact:
    return Exact(a.range, low_text(a), lambda: pair_text(a), batched=a.batched)


def _sign(a: Value) -> Exact:
    text = f"pair_sign({a.text})" if a.is_pair else f"jnp.sign({a.text})"
    return Exact(_range("sign", a), text, lambda: f"pair({text})", batched=a.batched)


def _extreme(opcode: str) -> Callable[[Value, Value], Exact]:
    name = f"{opcode}imum"

    def of(a: Value, b: Value) -> Exact:
        (x, y), (p, q), within = _aligned((a, b))
        batched = a.batched or b.batched
        low, pair = f"jnp.{name}({x}, {y})", f"pair_{name}({p}, {q})"
        return Exact(_range(opcode, a, b), low, lambda: pair, False, within, batched=batched)

    return of


def _select(condition: Value, a: Value, b: Value) -> Exact:
    test = condition if condition.truth else compared("ne", condition, number(0))
    a, b = as_number(a), as_number(b)
    (x, y), (p, q), _ = _aligned((a, b))
    batched = any(item.batched for item in (condition, a, b))
    low, pair = f"jnp.where({test.text}, {x}, {y})", f"pair_select({test.text}, {p}, {q})"
    return Exact(_range("select", condition, a, b), low, lambda: pair, batched=batched)


def _whole(opcode: str, low: str, far: str, pair: str) -> Callable[[Value], Exact]:
    """Rounding to whole numbers. far: the text where more bits are dropped than an int32 has."""

    def of(a: Value) -> Exact:
        bits, range_ = a.range.fraction, _range(opcode, a)
        if bits <= 0:
            return _convert(a)
        if a.is_pair:
            text = pair.format(pair_text(a), min(bits, 63))
            return Exact(range_, f"narrow({text})", lambda: text, fits(range_), batched=a.batched)
        text = low.format(a.text, bits) if bits <= 31 else far.format(a.text)
        return Exact(range_, text, lambda: f"pair({text})", batched=a.batched)

    return of


def _lookup(index: Value, table: Value) -> Exact:
    """table: its text names the table, `length` entries are counted by the caller as `TABLE.shape[0]`."""
    floor = finish(_EXACT["floor"](index), Format(True, 63))
    last = f"{table.text}.shape[0] - 1"
    if floor.is_pair:
        text = f"jnp.clip(narrow(pair_maximum(pair_minimum({floor.text}, pair({last})), pair(0))), 0, {last})"
    else:
        text = f"jnp.clip({floor.text}, 0, {last})"
    entry = f"{table.text}[{text}]"
    return Exact(table.range, entry, lambda: f"pair({entry})", batched=index.batched)


_EXACT: dict[str, Callable[..., Exact]] = {
    "add": _sum("add", "+", "pair_add"),
    "sub": _sum("sub", "-", "pair_subtract"),
    "mul": _product,
    "neg": _unary("neg", "(-{0})", "pair_negate({0})", True),
    "abs": _unary("abs", "jnp.abs({0})", "pair_absolute({0})", False),
    "sign": _sign,
    "min": _extreme("min"),
    "max": _extreme("max"),
    "convert": _convert,
    "floor": _whole("floor", "({0} >> {1})", "({0} >> 31)", "pair_floor({0}, {1})"),
    "ceil": _whole("ceil", "round_up({0}, {1})", "({0} > 0).astype(jnp.int32)",
                   "pair_negate(pair_floor(pair_negate({0}), {1}))"),
    "round": _whole("round", "round_even({0}, {1})", "({0} & 0)", "pair_even({0}, {1})"),
    "lookup": _lookup,
}


# ---- truth values

_LOGIC = {"and": "&", "or": "|", "xor": "^", "not": "~"}


def _logic(opcode: str, operands: Sequence[Value]) -> Value:
    values = [item if item.truth else compared("ne", item, number(0)) for item in operands]
    batched = any(item.batched for item in values)
    if opcode == "not":
        return Value(f"(~{values[0].text})", truth=True, sampled=batched)
    return Value(f"({values[0].text} {_LOGIC[opcode]} {values[1].text})", truth=True, sampled=batched)


def _select_truth(condition: Value, a: Value, b: Value) -> Value:
    batched = any(item.batched for item in (condition, a, b))
    return Value(f"jnp.where({condition.text}, {a.text}, {b.text})", truth=True, sampled=batched)
