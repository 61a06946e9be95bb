"""One site in integers: its program typed, bounded, and narrowed to the ranges of its values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from compiler.analysis.homogeneity import Degrees
from compiler.analysis.intervals import Interval, point
from compiler.analysis.ranges import SiteRanges, analyse, holds
from compiler.formats import Format, Type, storage_dtype
from compiler.ir.network import Network, Tensor
from compiler.ir.program import Declaration, Program, Site, TensorRef
from compiler.options import Options
from compiler.quantization.fractions import Fractions
from compiler.quantization.program import typed_program
from compiler.quantization.tensors import WIDEST_VALUE
from compiler.quantization.widths import with_ranges

_TURNS = 3

def quantized_site(
    network: Network, name: str, site: Site, units: int, inputs: Interval | Mapping[str, Interval],
    fractions: Fractions, degrees: Degrees | None, options: Options, saturate: bool,
) -> tuple[Program, Site, int, dict[str, Tensor]]:
    """Type one site: (program, site, excess bits, tensors).

    Where states were bounded together, formats are taken only if the analysis of the program with these formats stays
    inside them: the grid that bounds them need not be the same for other formats.
    """
    program = network.programs[site.program]
    if isinstance(inputs, Interval):
        inputs = {program.inputs[0].name: inputs}
    inputs = {item.name: inputs.get(item.name, point(np.zeros(units, np.int64))) for item in program.inputs}
    wide, wide_site, tensors = typed_program(
        network, name, site, {key: item.fraction for key, item in inputs.items()}, fractions, degrees,
        options, saturate,
    )
    if options.training:
        wide = _saturating(wide)
        tensors |= _per_unit(wide_site, units, tensors)
        return wide, wide_site, 0, tensors | _starts(wide, wide_site, tensors)
    ranges = ranges_with(network, wide, wide_site, units, inputs, tensors)
    own = {item.name: options.bits[key] for item in wide.states
           if (key := f"{name}.{item.name}") in options.bits}
    for _ in range(_TURNS if ranges.slices else 0):
        narrow, excess = with_ranges(wide, ranges, inputs, options.state_bits, own)
        again = ranges_with(network, narrow, wide_site, units, inputs, tensors | _starts(narrow, wide_site, tensors))
        types = narrow.types()
        if again.slices and all(holds(types[name], item) for name, item in again.values.items()):
            return narrow, wide_site, excess, tensors | _starts(narrow, wide_site, tensors)
        ranges = _hull(ranges, again)
    if ranges.slices:
        ranges = ranges_with(network, wide, wide_site, units, inputs, tensors, together=False)
    narrow, excess = with_ranges(wide, ranges, inputs, options.state_bits, own)
    return narrow, wide_site, excess, tensors | _starts(narrow, wide_site, tensors)


def _hull(first: SiteRanges, second: SiteRanges) -> SiteRanges:
    values = {name: item.hull(second.values[name]) for name, item in first.values.items()}
    return replace(first, values=values)


def _saturating(program: Program) -> Program:
    """What arrives in 32 bits, whatever it is."""
    formats = {item.name: item.type for item in program.inputs if isinstance(item.type, Format)}
    return replace(program, inputs=tuple(Declaration(name, Format(True, WIDEST_VALUE, type_.fraction))
                                         for name, type_ in formats.items()))


def _per_unit(site: Site, units: int, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The parameters of a site, a value for each unit."""
    names = [item.name for item in site.arguments.values() if isinstance(item, TensorRef)]
    return {name: Tensor(tensors[name].type, np.broadcast_to(tensors[name].data, (units,)).copy()) for name in names}


def _starts(program: Program, site: Site, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of initial states in the type of their state, cut off at its ends."""
    given = {item: site.initial.get(item.name) for item in program.states}
    return {ref.name: _fitted(tensors[ref.name], item.type) for item, ref in given.items()
            if isinstance(ref, TensorRef)}


def _fitted(tensor: Tensor, type_: Type) -> Tensor:
    raw = np.clip(tensor.data, type_.low, type_.high) if isinstance(type_, Format) else tensor.data
    return Tensor(type_, raw.astype(storage_dtype(type_)))


def ranges_with(network: Network, program: Program, site: Site, units: int, inputs: Mapping[str, Interval],
                tensors: Mapping[str, Tensor], together: bool = True) -> SiteRanges:
    trial = replace(network, programs={**network.programs, program.name: program},
                    tensors={**network.tensors, **tensors})
    return analyse(trial, site, units, inputs, together)
