"""An independent check of certificates; shares no code with the analysis that wrote them.

Method: every compare and truth value of a program is either true or false, so the step is followed in both ways from
there, each compare narrowing its operands for what comes after. The states of all combinations together must lie inside
the stated intervals, every value inside its format, and every stated number must be what is recomputed here. Of very
long programs the compares nearest to the updates are followed so; the others count as unknown unless intervals decide.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from typing import Any

import numpy as np

from compiler.certificates.arrivals import arriving
from compiler.certificates.function_checker import faults
from compiler.certificates.numbers import (
    COMPARES,
    INTERVAL,
    Pair,
    aligned,
    chosen,
    compute,
    decided,
    equal,
    fit,
    fit_one,
    fraction_of,
    ratio,
    raws_of,
    spread,
    squared,
)
from compiler.diagnostics import Diagnostic, Place, declare
from compiler.formats import BoolType, Format
from compiler.ir.network import Network
from compiler.ir.print import print_network
from compiler.ir.program import Op, Program, Site, TensorRef

E320 = declare("E320", "a certificate does not belong to the network")
E321 = declare("E321", "a certificate states what is not so")


_MOST_SPLITS = 10


def check(network: Network, certificate: Mapping[str, Any]) -> list[Diagnostic]:
    """Everything wrong with a certificate, empty where it holds."""
    digest = hashlib.sha256(print_network(network).encode()).hexdigest()
    if certificate.get("version") != 1 or certificate.get("network") != digest:
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
            checked = _Site(network, name, site, units, stated)
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
    def __init__(self, network: Network, name: str, site: Site, units: int, stated: Mapping[str, Any]):
        self.network, self.name, self.site, self.units = network, name, site, units
        self.stated, self.all_stated = stated[name], stated
        self.program: Program = network.programs[site.program]
        self.types = self.program.types()
        self.reached: dict[str, tuple[int, int]] = {}
        """Lowest and highest raw integer of every name over all units and cases of a step."""

    def findings(self) -> Iterator[Diagnostic]:
        yield from self._inputs()
        yield from self._states()
        yield from self._step()
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

    def _step(self) -> Iterator[Diagnostic]:
        """Containment of one step, for every combination of what the compares say."""
        truths = [item.name for item in self.program.states if isinstance(item.type, BoolType)]
        seen: set[str] = set()
        for values in itertools.product((False, True), repeat=len(truths)):
            case = _Case(self, _nearest_compares(self.program), dict(zip(truths, values, strict=True)))
            for finding in case.findings(0):
                if finding.message not in seen:
                    seen.add(finding.message)
                    yield finding
            self._reach(case)

    def _reach(self, case: _Case) -> None:
        for name, (low, high, _) in case.values.items():
            if case.alive.any():
                ends = min(low[case.alive]), max(high[case.alive])
                old = self.reached.get(name, ends)
                self.reached[name] = min(old[0], ends[0]), max(old[1], ends[1])

    def _witnesses(self) -> Iterator[Diagnostic]:
        for name, entry in self.stated["states"].items():
            witness = entry["witness"]
            found = self._simulated(name, witness)
            if found != witness["value"]:
                yield _wrong(f"{self.name}.{name}.witness", witness["value"], found)
            low, high = self._stated(name)
            bound = (high if witness["end"] == "high" else low)[witness["unit"]]
            reached = abs(found) / max(abs(bound), 1) * (np.sign(found) == np.sign(bound))
            if float(reached) != witness["reached"]:
                yield _wrong(f"{self.name}.{name}.reached", witness["reached"], float(reached))

    def _simulated(self, state: str, witness: Mapping[str, Any]) -> int:
        """One unit, driven as the witness says."""
        unit, drive = witness["unit"], witness["drive"]
        values: dict[str, tuple[int, int]] = {}
        for item in self.program.inputs:
            raw = spread(self.stated["inputs"][item.name][drive], self.units)[unit]
            values[item.name] = int(raw), fraction_of(item.type)
        for item in self.program.params:
            raws = spread(raws_of(self.network, self.site.arguments[item.name], item.type), self.units)
            values[item.name] = int(raws[unit]), fraction_of(item.type)
        states = {item.name: (int(self._start(item)[unit]), fraction_of(item.type)) for item in self.program.states}
        for _ in range(witness["steps"]):
            now = values | states
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


def _nearest_compares(program: Program) -> frozenset[str]:
    """The compares fewest operations away from an update or an emitted value."""
    ops = {op.result: op for op in program.ops}
    ends = [value for _, value in program.updates] + [item.value for item in program.emits]
    queue = deque(dict.fromkeys(item for item in ends if isinstance(item, str)))
    reached, found = set(queue), []
    while queue:
        op = ops.get(queue.popleft())
        if op is None:
            continue
        found += [op.result] if op.opcode in COMPARES else []
        queue += [name for name in dict.fromkeys(op.names) if name not in reached]
        reached |= set(op.names)
    return frozenset(found[:_MOST_SPLITS])


class _Case:
    """One step on intervals where some compares are known. split: the compares that are to be."""

    def __init__(self, site: _Site, split: frozenset[str], truths: Mapping[str, bool]):
        self.site, self.split, self.truths = site, split, truths
        self.alive = np.ones(site.units, bool)
        self.values: dict[str, Pair] = {}
        for item in site.program.inputs:
            stated = site.stated["inputs"][item.name]
            low, high = (spread(stated[end], site.units) for end in ("low", "high"))
            self.values[item.name] = low, high, fraction_of(item.type)
        for item in site.program.params:
            raws = spread(raws_of(site.network, site.site.arguments[item.name], item.type), site.units)
            self.values[item.name] = raws, raws, fraction_of(item.type)
        for item in site.program.states:
            pair = self._truth(item.name) if isinstance(item.type, BoolType) else site._stated(item.name)
            self.values[item.name] = (*pair, fraction_of(item.type))

    def _truth(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        low, high = (int(self.truths[name]),) * 2 if name in self.truths else (0, 1)
        return spread(low, self.site.units), spread(high, self.site.units)

    def findings(self, start: int) -> Iterator[Diagnostic]:
        """What is wrong from operation `start` on."""
        for index, op in enumerate(self.site.program.ops[start:], start):
            if op.result in self.split:
                yield from self._followed(op, index)
                return
            self.values[op.result] = self._op(op)
            yield from self._outside(op.result, op.type)
        yield from self._ends()

    def _followed(self, op: Op, index: int) -> Iterator[Diagnostic]:
        """Both ways from a compare, each for the units that can go it."""
        for truth in (False, True):
            case = copy(self)
            case.values, case.truths = dict(self.values), {**self.truths, op.result: truth}
            case.values[op.result] = case._compared(op, *(case._operand(item) for item in op.operands))
            if case.alive.any():
                case._renew(self.site.program.ops[:index], op.names)
                yield from case.findings(index + 1)

    def _renew(self, ops: Iterable[Op], names: Iterable[str]) -> None:
        """Work out again what was computed from names before a compare narrowed them."""
        narrowed = set(names)
        for op in ops:
            if op.result not in self.split and narrowed.intersection(op.names):
                low, high, fraction = self._op(op)
                self._narrow(op.result, (low, high), fraction)
                narrowed.add(op.result)

    def _ends(self) -> Iterator[Diagnostic]:
        for name, value in self.site.program.updates:
            type_ = self.site.types[name]
            if isinstance(type_, Format):
                yield from self._contained(name, self.site._stated(name), fit(self._operand(value), type_))
        for item in self.site.program.emits:
            if isinstance(item.value, str) and isinstance(self.site.types[item.value], Format):
                entry = self.site.stated["emits"][item.port]
                stated = spread(entry["low"], self.site.units), spread(entry["high"], self.site.units)
                yield from self._contained(item.port, stated, self.values[item.value])

    def _outside(self, name: str, type_) -> Iterator[Diagnostic]:
        if isinstance(type_, Format) and type_.overflow == "proved":
            low, high, _ = self.values[name]
            if min(low[self.alive]) < type_.low or max(high[self.alive]) > type_.high:
                yield _wrong(f"{self.site.name}.{name}", f"[{min(low[self.alive])}, {max(high[self.alive])}]", type_,
                             "leaves its format")

    def _contained(self, name: str, stated: tuple[np.ndarray, np.ndarray], reached: Pair) -> Iterator[Diagnostic]:
        low, high = stated
        if ((reached[0] < low) & self.alive).any() or ((reached[1] > high) & self.alive).any():
            found = f"[{min(reached[0][self.alive])}, {max(reached[1][self.alive])}]"
            expected = f"[{min(low)}, {max(high)}]"
            yield _wrong(f"{self.site.name}.{name}", found, expected, "leaves its interval in a step")

    def _operand(self, operand) -> Pair:
        if isinstance(operand, str):
            return self.values[operand]
        raw, fraction = ratio(operand)
        return spread(raw, self.site.units), spread(raw, self.site.units), fraction

    def _op(self, op: Op) -> Pair:
        if op.opcode == "lookup":
            data = self.site.network.tensor(op.operands[1]).data  # pyright: ignore[reportArgumentType]
            ends = spread(int(data.min()), self.site.units), spread(int(data.max()), self.site.units)
            return fit((*ends, fraction_of(self.site.network.tensor(op.operands[1]).type)), op.type)  # pyright: ignore
        operands = [self._operand(item) for item in op.operands]
        if op.opcode in COMPARES:
            return decided(op, *operands)
        if op.opcode == "select":
            return fit(chosen(*operands), op.type)
        if op.opcode == "mul" and op.operands[0] == op.operands[1]:
            return fit(squared(operands[0]), op.type)
        return fit(INTERVAL[op.opcode](*operands), op.type)

    def _compared(self, op: Op, a: Pair, b: Pair) -> Pair:
        """Assume what this case says of the compare, and narrow its operands by it."""
        truth = self.truths[op.result]
        relation = op.opcode if truth else COMPARES[op.opcode]
        a, b = aligned(a, b)
        (al, ah, f), (bl, bh, _) = a, b
        if relation in ("lt", "le"):
            strict = int(relation == "lt")
            ah, bl = np.minimum(ah, bh - strict), np.maximum(bl, al + strict)
        elif relation in ("gt", "ge"):
            strict = int(relation == "gt")
            al, bh = np.maximum(al, bl + strict), np.minimum(bh, ah - strict)
        elif relation == "eq":
            al, ah = np.maximum(al, bl), np.minimum(ah, bh)
            bl, bh = al, ah
        else:
            self.alive = self.alive & ~((al == ah) & (bl == bh) & (al == bl))
        self.alive = self.alive & ((al <= ah) & (bl <= bh)).astype(bool)
        for operand, pair in zip(op.operands, ((al, ah), (bl, bh)), strict=True):
            if isinstance(operand, str):
                self._narrow(operand, pair, f)
        return (*self._truth(op.result), 0)

    def _narrow(self, name: str, pair: tuple[np.ndarray, np.ndarray], fraction: int) -> None:
        """Keep the narrower interval of a name where the case is alive; raw bounds round inwards."""
        low, high, own = self.values[name]
        drop = fraction - own
        inner = np.where(self.alive, -((-pair[0]) >> drop), low), np.where(self.alive, pair[1] >> drop, high)
        self.values[name] = np.maximum(low, inner[0]), np.minimum(high, inner[1]), own
