"""Bounds of what arrives at a port: exact sums of the weights that can act in one step, per unit."""

from __future__ import annotations

import numpy as np

from compiler.analysis.intervals import EXACT, Interval, align, literal, point, whole
from compiler.formats import Format, Type
from compiler.ir.network import WEIGHT, Input, Network, Projection
from compiler.ir.program import TensorRef


def emitted(network: Network, node: str, port: str) -> Interval:
    """What a port can carry, 0 (before the start) included. Values of populations: all their format holds."""
    item = network.node(node)
    if isinstance(item, Input):
        return _input(item)
    return with_zero(whole(network.programs[item.site.program].emit_type(port)))  # pyright: ignore


def _input(item: Input) -> Interval:
    kind = item.port
    if kind.kind == "current":
        return with_zero(whole(kind.type))
    high = kind.maximum if kind.kind == "events" else 1
    return Interval(np.asarray(-1 if kind.kind == "signed" else 0), np.asarray(high))


def with_zero(value: Interval) -> Interval:
    return Interval(np.minimum(value.low, 0), np.maximum(value.high, 0), value.fraction)


def weighted(network: Network, projection: Projection, carried: Interval) -> Interval:
    """Bounds [post] of the weighted sum of one projection, without bias."""
    shape, size = network.shape_of(projection.source), network.size_of(projection.source)
    low, high = (np.broadcast_to(item, (size,)).astype(np.int64) for item in (carried.low, carried.high))
    fraction = carried.fraction
    if projection.synapse is not None:
        return _learned(network, projection, Interval(low, high, fraction))
    for link in projection.chain:
        low, high = link.reach(low, high, shape, network.tensors)
        shape = link.output_shape(shape, network.tensors)
        fraction += fraction_of(network, link.weights)
    return Interval(low, high, fraction)


def _learned(network: Network, projection: Projection, carried: Interval) -> Interval:
    """The same with weights that change: each may be anything that its format holds."""
    weight = whole(weight_type(network, projection))
    ends = [factor * end for factor in (weight.low, weight.high) for end in (carried.low, carried.high)]
    units = np.ones(network.size_of(projection.target), np.int64)
    low, high = (int(pick.reduce(ends).sum()) for pick in (np.minimum, np.maximum))
    return Interval(low * units, high * units, weight.fraction + carried.fraction)


def weight_type(network: Network, projection: Projection) -> Type:
    """The type of plastic weights."""
    assert projection.synapse is not None
    return network.programs[projection.synapse.program].state(WEIGHT).type


def with_bias(network: Network, projection: Projection, total: Interval) -> Interval:
    """The sum with its bias, present or not yet."""
    if projection.bias is None:
        return total
    bias = bias_of(network, projection.bias)
    without, biased = align(total, EXACT["add"](total, bias))
    return without.hull(biased)


def bias_of(network: Network, bias: float | TensorRef) -> Interval:
    if isinstance(bias, TensorRef):
        tensor = network.tensor(bias)
        return point(tensor.data.astype(np.int64).reshape(-1), type_fraction(tensor.type))
    return literal(bias)


def type_fraction(type_: Type) -> int:
    return type_.fraction if isinstance(type_, Format) else 0


def fraction_of(network: Network, weights: TensorRef | None) -> int:
    return 0 if weights is None else type_fraction(network.tensor(weights).type)

