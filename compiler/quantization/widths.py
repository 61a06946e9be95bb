"""How wide the formats of a program become once the ranges of its values are known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from compiler.analysis.intervals import Interval
from compiler.analysis.ranges import SiteRanges
from compiler.formats import Format, Type, smallest_format
from compiler.ir.program import Program
from compiler.quantization.tensors import WIDEST_VALUE

WIDE = 62
"""Bits of a format that holds anything, until its range is known."""


def with_ranges(
    program: Program, ranges: SiteRanges, inputs: dict[str, Interval], state_bits: int, own: Mapping[str, int] = {}
) -> tuple[Program, int]:
    """The program with every format as narrow as its range; and how many bits the widest exceeds what is allowed.

    own: bits of single states, by name.
    """
    own = {**own, **{value: own[state] for state, value in program.updates if state in own and isinstance(value, str)}}
    excess = 0
    types: dict[str, Type] = {}
    states = {item.name for item in program.states} | {value for _, value in program.updates if isinstance(value, str)}
    for name, type_ in program.types().items():
        types[name] = narrowed = _narrowed(type_, ranges.values[name])
        if isinstance(narrowed, Format) and name not in {item.name for item in program.params}:
            allowed = own.get(name, state_bits) if name in states else WIDEST_VALUE
            excess = max(excess, narrowed.width - allowed, signed_width(narrowed) - WIDEST_VALUE)
    for state, value in program.updates:
        if isinstance(value, str):
            held, given = types[state], types[value]
            fixed = isinstance(held, Format) and isinstance(given, Format)
            types[value] = rounding_like(held, given) if fixed else held  # pyright: ignore[reportArgumentType]
    for name, interval in inputs.items():
        types[name] = _narrowed(Format(True, WIDE, interval.fraction), ranges.values[name])
    return _retyped(program, types), excess


def signed_width(type_: Format) -> int:
    """Bits of a signed format that holds every value: engines compute in signed integers."""
    return type_.width + (not type_.signed)


def _narrowed(type_: Type, interval: Interval) -> Type:
    if not isinstance(type_, Format):
        return type_
    low, high = min(0, int(interval.low.min())), max(0, int(interval.high.max()))
    if type_.overflow == "saturate" and (low <= type_.low or high >= type_.high):
        return type_
    overflow = "wrap" if type_.overflow == "wrap" else "proved"
    return rounding_like(smallest_format(low, high, type_.fraction).with_modes(overflow=overflow), type_)


def rounding_like(type_: Format, other: Format) -> Format:
    """A format with the rounding of another, its rounding site included."""
    return replace(type_, rounding=other.rounding, site=other.site)


def _retyped(program: Program, types: dict[str, Type]) -> Program:
    return replace(
        program,
        inputs=tuple(replace(item, type=types[item.name]) for item in program.inputs),
        states=tuple(replace(item, type=types[item.name]) for item in program.states),
        params=tuple(replace(item, type=types[item.name]) for item in program.params),
        ops=tuple(replace(op, type=types[op.result]) for op in program.ops),
    )
