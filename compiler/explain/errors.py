"""What quantizing did to every population: states, decisions, spikes, constants."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from compiler.comparison.accuracy import Divergence, first_divergence, spike_count_error
from compiler.comparison.margin import comparisons_behind
from compiler.explain.engine import Trace
from compiler.explain.preparation import sites_of
from compiler.explain.site import Pair
from compiler.formats import BoolType, FloatType, Format
from compiler.ir.network import Network, Population


@dataclass(frozen=True)
class Runs:
    """The float network, the fixed one running freely, and the fixed one with the spikes of the float one fed in (None
    where it cannot be taken apart). exact: the exact form of a chip's own program, where it does something else than
    the float network."""

    float_run: Trace
    closed: Trace
    forced: Trace | None = None
    exact: Trace | None = None


@dataclass(frozen=True)
class StateError:
    """Error of a state in units of its own last bit, root mean square and largest.

    lsb: that bit in the unit of the model (median over units). forced: None for an arithmetic that cannot be taken
    apart.
    """

    lsb: float
    closed_rms: float
    closed_max: float
    forced_rms: float | None = None
    forced_max: float | None = None

    def as_json(self) -> dict[str, Any]:
        return {"lsb": self.lsb, "closed_loop": {"rms": self.closed_rms, "max": self.closed_max},
                "teacher_forced": {"rms": self.forced_rms, "max": self.forced_max}}


@dataclass(frozen=True)
class PopulationError:
    """What a population lost.

    grey_zone: share of decisions that the float run took closer to the threshold than `zone`, in last bits of the
    compared value: the root mean square of its teacher-forced error, at least one bit. rates: spikes per step, float
    and fixed. rate_distance: mean over units of the difference of the two. saturated: by value, how often it was cut
    off; harmless: the same of values whose cut was proved to change neither a spike nor a state. None where the
    population does not spike.
    """

    name: str
    states: dict[str, StateError]
    saturated: dict[str, int]
    harmless: dict[str, int] = field(default_factory=dict)
    grey_zone: float | None = None
    zone: float | None = None
    rates: tuple[float, float] | None = None
    rate_distance: float | None = None
    spike_count_error: float | None = None
    divergence: Divergence | None = None
    constants: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {"states": {name: item.as_json() for name, item in self.states.items()},
                "saturated": self.saturated, "harmless": self.harmless,
                "grey_zone": {"share": self.grey_zone, "zone_lsb": self.zone},
                "firing_rate": {"float": self.rates[0] if self.rates else None,
                                "fixed": self.rates[1] if self.rates else None, "distance": self.rate_distance},
                "spike_count_error": self.spike_count_error, "constants": self.constants,
                "first_divergence": self.divergence.as_json() if self.divergence else None}


def spike_records(network: Network) -> dict[str, str]:
    """`pop.port` of the spikes of every spiking population."""
    found = {}
    for item in network.populations:
        program = network.programs[item.site.program]
        ports = [emit.port for emit in program.emits if isinstance(program.emit_type(emit.port), BoolType)]
        if ports:
            found[item.name] = f"{item.name}.{ports[0]}"
    return found


def state_records(pair: Pair) -> list[str]:
    """Every state that is a real number in the model and an integer in the fixed network."""
    names = []
    for name, (before, after), _ in sites_of(pair):
        types = pair.fixed.programs[after.program].types()
        names += [f"{name}.{item.name}" for item in pair.scaled.programs[before.program].states
                  if isinstance(item.type, FloatType) and isinstance(types.get(item.name), Format)]
    return names


def deciding(network: Network) -> dict[str, list[str]]:
    """By spiking population the comparisons of real numbers, `pop.op`, that its spikes are made of."""
    found = {}
    for item in network.populations:
        program = network.programs[item.site.program]
        spikes = [emit.value for emit in program.emits if isinstance(program.emit_type(emit.port), BoolType)]
        types = program.types()
        behind = [op for value in spikes for op in comparisons_behind(program, value)
                  if all(isinstance(types[name], FloatType) for name in op.names) and op.names]
        if behind:
            found[item.name] = sorted({f"{item.name}.{op.result}" for op in behind})
    return found


def errors_of(pair: Pair, runs: Runs, constants: Mapping[str, list[dict[str, Any]]], harmless: Collection[str] = ()
              ) -> dict[str, PopulationError]:
    """By population, in the order of the network. harmless: values, `pop.op`, whose cut is proved to change nothing."""
    spikes, margins = spike_records(pair.scaled), deciding(pair.scaled)
    found = {}
    for item in pair.scaled.populations:
        own = [record for record in state_records(pair) if _belongs(pair.scaled, record, item.name)]
        states = {record: _state_error(pair, runs, record) for record in own if record in runs.float_run.records}
        saturated = {name: int(counts.sum()) for name, counts in runs.closed.saturated.items()
                     if _belongs(pair.scaled, name, item.name)}
        spiking = _spiking(pair, runs, item, spikes, margins) if item.name in spikes else {}
        spared = {name: count for name, count in saturated.items() if name in harmless}
        saturated = {name: count for name, count in saturated.items() if name not in harmless}
        found[item.name] = PopulationError(item.name, states, saturated, spared, **spiking,
                                           constants=list(constants.get(item.name, [])))
    return found


def _belongs(network: Network, record: str, population: str) -> bool:
    """Whether a record is of the population or of a filter in front of it."""
    site = record.rpartition(".")[0]
    if site in network.graph:
        return site == population
    return network.projection(site.rpartition(".")[0]).target == population


def _state_error(pair: Pair, runs: Runs, record: str) -> StateError:
    site_name, _, state = record.rpartition(".")
    lsb, scale = lsb_of(pair, site_name, state)
    assert runs.forced is not None
    closed, forced = (np.abs(run.records[record] - runs.float_run.records[record]) / lsb
                      for run in (runs.closed, runs.forced))
    return StateError(float(np.median(lsb * scale)), rms(closed), float(closed.max(initial=0.0)), rms(forced),
                      float(forced.max(initial=0.0)))


def lsb_of(pair: Pair, site: str, value: str) -> tuple[float, np.ndarray]:
    """The last bit of a state or port at the scale of the fixed network; what 1 there is in the model's unit."""
    fixed = next(after for name, (_, after), _ in sites_of(pair) if name == site)
    program = pair.fixed.programs[fixed.program]
    type_ = program.types().get(value) or program.emit_type(value)
    grown = fixed.scale is not None and value in fixed.scaled
    scale = np.asarray(pair.fixed.real(fixed.scale) if grown and fixed.scale is not None else 1.0)
    return type_.lsb if isinstance(type_, Format) else 1.0, scale


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values * values))) if values.size else 0.0


