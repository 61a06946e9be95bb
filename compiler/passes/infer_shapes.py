"""Gives every array its smallest shape.

Rewrite: an argument, initial value, bias or delay that is the same for all units -> one number; a delay per
pair that depends on the presynaptic unit alone -> a delay per presynaptic unit; arrays over units -> flat.
  before  population %a[2] = @p(theta=#a.theta)      #a.theta = [1.0, 1.0]
  after   population %a[2] = @p(theta=1.0)

Levels: model. Preserves: every value, bit for bit, except that a weighted sum behind delays that are simplified
is added in another order. Whether shapes fit at all is the verifier's question.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from compiler.formats import BoolType, Format
from compiler.ir.network import Network, Projection, Tensor
from compiler.ir.program import Argument, Site, TensorRef
from compiler.ir.rewrite import map_sites
from compiler.options import Options

LEVELS = ("model",)


def run(network: Network, options: Options) -> Network:
    """The network with smallest shapes."""
    shaped = network.copy()
    map_sites(shaped, lambda _, site, __: _smallest_site(shaped, site))
    for projection in shaped.projections:
        bias = None if projection.bias is None else _smallest(shaped, projection.bias)
        shaped.add(replace(projection, delay=_smallest_delay(shaped, projection), bias=bias))
    return shaped


def _smallest_site(network: Network, site: Site) -> Site:
    arguments = {name: _smallest(network, value) for name, value in site.arguments.items()}
    return replace(site, arguments=arguments,
                   initial={name: _smallest(network, value) for name, value in site.initial.items()})


def _smallest(network: Network, value: Argument) -> Argument:
    """One number where all units agree, else a flat tensor (the only change to a network's tensors)."""
    if not isinstance(value, TensorRef):
        return value
    tensor = network.tensor(value)
    flat = tensor.data.reshape(-1)
    if flat.size and (flat == flat[0]).all():
        return _number(tensor)
    if tensor.data.ndim != 1:
        network.tensors[value.name] = Tensor(tensor.type, flat)
    return value


def _number(tensor: Tensor) -> Argument:
    first = tensor.values.reshape(-1)[0]
    if isinstance(tensor.type, BoolType):
        return bool(first)
    return int(first) if isinstance(tensor.type, Format) and first == int(first) else float(first)


def _smallest_delay(network: Network, projection: Projection) -> int | TensorRef:
    delays = network.delays(projection)
    if delays.ndim == 0 or (delays == delays.flat[0]).all():
        return int(delays.flat[0])
    assert isinstance(projection.delay, TensorRef)
    if delays.ndim == 1 or (delays != delays[0]).any():
        return projection.delay
    tensor, name = network.tensor(projection.delay), f"{projection.delay.name}.pre"
    network.tensors[name] = Tensor(tensor.type, np.ascontiguousarray(tensor.data[0]))
    return TensorRef(name)
