"""Certificates: for every state an interval that one step never leaves, and how to come close to its ends.

A certificate is JSON. It holds, per site, the bounds of what arrives (`inputs`), an inductive interval for every
state with its format, the bits to spare (`slack`), and for each end a witness: a drive of the site's inputs (all at
their upper or lower bounds, which are taken as free) with the value a state has after some steps of it. `slices` are
the invariant of two states together where none of single intervals holds. `saturations` are the values that may be cut
off, `harmless` where that changes neither a decision nor a state, because `compare` then comes out as `is`. `emits`
bounds the numbers a site passes on. `functions` bounds the error of every nonlinear function of state.
`certificates.checker` verifies it with code of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from compiler.analysis.intervals import Interval
from compiler.analysis.network_ranges import ranges_of
from compiler.analysis.ranges import SiteRanges, tables_of
from compiler.analysis.saturations import Saturation, saturations
from compiler.analysis.slices import Slices
from compiler.certificates.functions import functions_of, names_inside
from compiler.certificates.witnesses import witnesses
from compiler.formats import Format
from compiler.ir.network import Network
from compiler.ir.print import print_network
from compiler.ir.program import Site

VERSION = 2


def build(network: Network, ranges: Mapping[str, SiteRanges] | None = None, model: Network | None = None
          ) -> dict[str, Any]:
    """The certificate of a fixed or mapped network. model: what it was made from, to know its nonlinear functions."""
    ranges = ranges_of(network) if ranges is None else ranges
    functions = functions_of(model, network, ranges) if model is not None else []
    inside: dict[str, set[str]] = {}
    for entry in functions:
        inside.setdefault(entry["site"], set()).update(names_inside(network, entry))
    sites = {name: _site(network, site, units, ranges[name], inside.get(name, set()))
             for name, site, units in network.sites() if name in ranges}
    digest = hashlib.sha256(print_network(network).encode()).hexdigest()
    return {"version": VERSION, "network": digest, "sites": sites, "functions": functions}


def to_bytes(certificate: Mapping[str, Any]) -> bytes:
    """Canonical JSON."""
    return (json.dumps(certificate, sort_keys=True, separators=(",", ":")) + "\n").encode()


def cuts(certificate: Mapping[str, Any]) -> dict[str, bool]:
    """By `site.value` the values that may be cut off, states apart, and whether that is harmless at every end."""
    found: dict[str, bool] = {}
    for name, site in certificate["sites"].items():
        for item in site["saturations"]:
            key = f"{name}.{item['value']}"
            found[key] = found.get(key, True) and item["harmless"]
    return found


def _site(network: Network, site: Site, units: int, ranges: SiteRanges, inside: set[str]) -> dict[str, Any]:
    program = network.programs[site.program]
    inputs = {item.name: _bounds(ranges.values[item.name]) for item in program.inputs}
    states = {}
    for item in program.states:
        if isinstance(item.type, Format):
            states[item.name] = _state(item.type, ranges, item.name)
    found = witnesses(network, site, units, ranges)
    for name, entry in states.items():
        entry["witness"] = found[name]
    types = program.types()
    emits = {item.port: _bounds(ranges.values[item.value]) for item in program.emits
             if isinstance(item.value, str) and isinstance(types[item.value], Format)}
    told = saturations(program, ranges, tables_of(network, program), inside)
    return {"inputs": inputs, "states": states, "emits": emits, "slices": _slices(ranges.slices),
            "saturations": [_saturation(item) for item in told]}


def _slices(found: Slices | None) -> dict[str, Any] | None:
    if found is None:
        return None
    low, high = ({name: [int(item) for item in ends[name]] for name in found.names} for ends in (found.low, found.high))
    return {"states": list(found.names), "low": low, "high": high}


def _saturation(item: Saturation) -> dict[str, Any]:
    told = {"value": item.value, "end": item.end, "harmless": item.harmless}
    return told | ({"compare": item.condition, "is": item.truth} if item.harmless else {})


def _state(type_: Format, ranges: SiteRanges, name: str) -> dict[str, Any]:
    interval = ranges.values[name]
    saturates = type_.overflow == "saturate"
    needed = max(_bits(int(interval.low.min()), type_.signed), _bits(int(interval.high.max()), type_.signed))
    return {"format": str(type_), "grade": "saturates" if saturates else "proved", **_bounds(interval),
            "slack": type_.width - needed}


def _bits(value: int, signed: bool) -> int:
    """Bits that one integer needs."""
    return (value.bit_length() if value >= 0 else (-value - 1).bit_length()) + int(signed)


def _bounds(interval: Interval) -> dict[str, Any]:
    return {"low": _short(interval.low), "high": _short(interval.high)}


def _short(values: np.ndarray) -> int | list[int]:
    """One number where all units have the same."""
    flat = np.asarray(values).reshape(-1)
    return int(flat[0]) if (flat == flat[0]).all() else [int(item) for item in flat]
