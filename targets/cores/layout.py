"""Where everything of one core lies: compartments with their slots, accumulators, in-axons.

A compartment is one unit of a site on the core: of a population, of a post program, or of a pre program.
Slots count populations first (as placed), then post, then pre programs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from compiler.analysis.occupancy import Axons, arriving, by_core, joined
from compiler.analysis.routes import Core
from compiler.analysis.sums import Sum, pre_sum, sums_of
from compiler.analysis.synapses import Synapses
from compiler.ir.network import Network, Population, Projection, Segment


@dataclass
class Layout:
    """One core.

    number: index among the used cores. rows: units of every site, in slot order. slots: first slot of
    every site's rows. bases: first accumulator of every sum. axons: presynaptic units of every (node, port),
    ascending. first_axon: number of the first of them.
    """

    number: int
    core: Core
    segments: list[tuple[str, Segment]]
    rows: dict[str, np.ndarray] = field(default_factory=dict)
    slots: dict[str, np.ndarray] = field(default_factory=dict)
    bases: dict[str, int] = field(default_factory=dict)
    axons: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)
    first_axon: dict[tuple[str, str], int] = field(default_factory=dict)
    axon_count: int = 0
    sum_count: int = 0

    def row_of(self, name: str, unit: int) -> int:
        """Row of a population's unit."""
        return int(np.flatnonzero(self.rows[name] == unit)[0])

    def axons_of(self, key: tuple[str, str], units: np.ndarray) -> np.ndarray:
        """In-axon numbers of presynaptic units of a (node, port)."""
        return self.first_axon[key] + np.searchsorted(self.axons[key], units)


def layouts(network: Network, synapses: dict[str, Synapses]) -> list[Layout]:
    """The layout of every used core, in the order of `by_core`."""
    return [
        _layout(network, synapses, Layout(number, core, segments))
        for number, (core, segments) in enumerate(by_core(network).items())
    ]


def _layout(network: Network, synapses: dict[str, Synapses], made: Layout) -> Layout:
    names = list(dict.fromkeys(name for name, _ in made.segments))
    populations = [item for name in names for item in network.populations if item.name == name]
    for name in names:
        parts = [(item, np.arange(item.start, item.stop)) for owner, item in made.segments if owner == name]
        made.rows[name] = np.concatenate([units for _, units in parts])
        made.slots[name] = np.concatenate([item.slot + units - item.start for item, units in parts])
    for population in populations:
        _add_posts(network, made, population)
    for population in populations:
        for projection in network.into(population.name):
            _add_axons(network, made, projection, synapses[projection.name])
        _add_sums(network, made, population)
    for key in sorted(made.axons):
        made.first_axon[key] = made.axon_count
        made.axon_count += len(made.axons[key])
    return made


def _add_posts(network: Network, made: Layout, population: Population) -> None:
    for projection in network.into(population.name):
        if projection.post is not None:
            _add_rows(made, f"{projection.name}.post", made.rows[population.name])


def _add_rows(made: Layout, site: str, units: np.ndarray) -> None:
    taken = sum(len(rows) for rows in made.rows.values())
    made.rows[site] = units
    made.slots[site] = taken + np.arange(len(units))


def _add_axons(network: Network, made: Layout, projection: Projection, synapses: Synapses) -> None:
    """In-axons of a projection, joined with what other projections from the same port already need."""
    reached: Axons = {}
    key = (projection.source, projection.source_port)
    for name, segment in made.segments:
        if name == projection.target:
            units = arriving(synapses, projection, segment.start, segment.stop)
            reached[key] = joined(reached[key], units) if key in reached else units
    mask = reached[key]
    units = np.arange(network.size_of(projection.source)) if mask is None else np.flatnonzero(mask)
    made.axons[key] = np.union1d(made.axons[key], units) if key in made.axons else units
    if projection.pre is not None and len(units):
        _add_rows(made, f"{projection.name}.pre", units)


def _add_sums(network: Network, made: Layout, population: Population) -> None:
    for item in (item for item in all_sums(network, population) if item.site in made.rows):
        made.bases[item.name] = made.sum_count
        made.sum_count += len(made.rows[item.site])


def all_sums(network: Network, population: Population) -> list[Sum]:
    """Every sum on a population's cores, those of pre programs last."""
    traced = [pre_sum(network, item) for item in network.into(population.name) if item.pre is not None]
    return sums_of(network, population) + traced
