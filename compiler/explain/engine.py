"""Runs a hybrid along time, freely or with the spikes of another run fed in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from compiler.analysis.schedule import update_order
from compiler.arithmetic import Fixed
from compiler.explain.arrival import Arrival, added, site_of
from compiler.explain.numbers import Number, real
from compiler.explain.site import Pair, Values
from compiler.input_files import as_port
from compiler.ir.network import Input, Population, Projection
from compiler.ir.program import Site
from compiler.results.results import as_batch, split_record

Rows = Mapping[str, np.ndarray]


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
        self.sites = {item.name: site_of(pair, item.name, self._sites(item.name), item.size, quantized)
                      for item in self.order}
        self.arrivals = {item.name: [Arrival(pair, name, quantized) for name in (
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
            sums[port] = added(sums[port], arrival.value(*self._source(arrival.projection), row, self._keep))
        own = {name.rpartition(".")[2]: rows[:, row] for name, rows in self.forced.items()
               if name.rpartition(".")[0] == item.name}
        self.states[item.name], emitted, values = site.step(sums, self.states[item.name], own)
        for port, value in emitted.items():
            self.emitted[f"{item.name}.{port}"][:, row] = real(value)
        self._keep(item.name, row, values | self.states[item.name] | emitted)
        for arrival in self.arrivals[item.name]:
            arrival.learn(emitted, row, self._keep)
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
