"""What a mapping costs: cores and their resources, used and available; what travels; how far both are from
the best that any mapping could reach.

Bounds follow from counting alone (`mapping.md`): no core holds more than its limits, and an event has to
reach at least as many cores as its synapses need.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np

from compiler.analysis.occupancy import ADDITIVE, RESOURCES, Needs, by_core, demand_on, needs_of, used
from compiler.analysis.routes import Core, Link, Route, fan_out, hops, routes, tree
from compiler.analysis.synapses import Synapses, all_synapses
from compiler.chips import Chip
from compiler.ir.network import Input, Network


@dataclass(frozen=True)
class CoreUse:
    """What one core holds: segments as (population, start, stop), and the amount of every resource."""

    core: Core
    segments: tuple[tuple[str, int, int], ...]
    used: dict[str, int]


def core_uses(network: Network, chip: Chip) -> list[CoreUse]:
    """Every used core of a mapped network, in rows from north-west."""
    found = all_synapses(network, chip)
    return _core_uses(network, needs_of(network, chip, fan_out(network, found)))


def _core_uses(network: Network, needs: dict[str, Needs]) -> list[CoreUse]:
    return [
        CoreUse(
            core,
            tuple((name, item.start, item.stop) for name, item in segments),
            used(network, demand_on(needs, segments)),
        )
        for core, segments in by_core(network).items()
    ]


def resources(network: Network, chip: Chip, rates: Mapping[str, float] | None = None) -> dict[str, Any]:
    """Resources and traffic of a mapped network, plain numbers for a report.

    rates: events per unit and step by `node.port`; 1 where it is not known.
    """
    found = all_synapses(network, chip)
    needs = needs_of(network, chip, fan_out(network, found))
    uses = _core_uses(network, needs)
    bound = least_cores(network, needs, chip)
    return {
        "cores": {"used": len(uses), "available": chip.cores, "bound": bound, "gap": len(uses) - bound},
        "per_core": {name: _spread([item.used[name] for item in uses], _available(chip, name)) for name in RESOURCES},
        "populations": _population_cores(network),
        "traffic": traffic(network, chip, found, rates or {}),
    }


def _available(chip: Chip, name: str) -> int | None:
    """A limit of a core; None where it is not known."""
    return None if name in chip.unknown else getattr(chip, name)


def _spread(amounts: list[int], available: int | None) -> dict[str, Any]:
    total = sum(amounts)
    mean = total / len(amounts) if amounts else 0.0
    return {"max": max(amounts, default=0), "mean": mean, "total": total, "available": available}


def _population_cores(network: Network) -> dict[str, int]:
    return {item.name: len({part.core for part in item.placement}) for item in network.populations}


def least_cores(network: Network, needs: dict[str, Needs], chip: Chip) -> int:
    """Cores that no mapping can do without: every additive resource, and the axons of every unit's fan-in."""
    if not needs:
        return 0
    whole = [item.of(0, item.population.size) for item in needs.values()]
    totals = np.sum([item.amounts for item in whole], axis=0)
    bounds = [
        ceil(int(total) / getattr(chip, name))
        for name, total in zip(ADDITIVE, totals, strict=True)
        if name in ("neurons", "accumulators", "neuron_memory")
    ]
    synapses = next(iter(needs.values())).synapses
    bounds.append(ceil(sum(item.count * item.entry_bits for item in synapses.values()) / chip.synapse_memory))
    bounds.append(ceil(_least_pins(network, synapses, chip) / chip.in_axons))
    return max(1, *bounds)


def _least_pins(network: Network, synapses: dict[str, Synapses], chip: Chip) -> int:
    """In-axons over all cores at least: a unit that feeds n units needs an axon on n / (units per core) cores."""
    fed: dict[tuple[str, str], np.ndarray] = {}
    for item in synapses.values():
        key = (item.projection.source, item.projection.source_port)
        lengths = item.list_lengths(0, item.matrix.shape[0])
        fed[key] = np.maximum(fed.get(key, 0), lengths)
    return sum(int(np.ceil(counts / chip.neurons).sum()) for counts in fed.values())


def traffic(network: Network, chip: Chip, synapses: dict[str, Synapses], rates: Mapping[str, float]) -> dict[str, Any]:
    """Expected traffic per step: packets, hops, busiest link, with bounds; energy where the chip file has costs."""
    found = routes(network, synapses)
    weights = [len(item.units) * rates.get(f"{item.node}.{item.port}", 1.0) for item in found]
    links = link_loads(found, weights)
    packets = sum(w * len(item.cores) for item, w in zip(found, weights, strict=True))
    multicast = sum(links.values())
    events = _synaptic_events(synapses, rates)
    least = {"packets": sum(weights), "hops": _least_hops(network, found, weights)}
    count = 2 * ((chip.width - 1) * chip.height + (chip.height - 1) * chip.width)
    busiest = max(links.values(), default=0.0)
    return {
        "assumed_rate": {f"{item.node}.{item.port}": rates.get(f"{item.node}.{item.port}", 1.0) for item in found},
        "packets": packets,
        "packets_bound": least["packets"],
        "unicast_hops": sum(w * _unicast(item) for item, w in zip(found, weights, strict=True)),
        "multicast_hops": multicast,
        "multicast_hops_bound": least["hops"],
        "busiest_link": busiest,
        "busiest_link_bound": least["hops"] / count if count else 0.0,
        "synaptic_events": events,
        "energy_pj": _energy(network, chip, sum(weights), multicast, events),
    }


def link_loads(found: list[Route], weights: list[float]) -> Counter[Link]:
    """Events over every link of all multicast trees."""
    loads: Counter[Link] = Counter()
    for item, weight in zip(found, weights, strict=True):
        for link in tree(item.origin, item.cores):
            loads[link] += weight  # pyright: ignore[reportArgumentType]
    return loads


def _unicast(item: Route) -> int:
    return sum(hops(item.origin, [core]) for core in item.cores)


def _least_hops(network: Network, found: list[Route], weights: list[float]) -> float:
    """Links that no placement of these cores can save: one to every destination but the one events start from."""
    total = 0.0
    for item, weight in zip(found, weights, strict=True):
        is_at_start = isinstance(network.node(item.node), Input) or item.origin in item.cores
        total += weight * (len(item.cores) - is_at_start)
    return total


def _synaptic_events(synapses: dict[str, Synapses], rates: Mapping[str, float]) -> float:
    total = 0.0
    for item in synapses.values():
        key = f"{item.projection.source}.{item.projection.source_port}"
        total += item.count * rates.get(key, 1.0)
    return total


def _energy(network: Network, chip: Chip, events: float, multicast: float, synaptic: float) -> float:
    """pJ per step from the costs of the chip file; 0 where it has none."""
    updates = sum(item.size for item in network.populations)
    return (
        events * chip.spike_energy
        + multicast * chip.hop_energy
        + synaptic * chip.synapse_energy
        + updates * chip.update_energy
    )
