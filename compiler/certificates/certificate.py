"""Certificates: for every state an interval that one step never leaves, and how to come close to its ends.

A certificate is JSON. It holds, per site, the bounds of what arrives (`inputs`), an inductive interval for every
state with its format, the bits to spare (`slack`), and a witness: a drive of the site's inputs (all at their
upper or lower bounds, which are taken as free) with the value a state has after some steps of it. `emits` bounds
the numbers a site passes on. `functions` bounds the error of every nonlinear function of state.
`certificates.checker` verifies it with code of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from compiler import arithmetic
from compiler.analysis.intervals import Interval
from compiler.analysis.network_ranges import ranges_of
from compiler.analysis.ranges import SiteRanges, argument
from compiler.certificates.functions import fraction_of, functions_of, operand_of
from compiler.formats import Format, Type
from compiler.ir.network import Network
from compiler.ir.print import print_network
from compiler.ir.program import Program, Site, State

VERSION = 1
_STEPS = 256


def build(network: Network, ranges: Mapping[str, SiteRanges] | None = None, model: Network | None = None
          ) -> dict[str, Any]:
    """The certificate of a fixed or mapped network. model: what it was made from, to know its nonlinear functions."""
    ranges = ranges_of(network) if ranges is None else ranges
    sites = {name: _site(network, site, units, ranges[name]) for name, site, units in network.sites() if name in ranges}
    digest = hashlib.sha256(print_network(network).encode()).hexdigest()
    functions = functions_of(model, network, ranges) if model is not None else []
    return {"version": VERSION, "network": digest, "sites": sites, "functions": functions}


def to_bytes(certificate: Mapping[str, Any]) -> bytes:
    """Canonical JSON."""
    return (json.dumps(certificate, sort_keys=True, separators=(",", ":")) + "\n").encode()


def _site(network: Network, site: Site, units: int, ranges: SiteRanges) -> dict[str, Any]:
    program = network.programs[site.program]
    inputs = {item.name: _bounds(ranges.values[item.name]) for item in program.inputs}
    states = {}
    for item in program.states:
        if isinstance(item.type, Format):
            states[item.name] = _state(item.type, ranges, item.name)
    witnesses = _witnesses(network, site, units, program, ranges)
    for name, entry in states.items():
        entry["witness"] = witnesses[name]
    types = program.types()
    emits = {item.port: _bounds(ranges.values[item.value]) for item in program.emits
             if isinstance(item.value, str) and isinstance(types[item.value], Format)}
    return {"inputs": inputs, "states": states, "emits": emits}


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


def _witnesses(network: Network, site: Site, units: int, program: Program, ranges: SiteRanges) -> dict[str, Any]:
    """For each state the drive, unit and step with the value nearest to an end of its interval."""
    found: dict[str, Any] = {}
    for drive in ("high", "low"):
        inputs = {item.name: getattr(ranges.values[item.name], drive) for item in program.inputs}
        for step, states in enumerate(_driven(network, site, units, program, inputs), 1):
            for name, raw in states.items():
                if name in ranges.values:
                    _keep_nearest(found, name, drive, step, raw, ranges.values[name])
    return found


def _keep_nearest(found: dict, name: str, drive: str, step: int, raw: np.ndarray, interval: Interval) -> None:
    """The end farther from zero is the one that costs bits."""
    end = "high" if int(interval.high.max()) >= -int(interval.low.min()) else "low"
    bound = np.broadcast_to(getattr(interval, end), raw.shape)
    reached = np.abs(raw) / np.maximum(np.abs(bound), 1) * (np.sign(raw) == np.sign(bound))
    unit = int(np.argmax(reached))
    if name not in found or reached[unit] > found[name]["reached"]:
        found[name] = {"drive": drive, "steps": step, "unit": unit, "end": end, "value": int(raw[unit]),
                       "reached": float(reached[unit])}


def _driven(network: Network, site: Site, units: int, program: Program, inputs: Mapping[str, np.ndarray]):
    """States after each step of a constant drive."""
    types = program.types()
    fixed = {item.name: _constant(network, site, item) for item in program.params}
    fixed |= {name: arithmetic.Fixed(raw, fraction_of(types[name])) for name, raw in inputs.items()}
    states = {item.name: _start(network, site, item, units) for item in program.states}
    for _ in range(_STEPS):
        values = fixed | {name: arithmetic.Fixed(raw, fraction_of(types[name])) for name, raw in states.items()}
        for op in program.ops:
            operands = [operand_of(network, item, values) for item in op.operands]
            values[op.result] = arithmetic.fit(arithmetic.EXACT[op.opcode](*operands), _certain(op.type))
        states = {name: np.broadcast_to(arithmetic.fit(operand_of(network, value, values), types[name]).raw, (units,))
                  for name, value in program.updates}
        yield states


def _certain(type_: Type) -> Type:
    """A witness takes random bits as free, like its inputs: none of them rounds up."""
    if isinstance(type_, Format) and type_.rounding == "stochastic":
        return replace(type_, rounding="floor", site=-1)
    return type_


def _constant(network: Network, site: Site, item) -> arithmetic.Fixed:
    interval = argument(network, site.arguments[item.name], item.type)
    return arithmetic.Fixed(interval.low, interval.fraction)


def _start(network: Network, site: Site, item: State, units: int) -> np.ndarray:
    interval = argument(network, site.initial.get(item.name, item.initial), item.type)
    return np.broadcast_to(interval.low, (units,))
