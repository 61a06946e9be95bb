"""Rules of chains: every map fits what it is given, the last one fits the target, weights belong to the level."""

from __future__ import annotations

import math
from collections.abc import Iterator

from compiler.diagnostics import Diagnostic, declare
from compiler.formats import BoolType
from compiler.ir.network import Network, Projection
from compiler.ir.rules.base import INTEGER_LEVELS, NUMBERS, TYPES, projection_place, rule
from compiler.ir.rules.operations import E230, belongs
from compiler.ir.rules.widths import E232, fits_int32

E250 = declare("E250", "a connection does not fit what it joins")


@rule("projection", stage=TYPES)
def chains_lead_from_source_to_target(network: Network, projection: Projection) -> Iterator[Diagnostic]:
    shape, size = network.shape_of(projection.source), network.size_of(projection.target)
    place = projection_place(projection)
    if not projection.chain:
        yield Diagnostic(E250, "a projection without a connection", place, "nothing", "at least one connection",
                         "`identity()` joins units of the same index")
        return
    for link in projection.chain:
        try:
            link.check(shape, network.tensors)
            shape = link.output_shape(shape, network.tensors)
        except ValueError as error:
            yield Diagnostic(E250, f"{link.keyword} does not fit", place, str(error),
                             f"a connection from {list(shape)} units")
            return
    if math.prod(shape) != size:
        yield Diagnostic(E250, "the connection ends in another number of units", place,
                         f"{math.prod(shape)} units", f"{size}, the size of %{projection.target}",
                         "weights are [post, pre]" if projection.chain[-1].weights else "")


@rule("projection", stage=TYPES)
def weights_belong_to_the_level(network: Network, projection: Projection) -> Iterator[Diagnostic]:
    for link in projection.chain:
        if link.weights is None:
            continue
        type_ = network.tensor(link.weights).type
        if isinstance(type_, BoolType) or not belongs(type_, network.level):
            yield Diagnostic(E230, f"weights of no type of level {network.level}", projection_place(projection),
                             f"{link.weights}: {type_}", "f64, f32 or whole numbers"
                             if network.level == "model" else "a number format")


@rule("projection", stage=NUMBERS, levels=INTEGER_LEVELS)
def weights_fit_32_bits(network: Network, projection: Projection) -> Iterator[Diagnostic]:
    for link in projection.chain:
        if link.weights is not None and not fits_int32(network.tensor(link.weights).type):
            yield Diagnostic(E232, "weights do not fit an int32", projection_place(projection),
                             f"{link.weights}: {network.tensor(link.weights).type}", "at most s32 or u31")
