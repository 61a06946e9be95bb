"""Proved ranges of every value of a fixed network, for any input its ports can hold."""

from __future__ import annotations

import numpy as np

from compiler.analysis import bounds
from compiler.analysis.intervals import EXACT, Interval, fit, point, whole
from compiler.analysis.ranges import SiteRanges, analyse
from compiler.ir.network import Network, Projection


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
    return found


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
