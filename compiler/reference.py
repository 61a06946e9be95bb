"""The golden model: runs a fixed or mapped network op by op in plain integers, slow and obvious.

It follows chip time literally (semantics 6): at chip step l a population computes its source row l - skew
when that row exists, and stays frozen otherwise. No function here names a neuron, a chip or a layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import networkx as nx
import numpy as np

from compiler import counter_hash
from compiler.arithmetic import EXACT, Fixed, fit, literal
from compiler.exact_maps import matrices
from compiler.formats import BoolType, Format, Type
from compiler.ir.network import PRE, WEIGHT, Input, Network, Population, Projection
from compiler.ir.program import Argument, Operand, Program, Site, TensorRef
from compiler.results.results import Result, as_batch, history_depths, record_dtype, source_delays, split_record

Observer = Callable[[str, str, np.ndarray], None]
"""Called as observer(site, name, raw values) for every port sum and op result of every step."""


def run(
    network: Network,
    inputs: Mapping[str, np.ndarray],
    state: Mapping[str, np.ndarray] | None = None,
    record: Iterable[str] = (),
    observer: Observer | None = None,
) -> Result:
    """Run T steps of a batch.

    inputs: per input name, integers [B, T, n]. state: what an earlier run returned, None to start afresh.
    record: `pop.v`, `pop.spikes`, `pop.current`, `proj.post.z`, … Returns raw integers. Raises OverflowFault
    when a value leaves a format that was said to be proved.
    """
    return _Run(network, inputs, state or {}, tuple(record), observer).execute()


class _Run:
    def __init__(self, network, inputs, state, record, observer):
        self.network: Network = network
        self.observer: Observer | None = observer
        self.batch, self.steps = as_batch(inputs)
        self.first_step = int(state.get("step", 0))
        self.depths = history_depths(network)
        self.order = _order(network)
        self.maps = {item.name: matrices(network, item) for item in network.projections}
        self.states = {site: self._initial(site, s, units, state) for site, s, units in network.sites()}
        self.ready = {key: self.depths.get(key, 0) for key in _ports(network)}
        self.emitted = {key: self._past(key, state) for key in self.ready}
        self.records = {name: [] for name in record}
        self.wanted = {split_record(network, name): name for name in record}
        for item in network.inputs:
            self._extend((item.name, item.port.kind), np.asarray(inputs[item.name], np.int64))

    def execute(self) -> Result:
        last = max((item.skew for item in self.network.populations), default=0)
        for chip_step in range(self.steps + last):
            for population in self.order:
                row = chip_step - population.skew
                if 0 <= row < self.steps:
                    self._population(population, row)
        return Result(self._outputs(), self._recorded(), self._state())

    def _population(self, population: Population, row: int) -> None:
        program = self.network.programs[population.site.program]
        sums = {item.name: Fixed(np.zeros((self.batch, population.size), np.int64)) for item in program.inputs}
        for projection in self.network.into(population.name):
            arriving = self._arriving(projection, row)
            sums[projection.target_port] = EXACT["add"](sums[projection.target_port], arriving)
        emitted = self._site(population.name, population.site, population.size, sums, row)
        for port, value in emitted.items():
            self._extend((population.name, port), value.raw[:, None, :])
        for projection in self.network.into(population.name):
            if projection.synapse is not None:
                self._synapses(projection, projection.synapse, row, emitted)

    def _synapses(self, projection: Projection, site: Site, row: int, emitted: dict[str, Fixed]) -> None:
        """One step of plastic synapses [post * pre]: what arrived in this row, and what the target has emitted."""
        sources = self.network.size_of(projection.source)
        given = {port: Fixed(np.repeat(value.raw, sources, axis=1), value.fraction) for port, value in emitted.items()}
        given[PRE] = self._at_synapses(projection, row)
        names = [item.name for item in self.network.programs[site.program].inputs]
        units = sources * self.network.size_of(projection.target)
        self._site(f"{projection.name}.synapse", site, units, {name: given[name] for name in names}, row)

    def _at_synapses(self, projection: Projection, row: int) -> Fixed:
        """The value that arrives at every synapse, [B, post * pre]."""
        delays = source_delays(self.network, projection)
        post = self.network.size_of(projection.target)
        values = self._past_row(projection, row - delays)
        if delays.ndim < 2:
            values = np.repeat(values[:, None, :], post, axis=1)
        fraction = _fraction(_emitted_type(self.network, projection.source, projection.source_port))
        return Fixed(values.reshape(self.batch, -1), fraction)

    def _arriving(self, projection: Projection, row: int) -> Fixed:
        """What one projection adds to its port in the target's source row."""
        delays = source_delays(self.network, projection)
        fraction = _fraction(_emitted_type(self.network, projection.source, projection.source_port))
        if projection.synapse is not None:
            total = self._learned(projection, row)
        elif delays.ndim == 2:
            parts = [self._weigh(projection, m, Fixed(self._past_row(projection, np.asarray(row - d)), fraction))
                     for d, m in self.maps[projection.name].items() if d is not None]
            total = parts[0]
            for part in parts[1:]:
                total = EXACT["add"](total, part)
        else:
            value = Fixed(self._past_row(projection, row - delays), fraction)
            if projection.pre is not None:
                value = self._through(projection, "pre", projection.pre, value, row)
            total = self._weigh(projection, self.maps[projection.name][None], value)
        total = self._biased(projection, total, row)
        if projection.accumulator is not None:
            total = fit(total, projection.accumulator)
        return self._through(projection, "post", projection.post, total, row) if projection.post else total

    def _learned(self, projection: Projection, row: int) -> Fixed:
        """The sum with the weights of the moment."""
        values, sources = self._at_synapses(projection, row), self.network.size_of(projection.source)
        if projection.pre is not None:
            value = Fixed(values.raw[:, :sources], values.fraction)
            value = self._through(projection, "pre", projection.pre, value, row)
            values = Fixed(np.tile(value.raw, self.network.size_of(projection.target)), value.fraction)
        site = projection.synapse.program  # pyright: ignore[reportOptionalMemberAccess]
        weights = self.states[f"{projection.name}.synapse"][WEIGHT]
        fraction = _fraction(self.network.programs[site].state(WEIGHT).type)
        sums = (weights * values.raw).reshape(self.batch, -1, sources).sum(axis=2)
        return Fixed(sums, values.fraction + fraction)

    def _past_row(self, projection: Projection, rows: np.ndarray) -> np.ndarray:
        """Emitted values [B, n] of source rows: one row, or one row per presynaptic unit."""
        key = (projection.source, projection.source_port)
        index = np.asarray(rows) + self.depths.get(key, 0)
        history = self.emitted[key]
        if index.min() < 0 or index.max() >= self.ready[key]:
            raise RuntimeError(f"{projection.name} reads a row of {projection.source} that does not exist yet")
        if index.ndim == 0:
            return history[:, int(index), :]
        return history[:, index, np.arange(history.shape[2])]  # [B, pre], or [B, post, pre]

    def _weigh(self, projection: Projection, matrices: list, value: Fixed) -> Fixed:
        raw = value.raw
        for matrix in matrices:
            raw = matrix.times(raw)
        return Fixed(raw, value.fraction + _weight_fraction(self.network, projection))

    def _biased(self, projection: Projection, total: Fixed, row: int) -> Fixed:
        start = projection.bias_start
        if start is None:
            start = int(source_delays(self.network, projection).min())
        if projection.bias is None or self.first_step + row < start:
            return total
        return EXACT["add"](total, self._argument(projection.bias, None))

    def _through(self, projection: Projection, name: str, site: Site, value: Fixed, row: int) -> Fixed:
        program = self.network.programs[site.program]
        node = projection.source if name == "pre" else projection.target
        emitted = self._site(
            f"{projection.name}.{name}", site, self.network.size_of(node), {program.inputs[0].name: value}, row
        )
        return emitted[program.emits[0].port]

    def _site(self, name: str, site: Site, units: int, inputs: dict[str, Fixed], row: int) -> dict[str, Fixed]:
        """One step of a program, of a source row: fitted inputs, ops in order, then all updates at once."""
        program = self.network.programs[site.program]
        types = program.types()
        states = self.states[name]
        values = {port: fit(value, types[port]) for port, value in inputs.items()}
        values |= {key: Fixed(raw, _fraction(types[key])) for key, raw in states.items()}
        values |= {key: self._argument(site.arguments[key], types[key]) for key in (p.name for p in program.params)}
        self._execute(name, program, values, units, row)
        for key, operand in program.updates:
            states[key] = self._spread(fit(self._operand(operand, values), types[key]), units)
        emitted = {item.port: Fixed(self._spread(self._operand(item.value, values), units),
                                    self._operand(item.value, values).fraction) for item in program.emits}
        self._keep(name, {key: values[key].raw for key in inputs} | states | {p: v.raw for p, v in emitted.items()})
        return emitted

    def _execute(self, site: str, program: Program, values: dict[str, Fixed], units: int, row: int) -> None:
        """Every operation in order. Where they round at random, the bits depend on site, unit, step and sample."""
        random = any(isinstance(op.type, Format) and op.type.rounding == "stochastic" for op in program.ops)
        step = self.first_step + row
        noise = counter_hash.noise(self.network.seed, site, units, step, self.batch) if random else np.zeros(0)
        for item in program.inputs:
            self._observe(site, item.name, values[item.name], units)
        for op in program.ops:
            operands = [self._operand(item, values) for item in op.operands]
            exact = EXACT[op.opcode](*operands)
            values[op.result] = fit(exact, op.type, lambda rest, k, at: counter_hash.raised(rest, k, noise, at))
            self._observe(site, op.result, values[op.result], units)

    def _observe(self, site: str, name: str, value: Fixed, units: int) -> None:
        if self.observer is not None:
            self.observer(site, name, self._spread(value, units))

    def _operand(self, operand: Operand, values: Mapping[str, Fixed]) -> Fixed:
        if isinstance(operand, str):
            return values[operand]
        return self._argument(operand, None)

    def _argument(self, argument: Argument, type_: Type | None) -> Fixed:
        if isinstance(argument, TensorRef):
            tensor = self.network.tensor(argument)
            return Fixed(tensor.data.astype(np.int64).reshape(-1), _fraction(tensor.type))
        return literal(argument) if type_ is None else fit(literal(argument), type_)

    def _spread(self, value: Fixed, units: int) -> np.ndarray:
        return np.broadcast_to(value.raw, (self.batch, units)).copy()

    def _initial(self, name: str, site: Site, units: int, state: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        values = {}
        for item in self.network.programs[site.program].states:
            start = fit(self._argument(site.initial.get(item.name, item.initial), None), item.type)
            given = state.get(f"{name}.{item.name}")
            values[item.name] = self._spread(start, units) if given is None else np.asarray(given, np.int64)
        return values

    def _past(self, key: tuple[str, str], state: Mapping[str, np.ndarray]) -> np.ndarray:
        """Room for every row of a port, the past ones first."""
        depth = self.depths.get(key, 0)
        rows = np.zeros((self.batch, depth + self.steps, self.network.size_of(key[0])), np.int64)
        rows[:, :depth] = state.get(f"history.{key[0]}.{key[1]}", 0)
        return rows

    def _extend(self, key: tuple[str, str], rows: np.ndarray) -> None:
        self.emitted[key][:, self.ready[key] : self.ready[key] + rows.shape[1]] = rows
        self.ready[key] += rows.shape[1]

    def _keep(self, site: str, values: Mapping[str, np.ndarray]) -> None:
        for (wanted_site, name), record in self.wanted.items():
            if wanted_site == site:
                self.records[record].append(values[name])

    def _rows(self, key: tuple[str, str]) -> np.ndarray:
        rows = self.emitted[key][:, self.depths.get(key, 0) :]
        return rows.astype(record_dtype(_emitted_type(self.network, *key)))

    def _outputs(self) -> dict[str, np.ndarray]:
        return {item.name: self._rows((item.source, item.port)) for item in self.network.outputs}

    def _recorded(self) -> dict[str, np.ndarray]:
        kept = {}
        for (site, name), record in self.wanted.items():
            rows = np.stack(self.records[record], axis=1)
            kept[record] = rows.astype(record_dtype(_named_type(self.network, site, name)))
        return kept

    def _state(self) -> dict[str, np.ndarray]:
        state = {"step": np.asarray(self.first_step + self.steps, np.int32)}
        for site, values in self.states.items():
            for name, raw in values.items():
                state[f"{site}.{name}"] = raw.astype(record_dtype(_named_type(self.network, site, name)))
        for (node, port), depth in self.depths.items():
            rows = self.emitted[node, port][:, -depth:]
            state[f"history.{node}.{port}"] = rows.astype(record_dtype(_emitted_type(self.network, node, port)))
        return state


def _order(network: Network) -> list[Population]:
    """Populations in an order in which values of delay 0 exist before they are used."""
    instant = nx.DiGraph()
    instant.add_nodes_from(item.name for item in network.populations)
    for item in network.projections:
        if int(network.delays(item).min()) == 0 and not isinstance(network.node(item.source), Input):
            instant.add_edge(item.source, item.target)
    return [network.node(name) for name in nx.lexicographical_topological_sort(instant)]  # pyright: ignore


def _ports(network: Network) -> list[tuple[str, str]]:
    """Every emitted port of every node."""
    ports = [(item.name, item.port.kind) for item in network.inputs]
    for item in network.populations:
        ports += [(item.name, emit.port) for emit in network.programs[item.site.program].emits]
    return ports


def _weight_fraction(network: Network, projection: Projection) -> int:
    tensors = (item.weights for item in projection.chain)
    return sum(_fraction(network.tensor(item).type) for item in tensors if item is not None)


def _fraction(type_: Type) -> int:
    return type_.fraction if isinstance(type_, Format) else 0


def _emitted_type(network: Network, node: str, port: str) -> Type:
    item = network.node(node)
    if isinstance(item, Population):
        return network.programs[item.site.program].emit_type(port)
    return _input_type(item)


def _input_type(item) -> Type:
    if item.port.kind == "current":
        return item.port.type
    return BoolType() if item.port.kind == "spikes" else Format(True, 32)


def _named_type(network: Network, site: str, name: str) -> Type:
    program = next(network.programs[s.program] for key, s, _ in network.sites() if key == site)
    types = program.types()
    return types[name] if name in types else program.emit_type(name)
