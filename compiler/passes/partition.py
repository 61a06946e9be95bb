"""Cuts populations into segments that fit one core each, under every limit of the chip at once.

Rewrite: a population gets consecutive segments of its units, each with a core and a slot.
  before  population %hid[128] = @leaky(…)
  after   population %hid[128] = @leaky(…) @core(0,0) slot 0 units 0:96  @core(1,0) slot 0 units 96:128
Populations are cut one after the other, every segment as long as an empty core allows (binary search over
demands that only grow). Then what is left over at the ends of populations moves in with other segments,
first where most of its axons are there already. Fan-out to cores is known only afterwards: the cut is
repeated with the fan-outs found until they hold.

Levels: fixed -> mapped. Preserves: everything but placement; the graph, its tensors and programs are shared.
Source: constraints and bounds in `mapping.md`; greedy axon overlap after A. Balaji et al., Mapping spiking
neural networks onto a crossbar neuromorphic architecture (SpiNeMap), IEEE TVLSI 28(1), 2020.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from compiler.analysis.occupancy import Demand, Needs, combined, exceeded, in_axons, needs_of
from compiler.analysis.routes import Core, fan_out
from compiler.chips import Chip
from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare
from compiler.ir.network import Network, Segment

LEVELS = ("fixed",)

E401 = declare("E401", "the network needs more cores than the chip has")
E402 = declare("E402", "a single unit needs more than a whole core has")

ROUNDS = 16
HOSTS = 64


@dataclass
class _Core:
    """Segments that share a core, by population name, with what they need together."""

    segments: list[tuple[str, int, int]] = field(default_factory=list)
    demand: Demand = field(default_factory=Demand)


def run(network: Network, options) -> Network:
    """Partition for `options.chip`. Errors: E401, E402, for every population concerned."""
    chip: Chip = options.chip
    found: dict[str, np.ndarray] = {}
    for _ in range(ROUNDS):
        needs = needs_of(network, chip, found)
        cores = _partitioned(network, needs, chip)
        mapped = _placed(network, cores, chip)
        fresh = fan_out(mapped, next(iter(needs.values())).synapses) if needs else {}
        if _holds(mapped, fresh, chip):
            break
        found = {name: np.maximum(units, found.get(name, 0)) for name, units in fresh.items()}
    if len(cores) > chip.cores:
        raise DiagnosticError(_too_many(cores, chip))
    return mapped


def _partitioned(network: Network, needs: dict[str, Needs], chip: Chip) -> list[_Core]:
    cuts = {item.name: _cut(needs[item.name], chip) for item in _order(network)}
    findings = [item for cut in cuts.values() for item in cut if isinstance(item, Diagnostic)]
    cores = [core for cut in cuts.values() for core in cut if isinstance(core, _Core)]
    if findings:
        raise DiagnosticError([*findings, *(_too_many(cores, chip) if len(cores) > chip.cores else [])])
    movable = [core for cut in cuts.values() if (core := cut[-1]) and isinstance(core, _Core)]
    return _merged(network, cores, movable, chip)


def _order(network: Network):
    """Populations as activity reaches them."""
    return sorted(network.populations, key=lambda item: (item.skew, item.name))


def _cut(needs: Needs, chip: Chip) -> list[_Core | Diagnostic]:
    """Segments of one population, each as long as an empty core allows; a finding where no unit fits."""
    cores: list[_Core | Diagnostic] = []
    start, size, name = 0, needs.population.size, needs.population.name
    while start < size:
        length = _longest(needs, start, chip)
        if length == 0:
            return [_too_big(needs, start, chip)]
        cores.append(_Core([(name, start, start + length)], needs.of(start, start + length)))
        start += length
    return cores


def _longest(needs: Needs, start: int, chip: Chip) -> int:
    """Units from `start` on that an empty core holds: the demand only grows, so bisection finds it."""
    low, high = 0, min(needs.population.size - start, chip.neurons)
    if high and not exceeded(needs.network, needs.of(start, start + high), chip):
        return high
    while high - low > 1:
        middle = (low + high) // 2
        if exceeded(needs.network, needs.of(start, start + middle), chip):
            high = middle
        else:
            low = middle
    return low


def _merged(network: Network, cores: list[_Core], movable: list[_Core], chip: Chip) -> list[_Core]:
    """Last segments move in with others, the smallest first, where most of their axons are shared."""
    limits = np.array(
        [getattr(chip, name) for name in ("neurons", "accumulators", "neuron_memory", "synapse_memory", "out_axons")],
        np.int64,
    )
    for guest in sorted(movable, key=lambda core: (core.demand.amounts[0], core.segments)):
        amounts = np.stack([core.demand.amounts for core in cores])
        room = np.flatnonzero((amounts + guest.demand.amounts <= limits).all(axis=1))
        hosts = [cores[index] for index in room[:HOSTS] if cores[index] is not guest]
        host = _best_host(network, guest, hosts, chip)
        if host is not None:
            host.segments = host.segments + guest.segments
            host.demand = combined([host.demand, guest.demand])
            cores = [core for core in cores if core is not guest]
    return cores


def _best_host(network: Network, guest: _Core, hosts: list[_Core], chip: Chip) -> _Core | None:
    """The host that shares the most axons with the guest and has room for it, the fuller one of equals."""
    best, shared_most = None, (-1, -1)
    for host in hosts:
        together = combined([host.demand, guest.demand])
        if exceeded(network, together, chip):
            continue
        separate = in_axons(network, host.demand) + in_axons(network, guest.demand)
        shared = (separate - in_axons(network, together), int(host.demand.amounts[0]))
        if shared > shared_most:
            best, shared_most = host, shared
    return best


def _placed(network: Network, cores: list[_Core], chip: Chip) -> Network:
    """The network with its segments on cores numbered row by row; the placement pass moves them."""
    mapped = network.copy()
    mapped.level, mapped.chip = "mapped", chip.name
    segments: dict[str, list[Segment]] = {}
    for number, core in enumerate(cores):
        slot = 0
        for name, start, stop in core.segments:
            segments.setdefault(name, []).append(Segment(start, stop, _position(number, chip), slot))
            slot += stop - start
    for population in network.populations:
        placement = sorted(segments[population.name], key=lambda item: item.start)
        mapped.add(replace(population, placement=tuple(placement)))
    return mapped


def _position(number: int, chip: Chip) -> Core:
    return number % chip.width, number // chip.width


def _holds(mapped: Network, found: dict[str, np.ndarray], chip: Chip) -> bool:
    """Whether no core sends to more destinations than it has out-axons."""
    sent: dict[Core, int] = {}
    for population in mapped.populations:
        for item in population.placement:
            sent[item.core] = sent.get(item.core, 0) + int(found[population.name][item.start : item.stop].sum())
    return max(sent.values(), default=0) <= chip.out_axons


def _too_big(needs: Needs, unit: int, chip: Chip) -> Diagnostic:
    """What a single unit asks of an empty core, every limit that it breaks."""
    faults = exceeded(needs.network, needs.of(unit, unit + 1), chip)
    found = ", ".join(f"{name} {amount}" for name, (amount, _) in faults.items())
    limits = ", ".join(f"{name} {limit}" for name, (_, limit) in faults.items())
    return Diagnostic(
        E402,
        f"unit {unit} of population {needs.population.name} does not fit an empty core of {chip.name}",
        Place(path=needs.population.name),
        found,
        f"at most {limits}",
        "use fewer presynaptic units, narrower weights or states, or a larger chip (--chip)",
    )


def _too_many(cores: list[_Core], chip: Chip) -> list[Diagnostic]:
    """One finding per population, the most expensive first."""
    shares: dict[str, int] = {}
    for core in cores:
        for name, _, _ in core.segments:
            shares[name] = shares.get(name, 0) + 1
    ordered = sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))
    needed, hint = len(cores), "use fewer units or narrower weights, or a larger chip (--chip)"
    return [
        Diagnostic(
            E401,
            f"population {name} takes part in {count} of the {needed} cores that are needed, "
            f"{chip.name} has {chip.cores}",
            Place(path=name),
            f"{needed} cores, {count} with units of {name}",
            f"at most {chip.cores} cores",
            hint,
        )
        for name, count in ordered
    ]
