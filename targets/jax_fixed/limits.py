"""What a generated program cannot do, all of it reported at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from compiler.diagnostics import Diagnostic, Place, declare
from compiler.formats import Format
from compiler.ir.exact import range_of_type
from compiler.ir.network import Network, Projection
from compiler.ir.ops import OPS
from targets.jax_fixed.connections.base import find

E480 = declare("E480", "a program holds something that integers in a generated program cannot execute")
E481 = declare("E481", "a state or port is wider than 32 bits")
E482 = declare("E482", "a connection has no lowering in generated programs")
E483 = declare("E483", "weighted sums may leave 32 bits before they are rounded or saturated")


def check(network: Network, chip=None) -> list[Diagnostic]:
    """Every limit that the network exceeds."""
    missing = list(_connections(network))
    return [*_programs(network), *missing, *([] if missing else _sums(network))]


def _programs(network: Network) -> Iterator[Diagnostic]:
    for program in network.programs.values():
        for op in program.ops:
            place = Place(path=f"@{program.name}.{op.result}") if not op.place.file else op.place
            if not OPS[op.opcode].fixed:
                yield Diagnostic(E480, f"operation {op.opcode} needs floating point", place, str(op.type), "a table")
        for item in (*program.states, *program.inputs, *program.params):
            if not isinstance(item.type, Format) or item.type.width <= 32:
                continue
            yield Diagnostic(E481, f"{item.name} is wider than 32 bits", Place(path=f"@{program.name}.{item.name}"),
                             str(item.type), "at most 32 bits")


def _connections(network: Network) -> Iterator[Diagnostic]:
    for item in network.projections:
        for link in item.chain:
            if find(link) is None:
                yield Diagnostic(E482, f"{link.keyword} cannot be generated", Place(path=item.name), link.keyword)


def _sums(network: Network) -> Iterator[Diagnostic]:
    """Sums are computed modulo 2**32, which is exact where the accumulator keeps every bit and they fit it."""
    for item in network.projections:
        if item.synapse is not None:
            continue  # Bounded by the format of the weights, as the accumulator is.
        type_ = item.accumulator
        low, high, fraction = _reach(network, item)
        if not isinstance(type_, Format) or (low >= -(1 << 31) and high < 1 << 31):
            continue
        if type_.overflow == "saturate" or type_.fraction < fraction or type_.width > 32:
            yield Diagnostic(E483, f"{item.name} may need more than 32 bits", Place(path=item.name),
                             f"{low}..{high} into {type_}", "sums of 32 bits, or an accumulator that keeps every bit")


def _reach(network: Network, item: Projection) -> tuple[int, int, int]:
    """Least and greatest raw weighted sum, and its fraction bits."""
    type_ = network.emitted_type(item.source, item.source_port)
    if item.pre is not None:
        type_ = network.programs[item.pre.program].emit_type()
    source, shape = range_of_type(type_), network.shape_of(item.source)
    ones = np.ones(network.size_of(item.source), np.int64)
    low, high, fraction = min(source.low, 0) * ones, max(source.high, 0) * ones, source.fraction
    for link in item.chain:
        low, high = link.reach(low, high, shape, network.tensors)
        shape = link.output_shape(shape, network.tensors)
        weights = network.tensor(link.weights).type if link.weights is not None else None
        fraction += weights.fraction if isinstance(weights, Format) else 0
    return int(low.min()), int(high.max()), fraction
