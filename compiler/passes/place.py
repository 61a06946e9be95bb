"""Moves cores on the mesh so that events travel over fewer links.

Rewrite: the cores of all segments are permuted; nothing else changes.
  before  population %hid[128] … @core(0,0) units 0:96  @core(1,0) units 96:128
  after   population %hid[128] … @core(1,0) units 0:96  @core(0,0) units 96:128
First along a Hilbert curve, which keeps cores that follow each other in the network close on the mesh,
then pairs of neighbouring positions swap as long as the links of all multicast trees get fewer. The work
is bounded by counting, not by the clock, so that the same network always lands on the same cores.

Levels: mapped. Preserves: segments, slots and everything that is computed.
Source: D. Hilbert, Math. Annalen 38, 1891; swaps on multicast hops as in `mapping.md`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from compiler.analysis.occupancy import by_core
from compiler.analysis.routes import INJECTION, Core, hops, routes
from compiler.analysis.synapses import all_synapses
from compiler.chips import Chip
from compiler.ir.network import Input, Network

LEVELS = ("mapped",)

WORK = 1_000_000
"""Destinations that may be looked at while swapping."""


def run(network: Network, options) -> Network:
    """Place the used cores of a partitioned network on the mesh of `options.chip`."""
    chip: Chip = options.chip
    used = list(by_core(network))
    demands = _multicasts(network, chip)
    curve = list(_hilbert(chip))
    position = dict(zip(used, curve, strict=False))
    free = [core for core in curve if core not in set(position.values())][: len(used)]
    _swap(position, demands, [*position.values(), *free])
    return _moved(network, position)


def _moved(network: Network, position: dict[Core, Core]) -> Network:
    moved = network.copy()
    for population in network.populations:
        placement = tuple(replace(item, core=position[item.core]) for item in population.placement)
        moved.add(replace(population, placement=placement))
    return moved


Multicast = tuple[Core | None, tuple[Core, ...], int]
"""Origin (None: the host's injection point), destinations, number of units that use it."""


def _multicasts(network: Network, chip: Chip) -> list[Multicast]:
    """What is sent between cores, equal trees counted together."""
    weights: Counter[tuple[Core | None, tuple[Core, ...]]] = Counter()
    for item in routes(network, all_synapses(network, chip)):
        origin = None if isinstance(network.node(item.node), Input) else item.origin
        weights[origin, item.cores] += len(item.units)
    return [(origin, cores, count) for (origin, cores), count in weights.items()]


def _swap(position: dict[Core, Core], demands: list[Multicast], places: list[Core]) -> None:
    """Exchange what lies on two places while that saves links; `position` is changed."""
    touching: dict[Core, list[int]] = {core: [] for core in position}
    for index, (origin, cores, _) in enumerate(demands):
        for core in {*cores} | ({origin} if origin is not None else set()):
            touching[core].append(index)
    costs = [_cost(position, item) for item in demands]
    holder: dict[Core, Core] = {place: core for core, place in position.items()}
    work, better = WORK, True
    while better and work > 0:
        better = False
        for first, second in _neighbours(places):
            moved = [core for core in (holder.get(first), holder.get(second)) if core is not None]
            affected = sorted({index for core in moved for index in touching[core]})
            work -= 1 + sum(1 + len(demands[index][1]) for index in affected)
            if not affected or work <= 0:
                continue
            _exchange(position, holder, first, second)
            after = {index: _cost(position, demands[index]) for index in affected}
            if sum(after.values()) < sum(costs[index] for index in affected):
                better = True
                for index, cost in after.items():
                    costs[index] = cost
            else:
                _exchange(position, holder, first, second)


def _exchange(position: dict[Core, Core], holder: dict[Core, Core], first: Core, second: Core) -> None:
    one, other = holder.pop(first, None), holder.pop(second, None)
    if one is not None:
        position[one], holder[second] = second, one
    if other is not None:
        position[other], holder[first] = first, other


def _cost(position: dict[Core, Core], multicast: Multicast) -> int:
    origin, cores, weight = multicast
    start = INJECTION if origin is None else position[origin]
    return weight * hops(start, [position[core] for core in cores])


def _neighbours(places: list[Core]) -> Iterator[tuple[Core, Core]]:
    """Pairs of places, near ones on the curve first."""
    for distance in range(1, len(places)):
        for index in range(len(places) - distance):
            yield places[index], places[index + distance]


def _hilbert(chip: Chip) -> Iterator[Core]:
    """The positions of the mesh along a Hilbert curve over the next power of two."""
    side = 1 << max(chip.width - 1, chip.height - 1, 0).bit_length()
    for distance in range(side * side):
        x, y = _hilbert_point(side, distance)
        if x < chip.width and y < chip.height:
            yield x, y


def _hilbert_point(side: int, distance: int) -> Core:
    """Point at a distance along the Hilbert curve on a square of side 2**k."""
    x = y = 0
    size = 1
    while size < side:
        east = 1 & (distance // 2)
        south = 1 & (distance ^ east)
        if south == 0:
            if east == 1:
                x, y = size - 1 - x, size - 1 - y
            x, y = y, x
        x, y = x + size * east, y + size * south
        distance //= 4
        size *= 2
    return x, y
