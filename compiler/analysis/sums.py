"""Which weighted sums a core keeps: what arrives at a port is added up before a program reads it.

Projections whose sums need no fitting of their own share one accumulator per unit and port. One with a
post program, or with an accumulator that rounds, saturates or wraps, has an accumulator to itself. A pre
program has one accumulator per presynaptic unit, on every core it is needed on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.analysis.synapses import weight_fraction
from compiler.formats import Format, Type
from compiler.ir.network import Network, Population, Projection
from compiler.ir.program import TensorRef


@dataclass(frozen=True)
class Sum:
    """One accumulator for every unit of a site.

    site: whose program reads it. port: which of its inputs. projections: names of those that add to it.
    fraction: of the accumulated integers. fit: type that the sum is fitted into before it is used, None
    where nothing can be lost.
    """

    name: str
    site: str
    port: str
    projections: tuple[str, ...]
    fraction: int
    fit: Type | None = None


def sums_of(network: Network, population: Population) -> list[Sum]:
    """Sums on the postsynaptic side of a population: its shared ones, then those of single projections."""
    alone = [item for item in network.into(population.name) if _needs_own_sum(network, item)]
    shared: dict[str, list[Projection]] = {}
    for item in network.into(population.name):
        if item not in alone:
            shared.setdefault(item.target_port, []).append(item)
    found = [_shared(network, population.name, port, items) for port, items in sorted(shared.items())]
    return found + [_own(network, item) for item in alone]


def pre_sum(network: Network, projection: Projection) -> Sum:
    """The sum in front of a pre program: one presynaptic value, delayed."""
    site = projection.pre
    if site is None:
        raise ValueError(f"{projection.name} has no pre program")
    port = network.programs[site.program].inputs[0].name
    fraction = fraction_of(network.emitted_type(projection.source, projection.source_port))
    return Sum(f"{projection.name}.pre.{port}", f"{projection.name}.pre", port, (projection.name,), fraction)


def weighted_fraction(network: Network, projection: Projection) -> int:
    """Fraction of weight times value."""
    if projection.pre is not None:
        carried = network.programs[projection.pre.program].emit_type()
    else:
        carried = network.emitted_type(projection.source, projection.source_port)
    return fraction_of(carried) + weight_fraction(network, projection)


def bias_values(network: Network, projection: Projection) -> tuple[np.ndarray, int]:
    """Raw bias of every postsynaptic unit, int64 [post], and its fraction; zeros where there is none."""
    units = network.size_of(projection.target)
    bias = projection.bias
    if isinstance(bias, TensorRef):
        tensor = network.tensor(bias)
        return tensor.data.astype(np.int64).reshape(-1), fraction_of(tensor.type)
    numerator, denominator = float(bias or 0).as_integer_ratio()
    return np.full(units, numerator, np.int64), denominator.bit_length() - 1


def fraction_of(type_: Type) -> int:
    return type_.fraction if isinstance(type_, Format) else 0


def _needs_own_sum(network: Network, projection: Projection) -> bool:
    if projection.post is not None:
        return True
    type_ = projection.accumulator
    return isinstance(type_, Format) and (type_.overflow != "proved" or type_.fraction < _fraction(network, projection))


def _shared(network: Network, target: str, port: str, projections: list[Projection]) -> Sum:
    fraction = max(_fraction(network, item) for item in projections)
    return Sum(f"{target}.{port}", target, port, tuple(item.name for item in projections), fraction)


def _own(network: Network, projection: Projection) -> Sum:
    fraction, members = _fraction(network, projection), (projection.name,)
    if projection.post is None:
        site, port = projection.target, projection.target_port
        return Sum(f"{site}.{port}.{projection.name}", site, port, members, fraction, projection.accumulator)
    site, port = f"{projection.name}.post", network.programs[projection.post.program].inputs[0].name
    return Sum(f"{site}.{port}", site, port, members, fraction, projection.accumulator)


def _fraction(network: Network, projection: Projection) -> int:
    """The fraction that holds the weighted sum and the bias; a grid coarser than whole numbers has a negative one."""
    weighted = weighted_fraction(network, projection)
    return weighted if projection.bias is None else max(weighted, bias_values(network, projection)[1])
