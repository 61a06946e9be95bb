"""What units of a population need on a core, and whether a core has it.

Everything adds up over the segments of a core except in-axons and profiles, which are sets: two segments
that hear the same presynaptic units share their axons.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from compiler.analysis.sums import sums_of
from compiler.analysis.synapses import Synapses, all_synapses, list_bits
from compiler.chips import Chip
from compiler.formats import BoolType, Format
from compiler.ir.network import Network, Population, Projection, Segment
from compiler.ir.program import Site, TensorRef

ADDITIVE = ("neurons", "accumulators", "neuron_memory", "synapse_memory", "out_axons")
RESOURCES = (*ADDITIVE, "in_axons", "profiles")

Axons = dict[tuple[str, str], np.ndarray | None]
"""Presynaptic units that reach a core, by (node, port): bool [units], None for all of them."""


@dataclass(frozen=True)
class Demand:
    """What a set of segments needs on one core. amounts: one number per resource of ADDITIVE."""

    amounts: np.ndarray = field(default_factory=lambda: np.zeros(len(ADDITIVE), np.int64))
    axons: Axons = field(default_factory=dict)
    profiles: frozenset = frozenset()


@dataclass(frozen=True)
class Needs:
    """Everything that a population's demand depends on. fan_out: destination cores of every unit, int64 [n]."""

    network: Network
    population: Population
    synapses: dict[str, Synapses]
    fan_out: np.ndarray

    @cached_property
    def incoming(self) -> list[Projection]:
        return self.network.into(self.population.name)

    @cached_property
    def sites(self) -> list[Site]:
        """Sites with one program per postsynaptic unit."""
        return [self.population.site, *(item.post for item in self.incoming if item.post is not None)]

    @cached_property
    def unit_bits(self) -> int:
        """Neuron memory of one unit with its post programs."""
        return sum(site_bits(self.network, site) for site in self.sites)

    @cached_property
    def unit_sums(self) -> int:
        return len(sums_of(self.network, self.population))

    @cached_property
    def profiles(self) -> frozenset:
        pre = [item.pre for item in self.incoming if item.pre is not None]
        return frozenset(profile(site) for site in (*self.sites, *pre))

    def of(self, start: int, stop: int) -> Demand:
        """The demand of units start..stop on one core."""
        units = stop - start
        axons: Axons = {}
        extra_sums, extra_bits, memory = 0, 0, 0
        for item in self.incoming:
            reached = arriving(self.synapses[item.name], item, start, stop)
            memory += projection_bits(self.network, self.synapses[item.name], start, stop)
            key = (item.source, item.source_port)
            axons[key] = joined(axons[key], reached) if key in axons else reached
            if item.pre is not None:
                traced = size_of(reached, self.network.size_of(item.source))
                extra_sums += traced
                extra_bits += traced * site_bits(self.network, item.pre)
        fan_out = int(self.fan_out[start:stop].sum())
        sums = units * self.unit_sums + extra_sums
        amounts = (units, sums, units * self.unit_bits + extra_bits, memory, fan_out)
        return Demand(np.array(amounts, np.int64), axons, self.profiles)


def needs_of(network: Network, chip: Chip, fan_out: dict[str, np.ndarray] | None = None) -> dict[str, Needs]:
    """Of every population by name; without fan_out nothing is counted for out-axons."""
    found = all_synapses(network, chip)
    fan_out = fan_out or {}
    return {
        item.name: Needs(network, item, found, fan_out.get(item.name, np.zeros(item.size, np.int64)))
        for item in network.populations
    }


def arriving(synapses: Synapses, projection: Projection, start: int, stop: int) -> np.ndarray | None:
    """Presynaptic units whose events must reach units start..stop: bool [pre], None for all.

    A pre program runs for every presynaptic unit, with or without synapses; those without live with unit 0.
    """
    reached = synapses.sources(start, stop)
    if reached is None or projection.pre is None or start > 0:
        return reached
    everywhere = synapses.sources(0, synapses.matrix.shape[0])
    return reached if everywhere is None else reached | ~everywhere


