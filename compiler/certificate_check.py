"""An independent check of certificates; shares no code with the analysis that wrote them.

Method: every compare and truth value of a program is either true or false, so the step is followed once for each
combination, each compare narrowing its operands for what comes after. The states of all combinations together must
lie inside the stated intervals, every value inside its format, and every stated number must be what is recomputed here.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from compiler.diagnostics import Diagnostic, Place, declare
from compiler.formats import BoolType, Format
from compiler.ir.network import Input, Network, Projection
from compiler.ir.print import print_network
from compiler.ir.program import Op, Program, Site, TensorRef

E320 = declare("E320", "a certificate does not belong to the network")
E321 = declare("E321", "a certificate states what is not so")

Pair = tuple[np.ndarray, np.ndarray, int]
"""Lowest and highest raw integers per unit, and the fraction; Python integers, so nothing overflows."""

_COMPARES = {"lt": "ge", "ge": "lt", "gt": "le", "le": "gt", "eq": "ne", "ne": "eq"}
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
    for name, (site, units) in sites.items():
        try:
            findings += _Site(network, name, site, units, stated).findings()
        except (KeyError, TypeError, ValueError, IndexError) as error:
            findings.append(_wrong(name, repr(error), "a complete entry", "cannot be read"))
    return findings


def _wrong(place: str, found: object, expected: object, why: str = "differs from what is recomputed") -> Diagnostic:
    return Diagnostic(E321, f"{place} {why}", Place(path=place), str(found), str(expected), "compile again")


class _Site:
    def __init__(self, network: Network, name: str, site: Site, units: int, stated: Mapping[str, Any]):
        self.network, self.name, self.site, self.units = network, name, site, units
        self.stated, self.all_stated = stated[name], stated
        self.program: Program = network.programs[site.program]
        self.types = self.program.types()

    def findings(self) -> Iterator[Diagnostic]:
        yield from self._inputs()
        yield from self._states()
        yield from self._step()
        yield from self._witnesses()

    def _inputs(self) -> Iterator[Diagnostic]:
        for port, pair in _arriving(self.network, self.name, self.program, self.all_stated).items():
            stated = self.stated["inputs"].get(port, {})
            for end, values in zip(("low", "high"), pair[:2], strict=True):
                if not _equal(stated.get(end), values):
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
        return _spread(entry["low"], self.units), _spread(entry["high"], self.units)

    def _start(self, item) -> np.ndarray:
        return _spread(_raws(self.network, self.site.initial.get(item.name, item.initial), item.type), self.units)

    def _step(self) -> Iterator[Diagnostic]:
        """Containment of one step, for every combination of what the compares say."""
        truths = [item.name for item in self.program.states if isinstance(item.type, BoolType)]
        truths += [op.result for op in self.program.ops if op.opcode in _COMPARES]
        truths = truths[:_MOST_SPLITS]
        seen: set[str] = set()
        for values in itertools.product((False, True), repeat=len(truths)):
            case = _Case(self, dict(zip(truths, values, strict=True)))
            for finding in case.findings():
                if finding.message not in seen:
                    seen.add(finding.message)
                    yield finding

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
            raw = _spread(self.stated["inputs"][item.name][drive], self.units)[unit]
            values[item.name] = int(raw), _fraction(item.type)
        for item in self.program.params:
            raws = _spread(_raws(self.network, self.site.arguments[item.name], item.type), self.units)
            values[item.name] = int(raws[unit]), _fraction(item.type)
        states = {item.name: (int(self._start(item)[unit]), _fraction(item.type)) for item in self.program.states}
        for _ in range(witness["steps"]):
            now = values | states
            for op in self.program.ops:
                now[op.result] = _fit_one(_compute(op, [self._one(item, now) for item in op.operands]), op.type)
            states = {name: _fit_one(self._one(value, now), self.types[name]) for name, value in self.program.updates}
        return states[state][0]

    def _one(self, operand, values: Mapping[str, tuple[int, int]]) -> Any:
        if isinstance(operand, str):
            return values[operand]
        if isinstance(operand, TensorRef):
            return self.network.tensor(operand)
        return _ratio(operand)


class _Case:
    """One step on intervals where every compare is known."""

    def __init__(self, site: _Site, truths: Mapping[str, bool]):
        self.site, self.truths = site, truths
        self.alive = np.ones(site.units, bool)
        self.values: dict[str, Pair] = {}
        for item in site.program.inputs:
            stated = site.stated["inputs"][item.name]
            low, high = (_spread(stated[end], site.units) for end in ("low", "high"))
            self.values[item.name] = low, high, _fraction(item.type)
        for item in site.program.params:
            raws = _spread(_raws(site.network, site.site.arguments[item.name], item.type), site.units)
            self.values[item.name] = raws, raws, _fraction(item.type)
        for item in site.program.states:
            pair = self._truth(item.name) if isinstance(item.type, BoolType) else site._stated(item.name)
            self.values[item.name] = (*pair, _fraction(item.type))

    def _truth(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        low, high = (int(self.truths[name]),) * 2 if name in self.truths else (0, 1)
        return _spread(low, self.site.units), _spread(high, self.site.units)

    def findings(self) -> Iterator[Diagnostic]:
        for op in self.site.program.ops:
            self.values[op.result] = self._op(op)
            if not self.alive.any():
                return
            yield from self._outside(op.result, op.type)
        for name, value in self.site.program.updates:
            type_ = self.site.types[name]
            if isinstance(type_, Format):
                yield from self._contained(name, self.site._stated(name), _fit(self._operand(value), type_))
        for item in self.site.program.emits:
            if isinstance(item.value, str) and isinstance(self.site.types[item.value], Format):
                entry = self.site.stated["emits"][item.port]
                stated = _spread(entry["low"], self.site.units), _spread(entry["high"], self.site.units)
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
        raw, fraction = _ratio(operand)
        return _spread(raw, self.site.units), _spread(raw, self.site.units), fraction

    def _op(self, op: Op) -> Pair:
        if op.opcode == "lookup":
            data = self.site.network.tensor(op.operands[1]).data  # pyright: ignore[reportArgumentType]
            ends = _spread(int(data.min()), self.site.units), _spread(int(data.max()), self.site.units)
            return _fit((*ends, _fraction(self.site.network.tensor(op.operands[1]).type)), op.type)  # pyright: ignore
        operands = [self._operand(item) for item in op.operands]
        if op.opcode in _COMPARES:
            return self._compared(op, *operands)
        if op.opcode == "select":
            return _fit(_chosen(*operands), op.type)
        if op.opcode == "mul" and op.operands[0] == op.operands[1]:
            return _fit(_squared(operands[0]), op.type)
        return _fit(_INTERVAL[op.opcode](*operands), op.type)

    def _compared(self, op: Op, a: Pair, b: Pair) -> Pair:
        """Assume what this case says of the compare, and narrow its operands by it."""
        if op.result not in self.truths:
            return (*self._truth(op.result), 0)
        truth = self.truths[op.result]
        relation = op.opcode if truth else _COMPARES[op.opcode]
        a, b = _aligned(a, b)
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
            self.alive &= ~((al == ah) & (bl == bh) & (al == bl))
        self.alive &= (al <= ah) & (bl <= bh)
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


def _spread(value, units: int) -> np.ndarray:
    """Python integers, one per unit."""
    array = np.empty(units, object)
    array[:] = value if isinstance(value, int) else [int(item) for item in np.asarray(value).reshape(-1)]
    return array


def _equal(stated, values: np.ndarray) -> bool:
    return stated is not None and not isinstance(stated, float) and bool((_spread(stated, len(values)) == values).all())


def _fraction(type_) -> int:
    return type_.fraction if isinstance(type_, Format) else 0


def _ratio(number) -> tuple[int, int]:
    top, bottom = float(number).as_integer_ratio()
    return top, bottom.bit_length() - 1


def _raws(network: Network, argument, type_):
    """Raw integer, or integers per unit, of an argument."""
    if isinstance(argument, TensorRef):
        data = network.tensor(argument).data.reshape(-1)
        return [int(item) << 0 for item in data]
    top, fraction = _ratio(argument)
    shift = _fraction(type_) - fraction
    return top << shift if shift >= 0 else top >> -shift


def _aligned(a: Pair, b: Pair) -> tuple[Pair, Pair]:
    fraction = max(a[2], b[2])
    return tuple((x[0] << (fraction - x[2]), x[1] << (fraction - x[2]), fraction) for x in (a, b))  # pyright: ignore


def _plus(a: Pair, b: Pair) -> Pair:
    a, b = _aligned(a, b)
    return a[0] + b[0], a[1] + b[1], a[2]


def _minus(a: Pair) -> Pair:
    return -a[1], -a[0], a[2]


def _times(a: Pair, b: Pair) -> Pair:
    corners = [x * y for x in a[:2] for y in b[:2]]
    return np.minimum.reduce(corners), np.maximum.reduce(corners), a[2] + b[2]


def _squared(a: Pair) -> Pair:
    ends = np.maximum(a[0] * a[0], a[1] * a[1])
    inside = (a[0] <= 0) & (a[1] >= 0)
    return np.where(inside, 0, np.minimum(a[0] * a[0], a[1] * a[1])), ends, 2 * a[2]


def _magnitude(a: Pair) -> Pair:
    inside = (a[0] <= 0) & (a[1] >= 0)
    return np.where(inside, 0, np.minimum(abs(a[0]), abs(a[1]))), np.maximum(abs(a[0]), abs(a[1])), a[2]


def _extreme(choose):
    def extreme(a: Pair, b: Pair) -> Pair:
        a, b = _aligned(a, b)
        return choose(a[0], b[0]), choose(a[1], b[1]), a[2]

    return extreme


def _chosen(condition: Pair, a: Pair, b: Pair) -> Pair:
    a, b = _aligned(a, b)
    yes, no = condition[0] == 1, condition[1] == 0
    low, high = np.minimum(a[0], b[0]), np.maximum(a[1], b[1])
    return np.where(yes, a[0], np.where(no, b[0], low)), np.where(yes, a[1], np.where(no, b[1], high)), a[2]


def _whole_numbers(a: Pair, rounding: str) -> Pair:
    return _rounded(a[0], a[2], rounding), _rounded(a[1], a[2], rounding), 0


def _exclusive(a: Pair, b: Pair) -> Pair:
    known = (a[0] == a[1]) & (b[0] == b[1])
    return np.where(known, a[0] ^ b[0], 0), np.where(known, a[0] ^ b[0], 1), 0


_INTERVAL = {
    "add": _plus,
    "sub": lambda a, b: _plus(a, _minus(b)),
    "mul": _times,
    "neg": _minus,
    "abs": _magnitude,
    "sign": lambda a: ((a[0] > 0) * 1 - (a[0] < 0) * 1, (a[1] > 0) * 1 - (a[1] < 0) * 1, 0),
    "min": _extreme(np.minimum),
    "max": _extreme(np.maximum),
    "convert": lambda a: a,
    "and": lambda a, b: (a[0] & b[0], a[1] & b[1], 0),
    "or": lambda a, b: (a[0] | b[0], a[1] | b[1], 0),
    "xor": _exclusive,
    "not": lambda a: (1 - a[1], 1 - a[0], 0),
    "floor": lambda a: _whole_numbers(a, "floor"),
    "ceil": lambda a: _minus(_whole_numbers(_minus(a), "floor")),
    "round": lambda a: _whole_numbers(a, "even"),
}


def _rounded(raw, drop: int, rounding: str):
    """Drop fraction bits of Python integers (one or an array); negative `drop` adds bits."""
    if drop <= 0:
        return raw << -drop
    floor, rest, half = raw >> drop, raw & ((1 << drop) - 1), 1 << (drop - 1)
    if rounding in ("floor", "stochastic"):
        return floor
    if rounding == "zero":
        return floor + ((raw < 0) & (rest != 0))
    tie = (floor & 1) == 1 if rounding == "even" else raw >= 0
    return floor + ((rest > half) | ((rest == half) & tie))


def _fit(value: Pair, type_) -> Pair:
    if not isinstance(type_, Format):
        return value
    drop = value[2] - type_.fraction
    low, high = _rounded(value[0], drop, type_.rounding), _rounded(value[1], drop, type_.rounding)
    if type_.rounding == "stochastic" and drop > 0:
        high = -((-value[1]) >> drop)
    if type_.overflow == "saturate":
        low, high = (np.minimum(np.maximum(end, type_.low), type_.high) for end in (low, high))
    if type_.overflow == "wrap":
        inside = (low >= type_.low) & (high <= type_.high)
        low, high = np.where(inside, low, type_.low), np.where(inside, high, type_.high)
    return low, high, type_.fraction


def _compute(op: Op, operands: list) -> tuple[int, int]:
    """One operation on single values (raw, fraction)."""
    if op.opcode == "lookup":
        (raw, fraction), table = operands
        index = min(max(raw >> fraction if fraction >= 0 else raw << -fraction, 0), len(table.data) - 1)
        return int(table.data[index]), _fraction(table.type)
    if op.opcode in _COMPARES:
        (a, fa), (b, fb) = operands
        fraction = max(fa, fb)
        a, b = a << (fraction - fa), b << (fraction - fb)
        relations = {"lt": a < b, "le": a <= b, "gt": a > b, "ge": a >= b, "eq": a == b, "ne": a != b}
        return int(relations[op.opcode]), 0
    if op.opcode == "select":
        return operands[1] if operands[0][0] else operands[2]
    pairs = [(np.array([raw], object), np.array([raw], object), fraction) for raw, fraction in operands]
    low, _, fraction = _INTERVAL[op.opcode](*pairs)
    return int(low[0]), fraction


def _fit_one(value: tuple[int, int], type_) -> tuple[int, int]:
    raw, fraction = value
    if not isinstance(type_, Format):
        return value
    raw = int(_rounded(raw, fraction - type_.fraction, type_.rounding))
    if type_.overflow == "saturate":
        raw = min(max(raw, type_.low), type_.high)
    if type_.overflow == "wrap":
        raw = (raw - type_.low) % (1 << type_.width) + type_.low
    return raw, type_.fraction


def _arriving(network: Network, name: str, program: Program, stated: Mapping[str, Any]) -> dict[str, Pair]:
    """Bounds of every input of a site from weights, biases, and what presynaptic ports can hold."""
    if "." in name:
        projection = network.projection(name.rpartition(".")[0])
        port = program.inputs[0].name
        total = _carried(network, projection) if name.endswith(".pre") else _weighed(network, projection)
        return {port: _fit(total, program.inputs[0].type)}
    units = network.size_of(name)
    sums = {item.name: (_spread(0, units), _spread(0, units), 0) for item in program.inputs}
    for projection in network.into(name):
        sums[projection.target_port] = _plus(sums[projection.target_port], _delivered(network, projection, stated))
    return {item.name: _fit(sums[item.name], item.type) for item in program.inputs}


def _carried(network: Network, projection: Projection) -> Pair:
    """What one presynaptic unit can carry, 0 included."""
    node, units = network.node(projection.source), network.size_of(projection.source)
    type_ = network.emitted_type(projection.source, projection.source_port)
    if isinstance(node, Input) and node.port.kind != "current":
        high = node.port.maximum if node.port.kind == "events" else 1
        low, fraction = -int(node.port.kind == "signed"), 0
    elif isinstance(type_, BoolType):
        low, high, fraction = 0, 1, 0
    else:
        low, high, fraction = min(type_.low, 0), max(type_.high, 0), type_.fraction  # pyright: ignore
    return _spread(low, units), _spread(high, units), fraction


def _weighed(network: Network, projection: Projection) -> Pair:
    """The weighted sum with its bias, in its accumulator."""
    low, high, fraction = _carried(network, projection)
    if projection.pre is not None:
        program = network.programs[projection.pre.program]
        type_ = program.emit_type()
        bounds = (min(type_.low, 0), max(type_.high, 0)) if isinstance(type_, Format) else (0, 1)
        low, high, fraction = (*(_spread(item, len(low)) for item in bounds), _fraction(type_))
    shape = network.shape_of(projection.source)
    for link in projection.chain:
        matrix = link.matrix(shape, network.tensors)
        shape = link.output_shape(shape, network.tensors)
        low, high = _products(matrix, low, high)
        fraction += _fraction(network.tensor(link.weights).type) if link.weights is not None else 0
    total = low, high, fraction
    if projection.bias is not None:
        if isinstance(projection.bias, TensorRef):
            tensor = network.tensor(projection.bias)
            raws, bits = _spread(tensor.data.reshape(-1), len(low)), _fraction(tensor.type)
        else:
            top, bits = _ratio(projection.bias)
            raws = _spread(top, len(low))
        total = _plus(total, (np.minimum(raws, 0), np.maximum(raws, 0), bits))
    return _fit(total, projection.accumulator)


def _products(matrix, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Extremes of matrix @ x for x between low and high: each weight takes the end that suits its sign."""
    positive, negative = (matrix > 0) * 1, (matrix < 0) * 1
    positive, negative = matrix * positive, matrix * negative
    ends = [np.asarray(part @ end.astype(np.int64)).astype(object)
            for part in (positive, negative) for end in (low, high)]
    return ends[0] + ends[3], ends[1] + ends[2]


def _delivered(network: Network, projection: Projection, stated: Mapping[str, Any]) -> Pair:
    """What a projection adds to its port: its sum, or what its post program is said to emit (checked there)."""
    if projection.post is None:
        return _weighed(network, projection)
    program, units = network.programs[projection.post.program], network.size_of(projection.target)
    entry = stated[f"{projection.name}.post"]["emits"][program.emits[0].port]
    return _spread(entry["low"], units), _spread(entry["high"], units), _fraction(program.emit_type())
