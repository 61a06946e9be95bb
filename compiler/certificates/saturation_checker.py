"""The check of values that are cut off: which can be, and which of them without harm.

Without harm means that nobody could tell. With the value at the end of its format a compare comes out as stated, and it
comes out so as well where the value lies anywhere beyond that end and nothing after it is cut off; and with the compare
known, neither an update nor an emitted value depends on the value. Of a step in which several are cut off, the first
decides a compare, then what is left does not depend on it, so this holds of all of them together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler.certificates.cases import Case, nearest_compares
from compiler.certificates.function_checker import operations_of
from compiler.certificates.numbers import Pair, spread
from compiler.formats import Format
from compiler.ir.program import Program

if TYPE_CHECKING:
    from compiler.certificates.checker import _Site

_BEYOND = 1 << 256
"""Raw integers by which a value may lie beyond the end of its format where it is not cut off."""

Fault = tuple[str, object, object]


def faults(site: _Site) -> Iterator[Fault]:
    """Everything stated about values that are cut off that is not so; and those not stated."""
    stated = {(item["value"], item["end"]): item for item in site.stated["saturations"]}
    if len(stated) != len(site.stated["saturations"]):
        yield "saturations", len(site.stated["saturations"]), f"{len(stated)} different ones"
    possible = set(_possible(site))
    for value, end in sorted(possible - set(stated)):
        yield value, "nothing", f"cut off at its {end} end"
    for (value, end), item in stated.items():
        if item["harmless"] and not (_is_cut_here(site, value, end) and _is_harmless(site, item)):
            yield value, f"cut off at its {end} end without harm", f"a change of a decision or of a state ({item})"


def _possible(site: _Site) -> Iterator[tuple[str, str]]:
    """Values that may be cut off, with the end; states and what is inside functions have statements of their own."""
    inside = {op.result for entry in site.functions for op in operations_of(site.program, entry)[:-1]}
    updates = {value for _, value in site.program.updates}
    for op in site.program.ops:
        if isinstance(op.type, Format) and op.type.overflow == "saturate" and op.result not in inside | updates:
            low, high = site.reached[op.result]
            if low <= op.type.low:
                yield op.result, "low"
            if high >= op.type.high:
                yield op.result, "high"


def _is_cut_here(site: _Site, value: str, end: str) -> bool:
    type_ = site.types.get(value)
    known = value in {op.result for op in site.program.ops} and end in ("low", "high")
    return known and isinstance(type_, Format) and type_.overflow == "saturate"


def _is_harmless(site: _Site, item: Mapping[str, Any]) -> bool:
    type_, truth = site.types[item["value"]], int(item["is"])
    assert isinstance(type_, Format)
    if item["value"] in _needed(site.program, item["compare"], truth):
        return False
    end = type_.high if item["end"] == "high" else type_.low
    beyond = (end, end + _BEYOND) if item["end"] == "high" else (end - _BEYOND, end)
    return (_always(site, site.program, item, (end, end), truth)
            and _always(site, _uncut(site.program), item, beyond, truth))


def _always(site: _Site, program: Program, item: Mapping[str, Any], ends: tuple[int, int], truth: int) -> bool:
    """Whether a compare comes out so with a value between two ends."""
    type_ = site.types[item["value"]]
    assert isinstance(type_, Format)
    given: Pair = spread(ends[0], site.units), spread(ends[1], site.units), type_.fraction
    first = Case(site.network, program, site.known() | {item["value"]: given}, nearest_compares(program),
                 np.arange(site.units))
    outcomes = [leaf.values[item["compare"]][side] for leaf in first.leaves() for side in (0, 1)]
    return all(bool(np.all(end == truth)) for end in outcomes)


def _uncut(program: Program) -> Program:
    """The program whose values are not cut off."""
    def open_(type_):
        is_cut = isinstance(type_, Format) and type_.overflow == "saturate"
        return replace(type_, overflow="proved") if is_cut else type_

    return replace(program, ops=tuple(replace(op, type=open_(op.type)) for op in program.ops))


def _needed(program: Program, compare: str, truth: int) -> set[str]:
    """Names that updates and emitted values depend on where a compare is known."""
    ops = {op.result: op for op in program.ops}
    waiting = [value for _, value in program.updates] + [item.value for item in program.emits]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if not isinstance(name, str) or name == compare or name in found:
            continue
        found.add(name)
        op = ops.get(name)
        if op is None:
            continue
        decided = op.opcode == "select" and op.operands[0] == compare
        waiting += [op.operands[1] if truth else op.operands[2]] if decided else list(op.operands)
    return found