def projection_bits(network: Network, synapses: Synapses, start: int, stop: int) -> int:
    """Synapse memory of a projection onto units start..stop, with the lists that feed its pre program."""
    item = synapses.projection
    if item.pre is None:
        return synapses.bits(start, stop)
    traced = size_of(arriving(synapses, item, start, stop), network.size_of(item.source))
    return synapses.bits(start, stop) + traced * int(list_bits(synapses.chip, 1, 1 + synapses.chip.index_bits))


def combined(demands: Iterable[Demand]) -> Demand:
    """The demand of several segments on one core."""
    amounts, profiles = np.zeros(len(ADDITIVE), np.int64), frozenset()
    axons: Axons = {}
    for item in demands:
        amounts = amounts + item.amounts
        profiles |= item.profiles
        for key, units in item.axons.items():
            axons[key] = joined(axons[key], units) if key in axons else units
    return Demand(amounts, axons, profiles)


def joined(left: np.ndarray | None, right: np.ndarray | None) -> np.ndarray | None:
    """Units of either; None stands for all."""
    return None if left is None or right is None else left | right


def size_of(units: np.ndarray | None, all_units: int) -> int:
    return all_units if units is None else int(np.count_nonzero(units))


def in_axons(network: Network, demand: Demand) -> int:
    """Presynaptic units that reach the core, each counted once however many synapse lists it has."""
    return sum(size_of(units, network.size_of(node)) for (node, _), units in demand.axons.items())


def used(network: Network, demand: Demand) -> dict[str, int]:
    """Amount of every resource of RESOURCES."""
    amounts = dict(zip(ADDITIVE, demand.amounts.tolist(), strict=True))
    return amounts | {"in_axons": in_axons(network, demand), "profiles": len(demand.profiles)}


def exceeded(network: Network, demand: Demand, chip: Chip) -> dict[str, tuple[int, int]]:
    """Resources of one core that are not enough: name -> (used, available)."""
    amounts = used(network, demand)
    return {name: (amounts[name], getattr(chip, name)) for name in RESOURCES if amounts[name] > getattr(chip, name)}


def demand_on(needs: dict[str, Needs], segments: Iterable[tuple[str, Segment]]) -> Demand:
    """The demand of segments that share a core, each given with its population's name."""
    return combined(needs[name].of(item.start, item.stop) for name, item in segments)


def by_core(network: Network) -> dict[tuple[int, int], list[tuple[str, Segment]]]:
    """The segments of every used core, cores from north-west in rows, segments by slot."""
    found: dict[tuple[int, int], list[tuple[str, Segment]]] = {}
    for population in network.populations:
        for item in population.placement:
            found.setdefault(item.core, []).append((population.name, item))
    ordered = sorted(found.items(), key=lambda pair: (pair[0][1], pair[0][0]))
    return {core: sorted(items, key=lambda pair: pair[1].slot) for core, items in ordered}


def site_bits(network: Network, site: Site) -> int:
    """Bits of the states and of the parameters with a value per unit, for one unit."""
    program = network.programs[site.program]
    states = sum(bits_of(item.type) for item in program.states)
    return states + sum(bits_of(item.type) for item in program.params if is_per_unit(site, item.name))


def is_per_unit(site: Site, parameter: str) -> bool:
    return isinstance(site.arguments[parameter], TensorRef)


def bits_of(type_) -> int:
    if isinstance(type_, BoolType):
        return 1
    return type_.width if isinstance(type_, Format) else 64


def profile(site: Site) -> tuple:
    """What units share on a core: the program and the parameters that are the same for all of them."""
    shared = ((name, value) for name, value in site.arguments.items() if not isinstance(value, TensorRef))
    return (site.program, tuple(sorted(shared)))
