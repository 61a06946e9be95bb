"""What bits are chosen for, part by part, and how much memory a network takes.

Memory is counted as weights times their bits plus states times theirs; a weight that is learned is a state of its
synapse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from compiler.formats import BoolType, Format, Type
from compiler.ir.network import Network, Projection
from compiler.options import Options


@dataclass(frozen=True)
class Part:
    """The weights of a projection, or the states of a population with those of the projections into it.

    name: as `--bits` takes it. sites: of the states, none for weights. values: how many there are by width, at the
    widest bits.
    """

    name: str
    values: Mapping[int, int]
    sites: tuple[str, ...] = ()

    @property
    def widest(self) -> int:
        return max(self.values)

    def memory(self, bits: int) -> int:
        """Bits of memory at a width, at most."""
        return sum(count * min(width, bits) for width, count in self.values.items())


def memory_of(network: Network) -> int:
    """Bits of the weights and states of a fixed network."""
    states = sum(units * width_of(item.type) for _, site, units in network.sites()
                 for item in network.programs[site.program].states)
    return states + sum(count * width for count, width in _weights(network))


def mean_bits(network: Network) -> float:
    """Bits of a weight of a fixed network on average; 0 where there are none."""
    weights = list(_weights(network))
    return sum(count * width for count, width in weights) / max(1, sum(count for count, _ in weights))


def _weights(network: Network) -> Iterator[tuple[int, int]]:
    """How many weights of which width, link by link; those that are learned are states."""
    for item in network.projections:
        tensors = [network.tensor(link.weights) for link in item.chain if link.weights is not None]
        yield from ((tensor.data.size, width_of(tensor.type)) for tensor in tensors if item.synapse is None)


def width_of(type_: Type) -> int:
    """Bits that a value of a fixed network takes."""
    return type_.width if isinstance(type_, Format) else 1 if isinstance(type_, BoolType) else 0


def weight_parts(network: Network, options: Options) -> list[Part]:
    """Projections with weights that `--bits` leaves open."""
    counts = {item.name: _count(network, item) for item in network.projections if item.synapse is None}
    return [Part(name, {options.weight_bits: count}) for name, count in counts.items()
            if count and name not in options.bits]


def _count(network: Network, projection: Projection) -> int:
    return sum(network.tensor(link.weights).data.size for link in projection.chain if link.weights is not None)


def state_parts(fixed: Network, options: Options) -> list[Part]:
    """Populations with states that `--bits` leaves open; where weights are learned, their states keep their bits."""
    found = []
    for item in fixed.populations:
        arriving = fixed.into(item.name)
        sites = (item.name, *(f"{edge.name}.{kind}" for edge in arriving for kind, _ in edge.sites()))
        held = any(name == site or name.startswith(f"{site}.") for name in options.bits for site in sites)
        values = _state_values(fixed, sites)
        if values and not held and all(edge.synapse is None for edge in arriving):
            found.append(Part(item.name, values, sites))
    return found


def _state_values(fixed: Network, sites: tuple[str, ...]) -> dict[int, int]:
    """How many numbers of which width the states of these sites are."""
    values: dict[int, int] = {}
    for name, site, units in fixed.sites():
        for state in fixed.programs[site.program].states if name in sites else ():
            if isinstance(state.type, Format):
                values[state.type.width] = values.get(state.type.width, 0) + units
    return values
