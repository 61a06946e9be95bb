"""Values of a generated program: their text, and the integers they can take.

Ranges decide everything: whether int32 holds a result, whether a product must be cut in two, whether
saturation can happen at all. They start from formats, weights and parameters and follow the operations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from compiler.ir.exact import Range

INT32 = Range(-(1 << 31), (1 << 31) - 1)


def fits(range_: Range) -> bool:
    """Whether an int32 holds every raw integer of the range."""
    return INT32.low <= range_.low and range_.high <= INT32.high


@dataclass(frozen=True)
class Value:
    """A value by its Python text: an int32 array, a pair where int32 is too small, a truth value, or a constant.

    text: atomic, so that it can stand anywhere. sampled: whether it was computed from what differs between samples.
    """

    text: str
    range: Range = Range(0, 1)
    truth: bool = False
    sampled: bool = True

    @property
    def constant(self) -> int | None:
        """The raw integer, where only one is possible."""
        return self.range.low if self.range.low == self.range.high and not self.truth else None

    @property
    def batched(self) -> bool:
        """Whether it has an axis of samples; what can only be one number stands as that number."""
        return self.sampled and self.constant is None

    @property
    def is_pair(self) -> bool:
        return not self.truth and not fits(self.range)

    def at(self, fraction: int) -> Range:
        """Its range on a grid at least as fine."""
        return self.range.at(fraction)


def number(raw: int, fraction: int = 0) -> Value:
    """A constant number."""
    return Value(str(raw) if raw >= 0 else f"({raw})", Range(raw, raw, fraction), sampled=False)


def truth(value: bool) -> Value:
    """A constant truth value."""
    return Value(f"np.bool_({value})", Range(int(value), int(value)), truth=True, sampled=False)


def literal(value: float | int | bool) -> Value:
    """A literal of the IR: every finite float is dyadic, so it has a smallest exact fraction."""
    if isinstance(value, bool):
        return truth(value)
    numerator, denominator = float(value).as_integer_ratio()
    return number(numerator, denominator.bit_length() - 1)


def as_number(value: Value) -> Value:
    """A truth value as 0 or 1; numbers as they are."""
    if not value.truth:
        return value
    if value.range.low == value.range.high:
        return number(value.range.low)
    return Value(f"{value.text}.astype(jnp.int32)", Range(0, 1), sampled=value.batched)


def named(value: Value, name: str) -> Value:
    """The same value under a name it was assigned to."""
    return replace(value, text=name)


def pair_text(value: Value) -> str:
    """Its text as a pair."""
    if value.is_pair:
        return value.text if value.constant is None else f"pair_constant({value.constant})"
    if value.constant is not None:
        return f"pair_constant({value.constant})"
    return f"pair({value.text})"


def low_text(value: Value) -> str:
    """Its low 32 bits as an int32: the value itself, modulo 2**32."""
    if not value.is_pair:
        return value.text
    if value.constant is not None:
        return f"jnp.int32({(value.constant + (1 << 31)) % (1 << 32) - (1 << 31)})"
    return f"narrow({value.text})"


def left_text(text: str, bits: int) -> str:
    """int32 text times 2**bits, modulo 2**32."""
    if bits == 0:
        return text
    return f"({text} << {bits})" if bits < 32 else f"({text} & 0)"