def _spiking(pair: Pair, runs: Runs, item: Population, spikes: Mapping[str, str], margins) -> dict[str, Any]:
    expected, found = (run.emitted[spikes[item.name]] != 0 for run in (runs.float_run, runs.closed))
    content = of_spikes(item.name, expected, found)
    first, names = content["divergence"], margins.get(item.name, [])
    if names:
        assert runs.forced is not None
        nearest = np.min([np.abs(runs.float_run.margins[name]) for name in names], axis=0)
        lsb = min(_compared_lsb(pair, item, name) for name in names)
        error = [runs.forced.margins[name] - runs.float_run.margins[name] for name in names]
        zone = max(rms(np.asarray(error)), lsb)
        content |= {"grey_zone": float((nearest <= zone).mean()), "zone": zone / lsb}
    if first is not None and names:
        scale = np.broadcast_to(_scale(pair, item), (item.size,))[first.neuron]
        margin = float(nearest[first.sample, first.step, first.neuron] * scale)
        first = Divergence(first.population, first.sample, first.step, first.neuron, margin)
    return content | {"divergence": first}


def of_spikes(name: str, expected: np.ndarray, found: np.ndarray) -> dict[str, Any]:
    """What spikes [B, T, n] of two runs alone tell: fields of PopulationError."""
    rates = [rows.mean(axis=(0, 1)) for rows in (expected, found)]
    return {"rates": (float(rates[0].mean()), float(rates[1].mean())),
            "rate_distance": float(np.abs(rates[0] - rates[1]).mean()),
            "spike_count_error": spike_count_error(expected, found),
            "divergence": first_divergence({name: expected}, {name: found})}


def _compared_lsb(pair: Pair, item: Population, name: str) -> float:
    program = pair.fixed.programs[pair.fixed.node(item.name).site.program]  # pyright: ignore
    types = program.types()
    compared = [types[operand] for operand in program.op(name.rpartition(".")[2]).names]
    return min((type_.lsb for type_ in compared if isinstance(type_, Format)), default=1.0)


def _scale(pair: Pair, item: Population) -> np.ndarray:
    site = pair.fixed.node(item.name).site  # pyright: ignore
    return np.asarray(1.0 if site.scale is None else pair.fixed.real(site.scale))


def signals(pair: Pair, trace: Trace) -> Iterator[tuple[str, np.ndarray]]:
    """What every population decides with: margins of its comparisons, or the values it emits."""
    margins = deciding(pair.scaled)
    for item in pair.scaled.populations:
        names = margins.get(item.name)
        if names:
            yield from ((name, trace.margins[name]) for name in names)
            continue
        program = pair.scaled.programs[item.site.program]
        yield from ((record, trace.emitted[record]) for record in
                    (f"{item.name}.{emit.port}" for emit in program.emits))
