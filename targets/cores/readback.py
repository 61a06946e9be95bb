"""Reads weights back out of core tables: what the words of the synapse memories say, put together again."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from compiler.analysis.sums import sums_of, weighted_fraction
from compiler.analysis.synapses import all_synapses
from compiler.chips import Chip
from compiler.ir.network import Network
from targets.cores.layout import Layout, layouts
from targets.cores.synapse_memory import decode
from targets.cores.tables import read


def stored_weights(folder: Path, network: Network, name: str, chip: Chip) -> np.ndarray:
    """Raw weights [post, pre] of a projection in the tables of a folder: a projection that alone feeds its sum.

    The network says where its units and sums lie; the weights come from the tables. Raises ValueError where another
    projection adds to the same accumulators.
    """
    projection = network.projection(name)
    tables = read(folder)
    found = np.zeros((network.size_of(projection.target), network.size_of(projection.source)), np.int64)
    sums = sums_of(network, network.node(projection.target))  # pyright: ignore[reportArgumentType]
    own = next(item for item in sums if name in item.projections)
    if len(own.projections) > 1:
        raise ValueError(f"{name} shares its accumulators with {', '.join(own.projections)}")
    key = (projection.source, projection.source_port)
    for layout in layouts(network, all_synapses(network, chip)):
        if own.name in layout.bases and key in layout.axons:
            _add(found, layout, decode(tables, layout.number), key, own.name, projection.target)
    return found >> (own.fraction - weighted_fraction(network, projection))


def _add(found: np.ndarray, layout: Layout, decoded, key: tuple[str, str], sum_: str, target: str) -> None:
    """The synapses of one core that lie between the units of a port and the accumulators of a sum."""
    first, units = layout.bases[sum_], layout.rows[target]
    axon = decoded.axon - layout.first_axon[key]
    row = decoded.accumulator - first
    mine = (axon >= 0) & (axon < len(layout.axons[key])) & (row >= 0) & (row < len(units))
    np.add.at(found, (units[row[mine]], layout.axons[key][axon[mine]]), decoded.weight[mine])
