"""Bounds of what arrives at a site, recomputed from weights and biases for the certificate check."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from compiler.certificates.numbers import Pair, fit, fraction_of, plus, ratio, spread
from compiler.formats import BoolType, Format
from compiler.ir.network import PRE, WEIGHT, Input, Network, Projection
from compiler.ir.program import Program, TensorRef


def arriving(network: Network, name: str, program: Program, stated: Mapping[str, Any]) -> dict[str, Pair]:
    """Bounds of every input of a site from weights, biases, and what presynaptic ports can hold."""
    if "." in name:
        projection = network.projection(name.rpartition(".")[0])
        if name.endswith(".synapse"):
            return {item.name: fit(_at_synapses(network, projection, item.name, stated), item.type)
                    for item in program.inputs}
        port = program.inputs[0].name
        total = _carried(network, projection) if name.endswith(".pre") else _weighed(network, projection)
        return {port: fit(total, program.inputs[0].type)}
    units = network.size_of(name)
    sums = {item.name: (spread(0, units), spread(0, units), 0) for item in program.inputs}
    for projection in network.into(name):
        sums[projection.target_port] = plus(sums[projection.target_port], _delivered(network, projection, stated))
    return {item.name: fit(sums[item.name], item.type) for item in program.inputs}


def _carried(network: Network, projection: Projection) -> Pair:
    """What one presynaptic unit can carry, 0 included."""
    node, units = network.node(projection.source), network.size_of(projection.source)
    type_ = network.emitted_type(projection.source, projection.source_port)
    if isinstance(node, Input) and node.port.kind != "current":
        high = node.port.maximum if node.port.kind == "events" else 1
        low, fraction = -int(node.port.kind == "signed"), 0
    elif isinstance(type_, BoolType):
        low, high, fraction = 0, 1, 0
    else:
        low, high, fraction = min(type_.low, 0), max(type_.high, 0), type_.fraction  # pyright: ignore
    return spread(low, units), spread(high, units), fraction


def _weighed(network: Network, projection: Projection) -> Pair:
    """The weighted sum with its bias, in its accumulator."""
    low, high, fraction = _carried(network, projection)
    if projection.pre is not None:
        program = network.programs[projection.pre.program]
        type_ = program.emit_type()
        bounds = (min(type_.low, 0), max(type_.high, 0)) if isinstance(type_, Format) else (0, 1)
        low, high, fraction = (*(spread(item, len(low)) for item in bounds), fraction_of(type_))
    if projection.synapse is not None:
        return fit(_learned(network, projection, (low, high, fraction)), projection.accumulator)
    shape = network.shape_of(projection.source)
    for link in projection.chain:
        matrix = link.matrix(shape, network.tensors)
        shape = link.output_shape(shape, network.tensors)
        low, high = _products(matrix, low, high)
        fraction += fraction_of(network.tensor(link.weights).type) if link.weights is not None else 0
    total = low, high, fraction
    if projection.bias is not None:
        if isinstance(projection.bias, TensorRef):
            tensor = network.tensor(projection.bias)
            raws, bits = spread(tensor.data.reshape(-1), len(low)), fraction_of(tensor.type)
        else:
            top, bits = ratio(projection.bias)
            raws = spread(top, len(low))
        total = plus(total, (np.minimum(raws, 0), np.maximum(raws, 0), bits))
    return fit(total, projection.accumulator)


def _learned(network: Network, projection: Projection, carried: Pair) -> Pair:
    """The sum with weights that may be anything their format holds."""
    site = projection.synapse
    assert site is not None
    type_ = network.programs[site.program].state(WEIGHT).type
    assert isinstance(type_, Format)
    low = high = 0
    for least, most in zip(*carried[:2], strict=True):
        products = [int(weight) * int(end) for weight in (type_.low, type_.high) for end in (least, most)]
        low, high = low + min(products), high + max(products)
    units = network.size_of(projection.target)
    return spread(low, units), spread(high, units), carried[2] + type_.fraction


def _at_synapses(network: Network, projection: Projection, name: str, stated: Mapping[str, Any]) -> Pair:
    """What an input of a synapse program can be: what arrives, or what the target emits."""
    pre, post = network.size_of(projection.source), network.size_of(projection.target)
    if name == PRE:
        low, high, fraction = _carried(network, projection)
        return np.tile(low, post), np.tile(high, post), fraction
    type_ = network.emitted_type(projection.target, name)
    entry = {"low": 0, "high": 1} if isinstance(type_, BoolType) else stated[projection.target]["emits"][name]
    low, high = (np.repeat(spread(entry[end], post), pre) for end in ("low", "high"))
    return low, high, fraction_of(type_)


def _products(matrix, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Extremes of matrix @ x for x between low and high: each weight takes the end that suits its sign."""
    positive, negative = (matrix > 0) * 1, (matrix < 0) * 1
    positive, negative = matrix * positive, matrix * negative
    ends = [np.asarray(part @ end.astype(np.int64)).astype(object)
            for part in (positive, negative) for end in (low, high)]
    return ends[0] + ends[3], ends[1] + ends[2]


def _delivered(network: Network, projection: Projection, stated: Mapping[str, Any]) -> Pair:
    """What a projection adds to its port: its sum, or what its post program is said to emit (checked there)."""
    if projection.post is None:
        return _weighed(network, projection)
    program, units = network.programs[projection.post.program], network.size_of(projection.target)
    entry = stated[f"{projection.name}.post"]["emits"][program.emits[0].port]
    return spread(entry["low"], units), spread(entry["high"], units), fraction_of(program.emit_type())
