"""Where events go: destination cores of every unit, and the links of the multicast trees that serve them.

A tree is the union of the XY paths to its destinations: along the source's row first, then up and down
the columns. Inputs are injected by the host at the router of core (0, 0).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from compiler.analysis.occupancy import arriving, by_core, joined
from compiler.analysis.synapses import Synapses
from compiler.ir.network import Input, Network, Segment

Core = tuple[int, int]
Link = tuple[int, int, int]
"""x and y of the router a link leaves, and its direction."""

EAST, WEST, SOUTH, NORTH = 0, 1, 2, 3
STEPS = {EAST: (1, 0), WEST: (-1, 0), SOUTH: (0, 1), NORTH: (0, -1)}
INJECTION: Core = (0, 0)


@dataclass(frozen=True)
class Route:
    """Units of one port on one core (or input) with the same destination cores."""

    node: str
    port: str
    origin: Core
    units: np.ndarray
    cores: tuple[Core, ...]


def reached_units(
    network: Network, synapses: dict[str, Synapses]
) -> dict[tuple[str, str], dict[Core, np.ndarray | None]]:
    """For every port that is sent anywhere: which units reach which core, None for all of them."""
    found: dict[tuple[str, str], dict[Core, np.ndarray | None]] = {}
    for core, segments in by_core(network).items():
        for name, segment in segments:
            for item in network.into(name):
                cores = found.setdefault((item.source, item.source_port), {})
                units = arriving(synapses[item.name], item, segment.start, segment.stop)
                cores[core] = joined(cores[core], units) if core in cores else units
    return dict(sorted(found.items()))


def fan_out(network: Network, synapses: dict[str, Synapses]) -> dict[str, np.ndarray]:
    """Destination cores of every unit, summed over the ports it emits: int64 [n] by population."""
    counts = {item.name: np.zeros(item.size, np.int64) for item in network.populations}
    for (node, _), cores in reached_units(network, synapses).items():
        for units in cores.values():
            if node in counts:
                counts[node] += 1 if units is None else units
    return counts


def routes(network: Network, synapses: dict[str, Synapses]) -> list[Route]:
    """Every route, in the order of nodes, ports, segments and first units."""
    found = []
    for (node, port), cores in reached_units(network, synapses).items():
        for segment in origins(network, node):
            for units, destinations in _grouped(cores, segment.start, segment.stop):
                found.append(Route(node, port, segment.core, units, destinations))
    return found


def origins(network: Network, node: str) -> tuple[Segment, ...]:
    """Where the units of a node send from."""
    item = network.node(node)
    if isinstance(item, Input):
        return (Segment(0, item.size, INJECTION, 0),)
    return item.placement  # pyright: ignore[reportAttributeAccessIssue]


def _grouped(
    cores: dict[Core, np.ndarray | None], start: int, stop: int
) -> Iterator[tuple[np.ndarray, tuple[Core, ...]]]:
    """Units start..stop in groups of equal destinations; units without any are left out."""
    names = list(cores)
    if all(units is None for units in cores.values()):
        yield np.arange(start, stop), tuple(names)
        return
    whole = np.ones(stop - start, bool)
    reach = np.stack([whole if units is None else units[start:stop] for units in cores.values()], axis=1)
    packed = np.packbits(reach, axis=1)
    _, first, group = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    for number in np.argsort(first):
        destinations = tuple(names[index] for index in np.flatnonzero(reach[first[number]]))
        if destinations:
            yield start + np.flatnonzero(group.reshape(-1) == number), destinations


def tree(origin: Core, cores: Iterable[Core]) -> list[Link]:
    """Links of the XY multicast tree, every one after the link that feeds it.

    >>> tree((0, 0), [(1, 1)])
    [(0, 0, 0), (1, 0, 2)]
    """
    x0, y0 = origin
    columns: dict[int, list[int]] = {}
    for x, y in cores:
        columns.setdefault(x, []).append(y)
    links = []
    links += [(x, y0, EAST) for x in range(x0, max([x0, *columns]))]
    links += [(x, y0, WEST) for x in range(x0, min([x0, *columns]), -1)]
    for x, rows in sorted(columns.items()):
        links += [(x, y, SOUTH) for y in range(y0, max(y0, *rows))]
        links += [(x, y, NORTH) for y in range(y0, min(y0, *rows), -1)]
    return links


def hops(origin: Core, cores: Iterable[Core]) -> int:
    """Links of the tree, counted without listing them."""
    x0, y0 = origin
    lowest: dict[int, int] = {x0: y0}
    highest: dict[int, int] = {x0: y0}
    for x, y in cores:
        lowest[x] = min(lowest.get(x, y0), y)
        highest[x] = max(highest.get(x, y0), y)
    return max(lowest) - min(lowest) + sum(highest[x] - lowest[x] for x in lowest)


def router_load(found: Iterable[Route]) -> Counter[Core]:
    """How many different trees every router takes part in."""
    load: Counter[Core] = Counter()
    for item in found:
        touched = {item.origin}
        for x, y, direction in tree(item.origin, item.cores):
            dx, dy = STEPS[direction]
            touched.add((x + dx, y + dy))
        load.update(touched)
    return load
