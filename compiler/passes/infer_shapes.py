"""Gives every array its smallest shape and checks that shapes fit along every projection.

Rewrite: an argument, initial value, bias or delay that is the same for all units -> one number; a delay per
pair that depends on the presynaptic unit alone -> a delay per presynaptic unit; arrays over units -> flat.
  before  population %a[2] = @p(theta=#a.theta)      #a.theta = [1.0, 1.0]
  after   population %a[2] = @p(theta=1.0)

Levels: model. Preserves: every value, bit for bit. Errors: E240, all at once, where a projection's weights,
bias or delays, or a site's arguments do not fit the units they belong to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare
from compiler.formats import BoolType, Format
from compiler.ir.network import Network, Projection, Tensor
from compiler.ir.program import Argument, Site, TensorRef
from compiler.ir.rewrite import map_sites
from compiler.options import Options

LEVELS = ("model",)

E240 = declare("E240", "an array does not fit the units it belongs to")


def run(network: Network, options: Options) -> Network:
    """The network with smallest shapes."""
    found = list(_faults(network))
    if found:
        raise DiagnosticError(found)
    shaped = network.copy()
    map_sites(shaped, lambda _, site, __: _smallest_site(shaped, site))
    for projection in shaped.projections:
        bias = None if projection.bias is None else _smallest(shaped, projection.bias)
        shaped.add(replace(projection, delay=_smallest_delay(shaped, projection), bias=bias))
    return shaped


def _faults(network: Network) -> Iterator[Diagnostic]:
    for projection in network.projections:
        yield from _of_chain(network, projection)
        post, pre = network.size_of(projection.target), network.size_of(projection.source)
        delays = network.delays(projection)
        if delays.shape not in ((), (pre,), (post, pre)):
            yield _misfit(f"{projection.name}.delay", delays.shape, f"one, ({pre},) or ({post}, {pre})")
        if isinstance(projection.bias, TensorRef):
            yield from _of_units(network, f"{projection.name}.bias", projection.bias, post)
    for name, site, units in network.sites():
        for key, value in (site.arguments | site.initial).items():
            yield from _of_units(network, f"{name}.{key}", value, units)


def _of_chain(network: Network, projection: Projection) -> Iterator[Diagnostic]:
    shape = network.shape_of(projection.source)
    try:
        for connection in projection.chain:
            shape = connection.output_shape(shape, network.tensors)
    except ValueError as error:
        yield Diagnostic(E240, "the weights do not fit the source", Place(path=projection.name), found=str(error))
        return
    units = network.size_of(projection.target)
    if np.prod(shape, dtype=int) != units:
        yield _misfit(projection.name, shape, f"{units} units of {projection.target}")


def _of_units(network: Network, path: str, value: Argument, units: int) -> Iterator[Diagnostic]:
    if isinstance(value, TensorRef) and network.tensor(value).data.size not in (1, units):
        yield _misfit(path, network.tensor(value).data.shape, f"one value, or one for each of {units} units")


def _misfit(path: str, shape: tuple[int, ...], expected: str) -> Diagnostic:
    return Diagnostic(E240, "an array does not fit", Place(path=path), found=f"shape {shape}", expected=expected)


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
