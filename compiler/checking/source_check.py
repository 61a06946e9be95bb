"""Checks a network against the module it was lowered from: source = model (semantics 16).

The module runs in float64 and records every state; the network is then computed teacher-forced, each step
from what the module had the step before, so that no error adds up: |delta| <= 1e-12 * max(|state|, |theta|,
sum of |summands|), spikes equal unless a compare is a tie within that bound. All steps are checked at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from compiler.checking.coverage import ENOUGH
from compiler.checking.magnitudes import Bounded, bounded
from compiler.checking.module_run import ModuleRun
from compiler.checking.stimulus import count_synapses, random_inputs
from compiler.checking.tally import Tally
from compiler.checking.verdicts import Verdict
from compiler.formats import FloatType
from compiler.frontends.lowered import Lowered
from compiler.ir.network import PRE, WEIGHT, Network, Population, Projection
from compiler.ir.program import Operand
from compiler.site_runner import ProjectionRunner, SiteRunner, Values
from spark.core.module import SparkModule

STAGE = "source = model"
TOLERANCE = 1e-12

_HELD = 400_000
"""Values of one record that are held at a time."""
_WORK = 5e9
"""Synaptic operations that a stimulus may cost."""
_ROUNDS, _LATER_SAMPLES = 3, 32

Arrays = Mapping[str, np.ndarray]


def check_source(source, network: Network, inputs: Arrays) -> Verdict:
    """The verdict `source = model` of a `compiler.source.Source`, on inputs [B, T, n] and random ones beside them.

    network: as the source lowers to, before any pass. Random stimulus is added until 90 % of the units were active,
    a few times, each time longer.
    """
    batch, steps = next(iter(inputs.values())).shape[:2] if inputs else (16, 64)
    check = _Check(source.module, source.lowered)
    if inputs:
        check.compare_all(inputs)
    for turn in range(_ROUNDS):
        check.compare_all(random_inputs(network, batch, steps * 2**turn, seed=turn))
        batch = min(batch, _LATER_SAMPLES)
        if check.tally.share_active() >= ENOUGH:
            break
    return check.tally.verdict(STAGE)


def verify(module: SparkModule, lowered: Lowered, stimuli: Iterable[Arrays]) -> Verdict:
    """Compare module and network on stimuli [B, T, n] by input name.

    The verdict's coverage holds the share of units that were active, near-threshold ties, how many of them came
    out differently, and the largest difference in units of the bound.
    """
    check = _Check(module, lowered)
    for inputs in stimuli:
        check.compare_all(inputs)
    return check.tally.verdict(STAGE)


def _parts(network: Network, inputs: Arrays) -> Iterable[dict[str, np.ndarray]]:
    """Samples in parts that fit into memory, as many as the work allows."""
    batch, steps = next(iter(inputs.values())).shape[:2]
    synapses = count_synapses(network)
    widest = max((units for _, _, units in network.sites()), default=1)
    batch = min(batch, max(1, int(_WORK / (steps * max(synapses, 1)))))
    parts = -(-batch * steps * widest // _HELD)
    size = -(-batch // min(parts, batch))
    for start in range(0, batch, size):
        yield {name: np.asarray(rows[start : min(start + size, batch)], np.float64) for name, rows in inputs.items()}


class _Check:
    def __init__(self, module: SparkModule, lowered: Lowered):
        self.lowered, self.network = lowered, lowered.network
        self.sites = {item.name: SiteRunner(self.network, item.site, item.size) for item in self.network.populations}
        self.projections = {item.name: ProjectionRunner(self.network, item) for item in self.network.projections}
        states = [(site, item.name) for site, runner in self._stateful() for item in runner.program.states]
        self.module = ModuleRun(module, lowered, states)
        self.tally = Tally({item.name: np.zeros(item.size, bool) for item in self.network.populations})

    def compare_all(self, inputs: Arrays) -> None:
        """Compare on a whole stimulus, as much of it as can be afforded."""
        for part in _parts(self.network, inputs):
            self._compare(part)

    def _compare(self, inputs: dict[str, np.ndarray]) -> None:
        """Compare every state and emitted value of a few samples."""
        self.module.run(inputs)
        self.batch, self.steps = self.module.batch, self.module.steps
        self.tally.begin(self.batch, self.steps)
        for population in self.network.populations:
            self._population(population)

    def _stateful(self) -> Iterable[tuple[str, SiteRunner]]:
        yield from self.sites.items()
        for name, projection in self.projections.items():
            yield from ((f"{name}.{key}", runner) for key, runner in projection.sites.items())

    def _population(self, population: Population) -> None:
        runner, name = self.sites[population.name], population.name
        shape = (self.batch * self.steps, population.size)
        sums = {item.name: np.zeros(shape) for item in runner.program.inputs}
        sizes = {item.name: np.zeros(shape) for item in runner.program.inputs}
        tie = self._filters(population, sums, sizes)
        found = bounded(runner, sums, sizes, self.module.before(name, runner), TOLERANCE)
        tie |= found.tie
        self.tally.ties += int(tie.sum())
        after = self.module.after(name, runner)
        for state, operand in runner.program.updates:
            self._require(f"{name}.{state}", runner, found, operand, after[state], tie)
        for emit in runner.program.emits:
            emitted = self.module.emitted(name, emit.port)
            if emitted is None:
                continue  # Passed on to synapses, which are compared.
            self._require(f"{name}.{emit.port}", runner, found, emit.value, emitted, tie)
            self.tally.active[name] |= (emitted != 0).any((0, 1))
        for item in self.network.into(population.name):
            if item.synapse is not None:
                self._synapses(item, runner, found, tie)

    def _synapses(self, projection: Projection, target: SiteRunner, found: Bounded, tie: np.ndarray) -> None:
        """Compare the states of plastic synapses, from what the module saw on both sides."""
        site, sources = f"{projection.name}.synapse", self.network.size_of(projection.source)
        runner, given = self.projections[projection.name].sites["synapse"], {}
        for item in runner.program.inputs:
            if item.name == PRE:
                value = self.projections[projection.name].by_synapse(self._arriving(projection))
            elif (rows := self.module.emitted(projection.target, item.name)) is not None:
                value = np.repeat(rows.reshape(-1, rows.shape[2]), sources, axis=1)
            else:
                value = np.repeat(_pair(target, found, target.program.emit(item.name).value)[0], sources, axis=1)
            given[item.name] = value
        sizes = {name: np.abs(value) for name, value in given.items()}
        made = bounded(runner, given, sizes, self.module.before(site, runner), TOLERANCE)
        after, tie = self.module.after(site, runner), made.tie | np.repeat(tie, sources, axis=1)
        for state, operand in runner.program.updates:
            self._require(f"{site}.{state}", runner, made, operand, after[state], tie)

    def _filters(self, population: Population, sums: Values, sizes: Values) -> np.ndarray:
        """Add what every projection brings; compare the states of its filters. Gives the ties met."""
        tie = np.zeros((self.batch * self.steps, population.size), bool)
        groups: dict[str, list[tuple[SiteRunner, Bounded]]] = {}
        for item in self.network.into(population.name):
            value, size = self._weighted(item)
            runner = self.projections[item.name].sites.get("post")
            if runner is not None:
                site = f"{item.name}.post"
                first = self.lowered.sharing(site)[0]
                states = self.module.before(site, runner)
                states = states if site == first else {name: np.zeros_like(rows) for name, rows in states.items()}
                port = runner.program.inputs[0].name
                found = bounded(runner, {port: value}, {port: size}, states, TOLERANCE)
                groups.setdefault(first, []).append((runner, found))
                tie |= found.tie
                value, size = _pair(runner, found, runner.program.emits[0].value)
            sums[item.target_port] = sums[item.target_port] + value
            sizes[item.target_port] = sizes[item.target_port] + size
        for site, parts in groups.items():
            self._require_sum(site, parts, tie)
        return tie

    def _weighted(self, projection: Projection) -> tuple[np.ndarray, np.ndarray]:
        """The weighted sum of a projection at every step and the sum of its absolute summands."""
        runner, arriving = self.projections[projection.name], self._arriving(projection)
        sizes = [np.abs(value) for value in arriving]
        if (site := runner.sites.get("pre")) is not None:
            arriving[0], sizes[0] = self._before_weights(projection, site, arriving[0])
        if projection.synapse is not None:
            weights = self.module.before(f"{projection.name}.synapse", runner.sites["synapse"])[WEIGHT]
            values, size = runner.by_synapse(arriving), runner.by_synapse(sizes)
            return runner.weigh_with(weights, values), runner.weigh_with(np.abs(weights), size)
        biased = np.tile(np.arange(self.steps) >= runner.bias_start, self.batch)
        return runner.weigh(arriving, biased), runner.magnitude(sizes, biased)

    def _arriving(self, projection: Projection) -> list[np.ndarray]:
        """What arrives from each delay at every step, [rows, n]."""
        parts = self.projections[projection.name].sum.parts
        return [self.module.arriving(projection, np.asarray(delay)) for delay, _ in parts]

    def _before_weights(self, projection: Projection, runner: SiteRunner, value: np.ndarray) -> tuple:
        name, port = f"{projection.name}.pre", runner.program.inputs[0].name
        states = self.module.before(name, runner)
        found = bounded(runner, {port: value}, {port: np.abs(value)}, states, TOLERANCE)
        after = self.module.after(name, runner)
        for state, operand in runner.program.updates:
            self._require(f"{name}.{state}", runner, found, operand, after[state], found.tie)
        return _pair(runner, found, runner.program.emits[0].value)

    def _require_sum(self, site: str, parts: list[tuple[SiteRunner, Bounded]], tie: np.ndarray) -> None:
        """Filters of several origins: their states add up to the one that the module has."""
        runner = parts[0][0]
        after = self.module.after(site, runner)
        for state, operand in runner.program.updates:
            pairs = [_pair(part, found, operand) for part, found in parts]
            value, size = sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
            self.tally.compare(f"{site}.{state}", value, after[state], TOLERANCE * np.asarray(size), tie)

    def _require(self, name: str, runner: SiteRunner, found: Bounded, operand: Operand, after: np.ndarray,
                 tie: np.ndarray) -> None:
        value, size = _pair(runner, found, operand)
        real = isinstance(operand, str) and isinstance(runner.types[operand], FloatType)
        bound = TOLERANCE * np.maximum(np.maximum(np.abs(value), size), found.theta) if real else np.zeros(value.shape)
        self.tally.compare(name, value, after, bound, tie)


def _pair(runner: SiteRunner, found: Bounded, operand: Operand) -> tuple[np.ndarray, np.ndarray]:
    """Value and magnitude of an operand, spread over rows and units."""
    value = np.asarray(runner.operand(operand, found.values), np.float64)
    size = found.magnitudes.get(operand, np.abs(value)) if isinstance(operand, str) else np.abs(value)
    return np.broadcast_to(value, found.tie.shape), np.broadcast_to(size, found.tie.shape)
