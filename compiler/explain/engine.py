"""Runs a hybrid along time, freely or with the spikes of another run fed in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from compiler.analysis.schedule import update_order
from compiler.arithmetic import EXACT, Fixed
from compiler.diagnostics import declare, fail
from compiler.explain.numbers import Number, exact_literal, fitted, real
from compiler.explain.pairing import paired
from compiler.explain.site import HybridSite, Pair, Values, constant
from compiler.formats import BoolType, FloatType, Format
from compiler.input_files import as_port
from compiler.ir.network import Input, Network, Population, Projection, Tensor
from compiler.ir.program import Site, TensorRef
from compiler.results.results import as_batch, source_delays, split_record
from compiler.site_runner import WeightedSum, through

E311 = declare("E311", "a fixed network cannot be taken apart, so nothing can be blamed")

Rows = Mapping[str, np.ndarray]
_MOST_VALUES = 1 << 25
"""Weighted sums of one projection that are held at a time."""


@dataclass
class Trace:
    """What a run showed, float64 [B, T, n] at the scale of the fixed network: spikes and values by `pop.port`, records
    by name, margins (left minus right side) of comparisons by `pop.op`; saturated by `site.value`, [n]."""

    emitted: dict[str, np.ndarray] = field(default_factory=dict)
    records: dict[str, np.ndarray] = field(default_factory=dict)
    margins: dict[str, np.ndarray] = field(default_factory=dict)
    saturated: dict[str, np.ndarray] = field(default_factory=dict)


def run(pair: Pair, quantized: Iterable[str], inputs: Rows, record: Iterable[str] = (), margins: Iterable[str] = (),
        forced: Rows | None = None) -> Trace:
    """Run T steps of a batch with these components quantized, starting afresh.

    inputs: float model inputs by name [B, T, n]. record: states, ports and results of operations, `pop.v`. margins:
    comparisons, `pop.op`. forced: spikes by `pop.port` of another run, read by every projection instead of this run's,
    and in place of the population's own decision too. Errors: E311.
    """
    return _Run(pair, frozenset(quantized), inputs, tuple(record), tuple(margins), forced or {}).execute()


class _Run:
    def __init__(self, pair: Pair, quantized: frozenset[str], inputs: Rows, record, margins, forced: Rows):
        self.pair, self.quantized, self.forced = pair, quantized, forced
        self.batch, self.steps = as_batch(inputs)
        self.order = update_order(pair.scaled)
        self.sites = {item.name: _site(pair, item.name, self._sites(item.name), item.size, quantized)
                      for item in self.order}
        self.arrivals = {item.name: [_Arrival(pair, name, quantized) for name in (
            projection.name for projection in pair.scaled.into(item.name))] for item in self.order}
        self.states = {name: site.initial_states(self.batch) for name, site in self.sites.items()}
        self.emitted = {f"{item.name}.{item.port.kind}": self._entered(item, inputs[item.name])
                        for item in pair.scaled.inputs}
        for item in self.order:
            for emit in pair.scaled.programs[item.site.program].emits:
                self.emitted[f"{item.name}.{emit.port}"] = np.zeros((self.batch, self.steps, item.size))
        self.trace = Trace()
        self.wanted = {name: split_record(pair.scaled, name) for name in record}
        self.compared = {name: split_record(pair.scaled, name) for name in margins}

    def _sites(self, name: str) -> tuple[Site, Site]:
        return self.pair.scaled.node(name).site, self.pair.fixed.node(name).site  # pyright: ignore

    def _entered(self, item: Input, rows: np.ndarray) -> np.ndarray:
        """Currents are quantized at the port with the states."""
        port = self.pair.fixed.node(item.name)
        if "states" in self.quantized and item.port.kind == "current" and isinstance(port, Input):
            type_ = port.port.type
            return np.ldexp(as_port(rows, port).astype(np.float64), -type_.fraction)  # pyright: ignore
        return np.asarray(rows, np.float64)

    def execute(self) -> Trace:
        for row in range(self.steps):
            for item in self.order:
                self._population(item, row)
        self.trace.emitted = {name: rows for name, rows in self.emitted.items()
                              if not isinstance(self.pair.scaled.node(name.rpartition(".")[0]), Input)}
        for site, counts in self._saturated():
            self.trace.saturated |= {f"{site}.{name}": value for name, value in counts.items()}
        return self.trace

    def _population(self, item: Population, row: int) -> None:
        site = self.sites[item.name]
        sums: dict[str, Number] = {port.name: Fixed(np.zeros((self.batch, item.size), np.int64))
                                   for port in site.programs.model.inputs}
        for arrival in self.arrivals[item.name]:
            port = arrival.projection.target_port
            sums[port] = _added(sums[port], arrival.value(*self._source(arrival.projection), row, self._keep))
        own = {name.rpartition(".")[2]: rows[:, row] for name, rows in self.forced.items()
               if name.rpartition(".")[0] == item.name}
        self.states[item.name], emitted, values = site.step(sums, self.states[item.name], own)
        for port, value in emitted.items():
            self.emitted[f"{item.name}.{port}"][:, row] = real(value)
        self._keep(item.name, row, values | self.states[item.name] | emitted)
        for record, (_, name) in self._of(self.compared, item.name):
            a, b = (real(_side(operand, values)) for operand in self.pair.scaled.programs[item.site.program]
                    .op(name).operands)
            self._store(self.trace.margins, record, row, np.broadcast_to(a - b, (self.batch, item.size)))

    def _source(self, projection: Projection) -> tuple[np.ndarray, bool]:
        """What the source of a projection emits [B, T, n], and whether all of it is known before the run."""
        key = f"{projection.source}.{projection.source_port}"
        known = key in self.forced or isinstance(self.pair.scaled.node(projection.source), Input)
        return self.forced.get(key, self.emitted[key]), known

    def _of(self, wanted: dict[str, tuple[str, str]], site: str):
        return [(record, place) for record, place in wanted.items() if place[0] == site]

    def _keep(self, site: str, row: int, values: Values) -> None:
        for record, (_, name) in self._of(self.wanted, site):
            self._store(self.trace.records, record, row, real(values[name]))

    def _store(self, kept: dict[str, np.ndarray], record: str, row: int, value: np.ndarray) -> None:
        if record not in kept:
            kept[record] = np.zeros((self.batch, self.steps, value.shape[-1]))
        kept[record][:, row] = value

    def _saturated(self):
        yield from ((name, site.saturated) for name, site in self.sites.items())
        for arrivals in self.arrivals.values():
            for arrival in arrivals:
                yield from ((f"{arrival.projection.name}.{name}", site.saturated)
                            for name, site in arrival.sites.items())


def _side(operand, values: Values) -> Number:
    return values[operand] if isinstance(operand, str) else np.asarray(float(operand))


def _added(a: Number, b: Number) -> Number:
    if isinstance(a, Fixed) and isinstance(b, Fixed):
        return EXACT["add"](a, b)
    return real(a) + real(b)


def _site(pair: Pair, name: str, sites: tuple[Site, Site], units: int, quantized: frozenset[str]) -> HybridSite:
    programs = paired(pair.scaled.programs[sites[0].program], pair.fixed.programs[sites[1].program])
    if programs is None:
        raise fail(E311, f"the operations of {name} are not those of the model", name,
                   found=pair.fixed.programs[sites[1].program].name, expected="the model's operations in integers",
                   hint="this target has an arithmetic of its own; errors are told, blame is not")
    return HybridSite(pair, sites, programs, units, quantized)


class _Arrival:
    """What one projection adds to its port."""

    def __init__(self, pair: Pair, name: str, quantized: frozenset[str]):
        self.pair, self.quantized = pair, quantized
        scaled, fixed = pair.scaled.projection(name), pair.fixed.projection(name)
        self.projection, self.integer = (fixed if "weights" in quantized else scaled), "weights" in quantized
        network = pair.fixed if self.integer else pair.scaled
        self.network, self.projection = _with_delay(
            network, self.projection, *((pair.fixed, fixed) if "delays" in quantized else (pair.scaled, scaled)))
        self.sum = WeightedSum(self.network, self.projection)
        self.delay = int(source_delays(self.network, self.projection).min())
        self.start = self.delay if scaled.bias_start is None else scaled.bias_start
        self.bias = _bias(pair, scaled, fixed, "thresholds" in quantized)
        self.accumulator = fixed.accumulator
        sizes = {"pre": pair.scaled.size_of(scaled.source), "post": pair.scaled.size_of(scaled.target)}
        others = dict(fixed.sites())
        self.sites = {key: _site(pair, f"{name}.{key}", (site, others[key]), sizes[key], quantized)
                      for key, site in scaled.sites()}
        self.rounding = None
        if fixed.post is not None and scaled.post is None:
            self.rounding = pair.fixed.programs[fixed.post.program].ops[0].type
        self.states: dict[str, Values] = {}
        self._products: Number | None = None

    def value(self, source: np.ndarray, known: bool, row: int, keep) -> Number:
        """The sum at one step, from everything that the source emits [B, T, n]."""
        total = self._at_once(source, row) if known and self._is_small(source) else self._by_step(source, row, keep)
        if self.bias is not None and row >= self.start:
            total = _added(total, self.bias)
        if isinstance(total, Fixed) and self.accumulator is not None and self.integer:
            total = fitted(total, self.accumulator)[0]
        if self.rounding is not None and "states" in self.quantized:
            total = fitted(total, self.rounding)[0]
        return self._through("post", total, row, keep)

    def _is_small(self, source: np.ndarray) -> bool:
        units = self.pair.scaled.size_of(self.projection.target)
        return "pre" not in self.sites and source.shape[0] * source.shape[1] * units < _MOST_VALUES

    def _at_once(self, source: np.ndarray, row: int) -> Number:
        """The weighted sums of all steps in one product, where what arrives does not depend on the run."""
        if self._products is None:
            products: Number = Fixed(np.zeros((1, 1), np.int64))
            for delay, matrices in self.sum.parts:
                late = np.stack([_late(source, step, delay) for step in range(source.shape[1])])
                arriving = self._as_number(late.reshape(-1, source.shape[2]))
                products = _added(products, self._weighed(arriving, matrices))
            self._products = products
        rows = slice(row * len(source), (row + 1) * len(source))
        if isinstance(self._products, Fixed):
            return Fixed(self._products.raw[rows], self._products.fraction)
        return self._products[rows]

    def _by_step(self, source: np.ndarray, row: int, keep) -> Number:
        arriving = [self._through("pre", _late(source, row, delay), row, keep) for delay, _ in self.sum.parts]
        total: Number = Fixed(np.zeros((len(source), 1), np.int64))
        for value, (_, matrices) in zip(arriving, self.sum.parts, strict=True):
            total = _added(total, self._weighed(value, matrices))
        return total

    def _weighed(self, value: Number, matrices: list) -> Number:
        """Integer weights times integers are integers; float64 holds their sums exactly."""
        if not self.integer:
            return through(matrices, real(value))
        fraction = sum(_fraction(self.pair.fixed.tensor(link.weights).type) for link in self.projection.chain
                       if link.weights is not None)
        if isinstance(value, Fixed):
            return Fixed(np.rint(through(matrices, value.raw.astype(np.float64))).astype(np.int64),
                         value.fraction + fraction)
        return np.ldexp(through(matrices, value), -fraction)

    def _through(self, key: str, value: Number, row: int, keep) -> Number:
        if key not in self.sites:
            return self._as_number(value) if key == "pre" else value
        site = self.sites[key]
        value = self._as_number(value) if key == "pre" else value
        if key not in self.states:
            self.states[key] = site.initial_states(len(real(value)))
        program = site.programs.model
        self.states[key], emitted, values = site.step({program.inputs[0].name: value}, self.states[key], None)
        keep(f"{self.projection.name}.{key}", row, values | self.states[key] | emitted)
        return emitted[program.emits[0].port]

    def _as_number(self, value: Number) -> Number:
        """Spikes and whole events are integers in both worlds; other values are exact at the format they left in."""
        if isinstance(value, Fixed):
            return value
        type_ = self.pair.fixed.emitted_type(self.projection.source, self.projection.source_port)
        if isinstance(type_, FloatType):
            return value
        fraction = type_.fraction if isinstance(type_, Format) else 0
        raw = np.ldexp(value, fraction)
        exact = isinstance(type_, BoolType) or bool((raw == np.rint(raw)).all())
        return Fixed(raw.astype(np.int64), fraction) if exact else value


def _fraction(type_) -> int:
    return type_.fraction if isinstance(type_, Format) else 0


def _late(source: np.ndarray, row: int, delay: np.ndarray) -> np.ndarray:
    """[B, n] of what was emitted `delay` steps (a number, or one per unit) before a row; nothing before the start."""
    if delay.ndim == 0:
        return source[:, row - int(delay)] if row >= delay else np.zeros_like(source[:, 0])
    rows = row - delay
    return np.where(rows >= 0, source[:, np.maximum(rows, 0), np.arange(source.shape[2])], 0.0)


def _bias(pair: Pair, scaled: Projection, fixed: Projection, quantized: bool) -> Number | None:
    if scaled.bias is None or fixed.bias is None:
        return None
    if not quantized:
        return constant(pair.scaled, scaled.bias, FloatType())
    if isinstance(fixed.bias, TensorRef):
        return constant(pair.fixed, fixed.bias, pair.fixed.tensor(fixed.bias).type)
    return exact_literal(fixed.bias)


def _with_delay(network: Network, projection: Projection, other: Network, source: Projection
                ) -> tuple[Network, Projection]:
    """The projection with the delays it has in another network."""
    if network is other or np.array_equal(network.delays(projection), other.delays(source)):
        return network, projection
    delays = other.delays(source)
    if delays.ndim == 0:
        return network, replace(projection, delay=int(delays))
    changed = network.copy()
    name = f"{projection.name}.delay.other"
    changed.tensors[name] = Tensor(Format(False, 31), delays.astype(np.int64))
    return changed, replace(projection, delay=TensorRef(name))
