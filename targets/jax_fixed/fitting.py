"""Exact results, and how they are rounded to a format's grid and fitted into its range."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from compiler.formats import Format, Type
from compiler.ir.exact import Range, rounded
from targets.jax_fixed.split_products import split_text
from targets.jax_fixed.values import Value, fits, left_text, number


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
