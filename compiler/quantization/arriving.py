"""What projections bring to a population: bounds of their sums, accumulators, and their own programs in integers."""

from __future__ import annotations

import math
from dataclasses import replace

from compiler.analysis import bounds
from compiler.analysis.homogeneity import infer
from compiler.analysis.intervals import Interval, fit, whole
from compiler.analysis.linearity import passes_on
from compiler.formats import Format, smallest_format
from compiler.ir.network import Network, Population, Projection
from compiler.ir.program import Declaration, Emit, Op, Program, Site, TensorRef
from compiler.options import Options
from compiler.quantization.fractions import STOCHASTIC, Fractions
from compiler.quantization.sites import quantized_site, ranges_with
from compiler.quantization.tensors import WIDEST_VALUE, quantized_values
from compiler.quantization.weights import LARGEST_SHIFT
from compiler.quantization.widths import WIDE, rounding_like, signed_width

CARRIED_BITS = 16
"""Widest value that a projection carries: times 8-bit weights its sums stay within 32 bits."""


class Arriving:
    """Quantizes what projections into one population add to its ports."""

    def __init__(self, network: Network, population: Population, options: Options):
        self.network, self.population, self.options = network, population, options

    def pre(self, projection: Projection) -> Projection:
        """Quantize the presynaptic program: its values are real, in units of spikes."""
        if projection.pre is None:
            return projection
        carried = bounds.emitted(self.network, projection.source, projection.source_port)
        units = self.network.size_of(projection.source)
        name = f"{projection.name}.pre"
        attempt = quantized_site(self.network, name, projection.pre, units, carried, Fractions(8, 8), None,
                                 self._options(name), self.options.training)
        self.network.programs[attempt[0].name] = attempt[0]
        self.network.tensors.update(attempt[3])
        return replace(projection, pre=attempt[1])

    def arriving(self, projection: Projection, fraction: int, saturate: bool, programs: list, tensors: dict):
        """The projection with its accumulator and post program, what it adds to its port, and excess bits."""
        if projection.bias is not None:
            name = f"{projection.name}.bias.q"
            real = self.network.real(projection.bias).reshape(-1)
            tensors[name] = quantized_values(real, fraction)
            self.network.tensors[name] = tensors[name]
            projection = replace(projection, bias=TensorRef(name))
        total = bounds.weighted(self.network, projection, carried_by(self.network, projection))
        total = bounds.with_bias(self.network, projection, total)
        accumulator = Format(True, WIDEST_VALUE, total.fraction) if self.options.training else _holding(total)
        projection = replace(projection, accumulator=accumulator)
        excess = max(0, signed_width(accumulator) - WIDEST_VALUE)
        passed = passes_on(self.network.programs[self.population.site.program], projection.target_port)
        if projection.post is None and total.fraction > fraction + LARGEST_SHIFT and not passed:
            rounding = self.options.rounding
            mode = Format(True, WIDE, fraction, rounding, site=0 if rounding == STOCHASTIC else -1)
            total = fit(total, mode)
            programs.append(_rounding(projection, rounding_like(_holding(total), mode)))
            return replace(projection, post=Site(programs[-1].name)), total, excess
        if projection.post is None:
            return projection, total, excess
        post = self.network.programs[projection.post.program]
        degrees = infer(post, {post.inputs[0].name}) if projection.post.scaled else None
        inputs = {post.inputs[0].name: total}
        name = f"{projection.name}.post"
        fraction = self._of_filter(name, fraction)
        program, site, extra, new = quantized_site(
            self.network, name, projection.post, self.population.size, inputs,
            Fractions(fraction, fraction), degrees, self._options(name), saturate,
        )
        programs.append(program)
        tensors.update(new)
        if self.options.training:
            return replace(projection, post=site), whole(program.emit_type()), 0  # pyright: ignore[reportArgumentType]
        ranges = ranges_with(self.network, program, site, self.population.size, inputs, tensors)
        value = program.emits[0].value
        assert isinstance(value, str)
        return replace(projection, post=site), ranges.values[value], max(excess, extra)

    def _options(self, site: str) -> Options:
        """The options with the bits of states that are asked for at a site of a projection, else the population's."""
        return replace(self.options, state_bits=self.options.bits.get(site, self.options.state_bits))

    def _of_filter(self, name: str, fraction: int) -> int:
        """Fraction of a filter's states: the population's, but where the population is in a unit of its own (mV beside
        pA) no finer than leaves a factor of two above every value seen."""
        if self.population.site.scaled or self.options.state_fraction is not None:
            return fraction
        seen = [max(abs(low), abs(high)) for key, (low, high) in self.network.observed.items()
                if key.startswith(f"{name}.")]
        held = self.options.decided.fractions.get(name) if self.options.decided else None
        if held is None:
            held = min(fraction, self._options(name).state_bits - 2 - math.ceil(math.log2(max([*seen, 1.0]))))
        return self.network.decided.note(name, held)


def carried_by(network: Network, projection: Projection) -> Interval:
    """What one presynaptic unit of a projection can carry."""
    if projection.pre is None:
        return bounds.emitted(network, projection.source, projection.source_port)
    program = network.programs[projection.pre.program]
    return bounds.with_zero(whole(program.types()[program.emits[0].value]))  # pyright: ignore[reportArgumentType]


def _holding(total: Interval) -> Format:
    return smallest_format(min(0, int(total.low.min())), max(0, int(total.high.max())), total.fraction)


def _rounding(projection: Projection, type_: Format) -> Program:
    """A post program that only rounds an exact sum with many fraction bits."""
    total = Declaration("total", projection.accumulator or type_)
    op = Op("rounded", "convert", ("total",), type_)
    return Program(f"rounded.{projection.name}.post", (total,), (), (), (op,), (), (Emit("current", "rounded"),))
