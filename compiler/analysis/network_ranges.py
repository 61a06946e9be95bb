"""Proved ranges of every value of a fixed network, for any input its ports can hold."""

from __future__ import annotations

import numpy as np

from compiler.analysis import bounds
from compiler.analysis.intervals import EXACT, Interval, fit, point, whole
from compiler.analysis.ranges import SiteRanges, analyse
from compiler.analysis.synapse_ranges import analyse_synapses
from compiler.formats import BoolType
from compiler.ir.network import PRE, Network, Projection


def ranges_of(network: Network) -> dict[str, SiteRanges]:
    """Ranges of every site by name. Between populations only what the formats promise is assumed."""
    found: dict[str, SiteRanges] = {}
    for population in network.populations:
        program = network.programs[population.site.program]
        sums = {item.name: point(np.zeros(population.size, np.int64)) for item in program.inputs}
        for projection in network.into(population.name):
            arriving = _arriving(network, projection, found)
            sums[projection.target_port] = EXACT["add"](sums[projection.target_port], arriving)
        types = program.types()
        sums = {name: fit(value, types[name]) for name, value in sums.items()}
        found[population.name] = analyse(network, population.site, population.size, sums)
        for projection in network.into(population.name):
            if projection.synapse is not None:
                found[f"{projection.name}.synapse"] = _learned(network, projection, found[population.name])
    return found


def _learned(network: Network, projection: Projection, target: SiteRanges) -> SiteRanges:
    """Ranges of plastic synapses. target: those of the population they end in."""
    site, sources = projection.synapse, network.size_of(projection.source)
    assert site is not None
    inputs = {}
    for item in network.programs[site.program].inputs:
        value = bounds.emitted(network, projection.source, projection.source_port)
        if item.name != PRE:
            value = _emitted(network, projection.target, item.name, target)
            value = Interval(np.repeat(value.low, sources), np.repeat(value.high, sources), value.fraction)
        inputs[item.name] = fit(value, item.type)
    return analyse_synapses(network, site, sources * network.size_of(projection.target), inputs)


def _emitted(network: Network, population: str, port: str, ranges: SiteRanges) -> Interval:
    """What a population emits, per unit: a truth value is either."""
    units = np.ones(network.size_of(population), np.int64)
    if isinstance(network.emitted_type(population, port), BoolType):
        return Interval(0 * units, units)
    program = network.programs[network.node(population).site.program]  # pyright: ignore
    value = ranges.values[program.emit(port).value]  # pyright: ignore[reportArgumentType]
    return Interval(value.low * units, value.high * units, value.fraction)


def _arriving(network: Network, projection: Projection, found: dict[str, SiteRanges]) -> Interval:
    carried = bounds.emitted(network, projection.source, projection.source_port)
    if projection.pre is not None:
        program = network.programs[projection.pre.program]
        inputs = {program.inputs[0].name: carried}
        name = f"{projection.name}.pre"
        found[name] = analyse(network, projection.pre, network.size_of(projection.source), inputs)
        carried = bounds.with_zero(whole(program.types()[program.emits[0].value]))  # pyright: ignore
    total = bounds.with_bias(network, projection, bounds.weighted(network, projection, carried))
    if projection.accumulator is not None:
        total = fit(total, projection.accumulator)
    if projection.post is None:
        return total
    program = network.programs[projection.post.program]
    inputs = {program.inputs[0].name: fit(total, program.inputs[0].type)}
    ranges = analyse(network, projection.post, network.size_of(projection.target), inputs)
    found[f"{projection.name}.post"] = ranges
    return ranges.values[program.emits[0].value]  # pyright: ignore[reportArgumentType]
