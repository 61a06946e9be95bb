"""The exact result of every numeric operation, one function for each kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from compiler.formats import Format
from compiler.ir.exact import Range, exact_range
from targets.jax_fixed.comparisons import compared
from targets.jax_fixed.fitting import Exact, finish
from targets.jax_fixed.values import Value, as_number, fits, left_text, low_text, number, pair_text


def exact(opcode: str, operands: Sequence[Value]) -> Exact:
    """The exact result of a numeric operation."""
    if opcode == "select":
        return _select(*operands)
    return _EXACT[opcode](*(as_number(item) for item in operands))


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
