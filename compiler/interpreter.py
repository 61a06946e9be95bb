"""The float interpreter: runs a network at the `model` level in float64.

Same meaning as the golden model (semantics 1-6), in floating point and in source time: a row of a
population is computed from source rows, with the delays that the source network had, so start skews
change nothing but the step from which a bias counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from compiler.analysis.schedule import update_order
from compiler.float_arithmetic import native_dtype
from compiler.ir.network import PRE, WEIGHT, Network, Population, Projection
from compiler.results.results import Result, as_batch, history_depths, split_record
from compiler.site_runner import ProjectionRunner, SiteRunner, Values, through_site


def run(
    network: Network,
    inputs: Mapping[str, np.ndarray],
    state: Mapping[str, np.ndarray] | None = None,
    record: Iterable[str] = (),
) -> Result:
    """Run T steps of a batch.

    inputs: per input name, numbers [B, T, n]. state: what an earlier run returned, None to start afresh.
    record: `pop.v`, `pop.spikes`, `pop.current`, `proj.post.z`, also any op result, `pop.decayed`. Outputs and
    records are float64 [B, T, n]; spikes 0 or 1. Raises KeyError for a record of a site that does not exist.
    """
    return _Run(network, inputs, state or {}, tuple(record)).execute()


class _History:
    """The last rows of an emitted port, in a ring."""

    def __init__(self, depth: int, start: np.ndarray):
        self.depth, batch, units = depth, start.shape[0], start.shape[2]
        self.rows = np.zeros((depth + 1, batch, units))
        for index in range(depth):
            self.write(index - depth, start[:, index])

    def write(self, row: int, value: np.ndarray) -> None:
        self.rows[row % (self.depth + 1)] = value

    def read(self, rows: np.ndarray) -> np.ndarray:
        """[B, n] of one row, or of one row per unit."""
        slots = rows % (self.depth + 1)
        if slots.ndim == 0:
            return self.rows[int(slots)]
        return self.rows[slots, :, np.arange(self.rows.shape[2])].T

    def last(self, step: int) -> np.ndarray:
        """[B, depth, n], oldest first, before row `step`."""
        return np.stack([self.rows[row % (self.depth + 1)] for row in range(step - self.depth, step)], axis=1)


class _Run:
    def __init__(self, network, inputs, state, record):
        self.network: Network = network
        self.inputs = inputs
        self.batch, self.steps = as_batch(inputs)
        self.first_step = int(state.get("step", 0))
        self.order = [(item, SiteRunner(network, item.site, item.size)) for item in update_order(network)]
        self.projections = {item.name: ProjectionRunner(network, item) for item in network.projections}
        self.incoming = {item.name: network.into(item.name) for item, _ in self.order}
        self.depths = history_depths(network)
        self.histories = {key: self._history(key, state) for key in _ports(network)}
        self.arrived: Values = {}
        self.states = {name: self._start(name, runner, state) for name, runner in self._runners()}
        self.wanted = {name: split_record(network, name) for name in record}
        self.records: dict[str, list[np.ndarray]] = {name: [] for name in record}
        self.outputs: dict[str, list[np.ndarray]] = {item.name: [] for item in network.outputs}

    def _runners(self) -> Iterable[tuple[str, SiteRunner]]:
        yield from ((item.name, runner) for item, runner in self.order)
        for name, projection in self.projections.items():
            yield from ((f"{name}.{key}", runner) for key, runner in projection.sites.items())

    def _history(self, key: tuple[str, str], state: Mapping[str, np.ndarray]) -> _History:
        depth = self.depths.get(key, 0)
        start = np.zeros((self.batch, depth, self.network.size_of(key[0])))
        start[...] = state.get(f"history.{key[0]}.{key[1]}", 0.0)
        return _History(depth, start)

    def _start(self, name: str, runner: SiteRunner, state: Mapping[str, np.ndarray]) -> Values:
        values = runner.initial_states(self.batch)
        given = {key: state[f"{name}.{key}"] for key in values if f"{name}.{key}" in state}
        return values | {key: np.asarray(value, native_dtype(runner.types[key])) for key, value in given.items()}

    def execute(self) -> Result:
        for row in range(self.steps):
            for item in self.network.inputs:
                self.histories[item.name, item.port.kind].write(row, self.inputs[item.name][:, row])
            for population, runner in self.order:
                self._population(population, runner, row)
            for output in self.network.outputs:
                emitted = self.histories[output.source, output.port].read(np.asarray(row))
                self.outputs[output.name].append(emitted.copy())
        outputs = {name: _stacked(rows, self.batch) for name, rows in self.outputs.items()}
        return Result(outputs, {name: _stacked(rows, self.batch) for name, rows in self.records.items()}, self._state())

    def _population(self, population: Population, runner: SiteRunner, row: int) -> None:
        sums = {item.name: np.zeros((self.batch, population.size)) for item in runner.program.inputs}
        for projection in self.incoming[population.name]:
            sums[projection.target_port] = sums[projection.target_port] + self._arriving(projection, row)
        states, emitted, values = runner.step(sums, self.states[population.name])
        self._keep(population.name, runner, values | states | emitted)
        self.states[population.name] = states
        for port, value in emitted.items():
            self.histories[population.name, port].write(row, value)
        for projection in self.incoming[population.name]:
            if projection.synapse is not None:
                self._synapses(projection, emitted)

    def _synapses(self, projection: Projection, emitted: Values) -> None:
        """One step of the plastic synapses of a projection: what arrived, and what the target has just emitted."""
        site, runner = f"{projection.name}.synapse", self.projections[projection.name].sites["synapse"]
        sources = self.network.size_of(projection.source)
        given = {item.name: self.arrived[projection.name] if item.name == PRE
                 else np.repeat(emitted[item.name], sources, axis=1) for item in runner.program.inputs}
        states, _, values = runner.step(given, self.states[site])
        self._keep(site, runner, values | states)
        self.states[site] = states

    def _arriving(self, projection: Projection, row: int) -> np.ndarray:
        runner = self.projections[projection.name]
        history = self.histories[projection.source, projection.source_port]
        arriving = [history.read(row - np.asarray(delay)) for delay, _ in runner.sum.parts]
        if projection.synapse is not None:
            self.arrived[projection.name] = runner.by_synapse(arriving)
        if "pre" in runner.sites:
            arriving = [self._through(projection.name, "pre", arriving[0])]
        if projection.synapse is not None:
            values = runner.by_synapse(arriving)
            total = runner.weigh_with(self.states[f"{projection.name}.synapse"][WEIGHT], values)
        else:
            total = runner.weigh(arriving, self.first_step + row >= runner.bias_start)
        return self._through(projection.name, "post", total) if "post" in runner.sites else total

    def _through(self, projection: str, name: str, value: np.ndarray) -> np.ndarray:
        site, runner = f"{projection}.{name}", self.projections[projection].sites[name]
        states, emitted, values = through_site(runner, value, self.states[site])
        self._keep(site, runner, values | states | {runner.program.emits[0].port: emitted})
        self.states[site] = states
        return emitted

    def _keep(self, site: str, runner: SiteRunner, values: Values) -> None:
        for record, (wanted, name) in self.wanted.items():
            if wanted == site:
                rows = np.broadcast_to(values[name], (self.batch, runner.units))
                self.records[record].append(rows.astype(np.float64))

    def _state(self) -> dict[str, np.ndarray]:
        state = {"step": np.asarray(self.first_step + self.steps, np.int32)}
        for site, values in self.states.items():
            state |= {f"{site}.{name}": np.array(value) for name, value in values.items()}
        for (node, port), depth in self.depths.items():
            if depth:
                state[f"history.{node}.{port}"] = self.histories[node, port].last(self.steps)
        return state


def _stacked(rows: list[np.ndarray], batch: int) -> np.ndarray:
    return np.stack(rows, axis=1) if rows else np.zeros((batch, 0, 0))


def _ports(network: Network) -> list[tuple[str, str]]:
    ports = [(item.name, item.port.kind) for item in network.inputs]
    for item in network.populations:
        ports += [(item.name, emit.port) for emit in network.programs[item.site.program].emits]
    return ports


