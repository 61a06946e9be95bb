"""An independent check of certificates; shares no code with the analysis that wrote them.

Method: a step is followed on intervals in both ways from every compare (`cases`). The states of all ways together must
lie inside the stated intervals (or slices, `slice_checker`), every value inside its format, and every stated number
must be what is recomputed here. What is said to saturate without harm is looked at in `saturation_checker`.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from compiler.certificates import saturation_checker, slice_checker
from compiler.certificates.arrivals import arriving
from compiler.certificates.cases import Case, nearest_compares
from compiler.certificates.function_checker import faults
from compiler.certificates.numbers import (
    Pair,
    compute,
    equal,
    fit,
    fit_one,
    fraction_of,
    ratio,
    raws_of,
    spread,
)
from compiler.diagnostics import Diagnostic, Place, declare
from compiler.formats import BoolType, Format
from compiler.ir.network import Network
from compiler.ir.print import print_network
from compiler.ir.program import Program, Site, TensorRef

E320 = declare("E320", "a certificate does not belong to the network")
E321 = declare("E321", "a certificate states what is not so")


def check(network: Network, certificate: Mapping[str, Any]) -> list[Diagnostic]:
    """Everything wrong with a certificate, empty where it holds."""
    digest = hashlib.sha256(print_network(network).encode()).hexdigest()
    if certificate.get("version") != 2 or certificate.get("network") != digest:
        return [Diagnostic(E320, "the certificate is of another network", found=str(certificate.get("network")),
                           expected=digest, hint="compile again")]
    stated, sites = certificate.get("sites", {}), {name: (site, units) for name, site, units in network.sites()}
    if set(stated) != set(sites):
        return [_wrong("sites", ", ".join(sorted(stated)), ", ".join(sorted(sites)))]
    findings: list[Diagnostic] = []
    reached: dict[tuple[str, str], tuple[int, int]] = {}
    functions = certificate.get("functions", [])
    for name, (site, units) in sites.items():
        try:
            checked = _Site(network, name, site, units, stated, [item for item in functions if item["site"] == name])
            findings += checked.findings()
            reached |= {(name, key): ends for key, ends in checked.reached.items()}
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            findings.append(_wrong(name, repr(error), "a complete entry", "cannot be read"))
    try:
        findings += (_wrong(place, found, expected) for place, found, expected in faults(network, functions, reached))
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        findings.append(_wrong("functions", repr(error), "complete entries", "cannot be read"))
    return findings


def _wrong(place: str, found: object, expected: object, why: str = "differs from what is recomputed") -> Diagnostic:
    return Diagnostic(E321, f"{place} {why}", Place(path=place), str(found), str(expected), "compile again")


class _Site:
    def __init__(self, network: Network, name: str, site: Site, units: int, stated: Mapping[str, Any],
                 functions: list[dict[str, Any]]):
        self.network, self.name, self.site, self.units = network, name, site, units
        self.stated, self.all_stated, self.functions = stated[name], stated, functions
        self.program: Program = network.programs[site.program]
        self.types = self.program.types()
        self.reached: dict[str, tuple[int, int]] = {}
        """Lowest and highest raw integer of every name over all units and cases of a step."""

    def findings(self) -> Iterator[Diagnostic]:
        yield from self._inputs()
        yield from self._states()
        if self.stated["slices"] is None:
            yield from self._step()
        else:
            yield from self._sliced()
        yield from self._saturations()
        yield from self._witnesses()

    def _inputs(self) -> Iterator[Diagnostic]:
        for port, pair in arriving(self.network, self.name, self.program, self.all_stated).items():
            stated = self.stated["inputs"].get(port, {})
            for end, values in zip(("low", "high"), pair[:2], strict=True):
                if not equal(stated.get(end), values):
                    yield _wrong(f"{self.name}.{port}.{end}", stated.get(end), list(values)[:8])

    def _states(self) -> Iterator[Diagnostic]:
        for item in self.program.states:
            if not isinstance(item.type, Format):
                continue
            entry, place = self.stated["states"].get(item.name, {}), f"{self.name}.{item.name}"
            low, high = self._stated(item.name)
            grade = "saturates" if item.type.overflow == "saturate" else "proved"
            needed = max((v.bit_length() if v >= 0 else (~v).bit_length()) for v in (min(low), max(high)))
            expected = {"format": str(item.type), "grade": grade, "slack": item.type.width - needed - item.type.signed}
            for key, value in expected.items():
                if entry.get(key) != value:
                    yield _wrong(f"{place}.{key}", entry.get(key), value)
            start = self._start(item)
            if any(not a <= s <= b for a, s, b in zip(low, start, high, strict=True)):
                yield _wrong(place, f"[{min(low)}, {max(high)}]", f"the start {start[:4]} inside", "misses the start")

    def _stated(self, state: str) -> tuple[np.ndarray, np.ndarray]:
        entry = self.stated["states"].get(state, {"low": 0, "high": 0})
        return spread(entry["low"], self.units), spread(entry["high"], self.units)

    def _start(self, item) -> np.ndarray:
        return spread(raws_of(self.network, self.site.initial.get(item.name, item.initial), item.type), self.units)

    def known(self) -> dict[str, Pair]:
        """Intervals of inputs, parameters and states, per unit; truth values are either."""
        values: dict[str, Pair] = {}
        for item in self.program.inputs:
            stated = self.stated["inputs"][item.name]
            values[item.name] = (spread(stated["low"], self.units), spread(stated["high"], self.units),
                                 fraction_of(item.type))
        for item in self.program.params:
            raws = spread(raws_of(self.network, self.site.arguments[item.name], item.type), self.units)
            values[item.name] = raws, raws, fraction_of(item.type)
        for item in self.program.states:
            low, high = (0, 1) if isinstance(item.type, BoolType) else self._stated(item.name)
            values[item.name] = spread(low, self.units), spread(high, self.units), fraction_of(item.type)
        return values

    def _step(self) -> Iterator[Diagnostic]:
        """Containment of one step, for every combination of truth values and of what the compares say."""
        truths = [item.name for item in self.program.states if isinstance(item.type, BoolType)]
        known, split, seen = self.known(), nearest_compares(self.program), set()
        for values in itertools.product((0, 1), repeat=len(truths)):
            same = {name: (spread(item, self.units), spread(item, self.units), 0)
                    for name, item in zip(truths, values, strict=True)}
            first = Case(self.network, self.program, known | same, split, np.arange(self.units))
            for leaf in first.leaves():
                self._reach(leaf)
                for finding in self._leaf(leaf):
                    if finding.message not in seen:
                        seen.add(finding.message)
                        yield finding

    def _leaf(self, leaf: Case) -> Iterator[Diagnostic]:
        for op in self.program.ops:
            low, high, _ = leaf.values[op.result]
            if isinstance(op.type, Format) and op.type.overflow == "proved" and (
                    min(low) < op.type.low or max(high) > op.type.high):
                yield _wrong(f"{self.name}.{op.result}", f"[{min(low)}, {max(high)}]", op.type, "leaves its format")
        for name, value in self.program.updates:
            type_ = self.types[name]
            if isinstance(type_, Format):
                yield from self._contained(name, self._stated(name), fit(leaf.operand(value), type_), leaf)
        for port, (value, low, high) in self.emitted().items():
            yield from self._contained(port, (low, high), leaf.values[value], leaf)

    def emitted(self) -> dict[str, tuple[str, np.ndarray, np.ndarray]]:
        """By port the number that is emitted and its stated bounds."""
        found = {}
        for item in self.program.emits:
            if isinstance(item.value, str) and isinstance(self.types[item.value], Format):
                stated = self.stated["emits"][item.port]
                found[item.port] = item.value, spread(stated["low"], self.units), spread(stated["high"], self.units)
        return found

    def _contained(self, name: str, stated: tuple[np.ndarray, np.ndarray], reached: Pair, leaf: Case
                   ) -> Iterator[Diagnostic]:
        low, high = (end[leaf.rows] for end in stated)
        if (reached[0] < low).any() or (reached[1] > high).any():
            yield _wrong(f"{self.name}.{name}", f"[{min(reached[0])}, {max(reached[1])}]", f"[{min(low)}, {max(high)}]",
                         "leaves its interval in a step")

    def _reach(self, leaf: Case) -> None:
        for name, (low, high, _) in leaf.values.items():
            self.widen(name, min(low), max(high))

    def widen(self, name: str, low: int, high: int) -> None:
        """Take note of what a value reaches."""
        old = self.reached.get(name, (low, high))
        self.reached[name] = min(old[0], low), max(old[1], high)

    def _sliced(self) -> Iterator[Diagnostic]:
        for place, found, expected in slice_checker.faults(self):
            yield _wrong(f"{self.name}.{place}", found, expected, "is no invariant")

    def _saturations(self) -> Iterator[Diagnostic]:
        for place, found, expected in saturation_checker.faults(self):
            yield _wrong(f"{self.name}.{place}", found, expected, "saturates otherwise than stated")

    def _witnesses(self) -> Iterator[Diagnostic]:
        for name, entry in self.stated["states"].items():
            low, high = self._stated(name)
            expected = {end for end, bounds in (("low", -low), ("high", high)) if max(bounds) > 0}
            if set(entry["witness"]) != expected:
                yield _wrong(f"{self.name}.{name}.witness", sorted(entry["witness"]), sorted(expected))
            for end, witness in entry["witness"].items():
                found = self._simulated(name, witness)
                if found != witness["value"]:
                    yield _wrong(f"{self.name}.{name}.witness", witness["value"], found)
                bound = (high if end == "high" else low)[witness["unit"]]
                reached = abs(found) / max(abs(bound), 1) * (np.sign(found) == np.sign(bound))
                if float(reached) != witness["reached"]:
                    yield _wrong(f"{self.name}.{name}.reached", witness["reached"], float(reached))

    def _simulated(self, state: str, witness: Mapping[str, Any]) -> int:
        """One unit, driven as the witness says: by one end of all inputs, by the other end after every turn."""
        unit, ends = witness["unit"], ("low", "high")
        drives: list[dict[str, tuple[int, int]]] = [{}, {}]
        values: dict[str, tuple[int, int]] = {}
        for item in self.program.inputs:
            for drive, end in zip(drives, ends, strict=True):
                raw = spread(self.stated["inputs"][item.name][end], self.units)[unit]
                drive[item.name] = int(raw), fraction_of(item.type)
        for item in self.program.params:
            raws = spread(raws_of(self.network, self.site.arguments[item.name], item.type), self.units)
            values[item.name] = int(raws[unit]), fraction_of(item.type)
        states = {item.name: (int(self._start(item)[unit]), fraction_of(item.type)) for item in self.program.states}
        if witness["turns"] != sorted(set(witness["turns"])) or not all(
                0 < turn < witness["steps"] for turn in witness["turns"]):
            raise ValueError("turns of a witness lie in order inside its steps")
        side = ends.index(witness["drive"])
        for step in range(witness["steps"]):
            side ^= step in witness["turns"]
            now = values | drives[side] | states
            for op in self.program.ops:
                now[op.result] = fit_one(compute(op, [self._one(item, now) for item in op.operands]), op.type)
            states = {name: fit_one(self._one(value, now), self.types[name]) for name, value in self.program.updates}
        return states[state][0]

    def _one(self, operand, values: Mapping[str, tuple[int, int]]) -> Any:
        if isinstance(operand, str):
            return values[operand]
        if isinstance(operand, TensorRef):
            return self.network.tensor(operand)
        return ratio(operand)
