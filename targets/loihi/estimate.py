"""Energy and time of a step, from the published costs of single events that stand in the chip file.

An estimate, not a measurement: the costs were measured on Loihi 1, events are those that calibration data cause on
average, and every spike travels to each of its cores by itself. What a core does in a step is taken one after the
other, the cores in parallel; the slowest core, the longest way and the barrier make the step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from compiler.analysis.occupancy import by_core
from compiler.analysis.routes import Core, Route, routes
from compiler.analysis.synapses import Synapses, all_synapses
from compiler.chips import Chip
from compiler.ir.network import Input, Network

EVENTS = ("soma_access_energy", "soma_update_energy", "soma_spike_energy", "axon_energy", "hop_energy_east_west",
          "hop_energy_north_south", "synapse_energy_range", "synapse_time_range", "soma_spike_time", "axon_time",
          "hop_time_east_west", "hop_time_north_south", "barrier_time_range")
"""Facts of the chip file that the estimate is made of."""


@dataclass(frozen=True)
class Estimate:
    """Of one step on average: events, energy in pJ and time in ns, both from the least and the largest cost."""

    compartments: int
    spikes: float
    axons: float
    tile_hops: tuple[float, float]
    synaptic_events: float
    energy_pj: tuple[float, float]
    time_ns: tuple[float, float]
    sources: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}


@dataclass(frozen=True)
class _Load:
    """What one core does in a step."""

    spikes: float = 0.0
    axons: float = 0.0
    synapses: float = 0.0


def estimate(network: Network, chip: Chip, rates: Mapping[str, float]) -> Estimate:
    """The estimate of a mapped network. rates: events per unit and step by `node.port`; 1 where it is not known."""
    facts, found = chip.facts, all_synapses(network, chip)
    ways = routes(network, found)
    spikes = sum(item.size * _rate(network, item.name, rates) for item in network.populations)
    axons = sum(_events(item, rates) * len(item.cores) for item in ways)
    across, along = _hops(ways, chip, rates)
    loads = _loads(network, ways, found, rates)
    synapses = sum(item.synapses for item in loads.values())
    units = sum(item.size for item in network.populations)
    fixed = (units * (facts["soma_access_energy"] + facts["soma_update_energy"]) + spikes * facts["soma_spike_energy"]
             + axons * facts["axon_energy"] + across * facts["hop_energy_east_west"]
             + along * facts["hop_energy_north_south"])
    energy = tuple(fixed + synapses * cost for cost in facts["synapse_energy_range"])
    way = max((_way(item.origin, core, chip) for item in ways for core in item.cores), default=0.0)
    time = tuple(way + barrier + max((_busy(load, cost, chip) for load in loads.values()), default=0.0)
                 for cost, barrier in zip(facts["synapse_time_range"], facts["barrier_time_range"], strict=True))
    sources = dict.fromkeys(chip.sources[f"{chip.family}.{name}"] for name in EVENTS)
    return Estimate(units, spikes, axons, (across, along), synapses, energy, time, tuple(sources))  # pyright: ignore


def _rate(network: Network, population: str, rates: Mapping[str, float]) -> float:
    """Spikes of a unit in a step; a population that is only read sends none."""
    program = network.programs[network.node(population).site.program]  # pyright: ignore[reportAttributeAccessIssue]
    known = [rates.get(f"{population}.{emit.port}") for emit in program.emits]
    return max((item for item in known if item is not None), default=0.0)


def _events(item: Route, rates: Mapping[str, float]) -> float:
    return len(item.units) * rates.get(f"{item.node}.{item.port}", 1.0)


def _hops(ways: list[Route], chip: Chip, rates: Mapping[str, float]) -> tuple[float, float]:
    """Links between tiles, east-west and north-south."""
    across = along = 0.0
    for item in ways:
        for core in item.cores:
            x, y = _tiles(item.origin, core, chip)
            across, along = across + x * _events(item, rates), along + y * _events(item, rates)
    return across, along


def _tiles(origin: Core, core: Core, chip: Chip) -> tuple[int, int]:
    width, height = chip.facts["tile_width"], chip.facts["tile_height"]
    return abs(origin[0] // width - core[0] // width), abs(origin[1] // height - core[1] // height)


def _way(origin: Core, core: Core, chip: Chip) -> float:
    x, y = _tiles(origin, core, chip)
    return x * chip.facts["hop_time_east_west"] + y * chip.facts["hop_time_north_south"]


def _loads(
    network: Network, ways: list[Route], synapses: Mapping[str, Synapses], rates: Mapping[str, float]
) -> dict[Core, _Load]:
    sent: Counter[Core] = Counter()
    for item in ways:
        if not isinstance(network.node(item.node), Input):
            sent[item.origin] += _events(item, rates) * len(item.cores)  # pyright: ignore[reportArgumentType]
    loads = {}
    for core, segments in by_core(network).items():
        spikes = sum((item.stop - item.start) * _rate(network, name, rates) for name, item in segments)
        events = sum(_synaptic(synapses[link.name], item.start, item.stop, rates)
                     for name, item in segments for link in network.into(name))
        loads[core] = _Load(spikes, sent[core], events)
    return loads


def _synaptic(item: Synapses, start: int, stop: int, rates: Mapping[str, float]) -> float:
    rate = rates.get(f"{item.projection.source}.{item.projection.source_port}", 1.0)
    return float(np.sum(item.list_lengths(start, stop))) * rate


def _busy(load: _Load, synapse: float, chip: Chip) -> float:
    """ns that a core is busy in a step."""
    return (load.spikes * chip.facts["soma_spike_time"] + load.axons * chip.facts["axon_time"]
            + load.synapses * synapse)
