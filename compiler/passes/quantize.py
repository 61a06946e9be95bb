"""Give every value a number format; from here on everything is an integer.

Rewrite: real weights -> integers of `weight_bits` (with a power-of-two fraction where they are small beside the
others, semantics 14); every float of a program -> a format whose fraction comes from an error budget and whose
width comes from a proof: the fraction makes the least significant bit a small part of the threshold, range
analysis then bounds every value for any input, and the format is the narrowest that holds the bound.
Where the proof needs more than `state_bits`, the fraction shrinks; where that would be too coarse, the state saturates.
Levels: model -> fixed. Preserves: behaviour up to the measured error of the report. Source: numerics.md.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from compiler.analysis import bounds
from compiler.analysis.homogeneity import Degrees, infer
from compiler.analysis.intervals import EXACT, Interval, fit, point, whole
from compiler.analysis.linearity import passes_on
from compiler.analysis.ranges import SiteRanges, analyse
from compiler.analysis.value_order import require_no_cycle_of_values, value_order
from compiler.diagnostics import declare, fail
from compiler.formats import BoolType, FloatType, Format, smallest_format, storage_dtype
from compiler.ir.connections.dense import Dense
from compiler.ir.network import PRE, Input, Network, Population, Projection, Tensor
from compiler.ir.ops import COMPARISONS
from compiler.ir.program import Declaration, Emit, Op, Program, Site, TensorRef
from compiler.options import Options
from compiler.passes.co_scale import bits_of, largest_integer
from compiler.quantization.decisions import settings_of
from compiler.quantization.plastic_synapses import quantized, start_weights
from compiler.quantization.program import (
    STOCHASTIC,
    WIDE,
    Fractions,
    quantized_values,
    rounding_like,
    signed_width,
    typed_program,
    with_ranges,
)

LEVELS = ("model",)

E302 = declare("E302", "a value needs more bits than integer engines have")
E304 = declare("E304", "a learning rule reads what integers are not known of")

_STEPS_PER_THRESHOLD = 4096
_COARSEST_THRESHOLD = 256
_LARGEST_SHIFT = 8
_SAMPLE = 1 << 18
_WIDEST_VALUE = 32
_SPARE_BITS = 8
"""Room for intermediate results above the states of a nonlinear program."""
_CARRIED_BITS = 16
"""Widest value that a projection carries: times 8-bit weights its sums stay within 32 bits."""


def run(network: Network, options: Options) -> Network:
    fixed = network.copy()
    fixed.level = "fixed"
    fixed.decided.settings = settings_of(options)
    fixed.seed = options.seed if options.rounding == STOCHASTIC else 0
    for item in network.inputs:
        if isinstance(item.port.type, FloatType) and item.port.kind == "current":
            fixed.add(_quantized_input(fixed, item, options))
    require_no_cycle_of_values(network)
    for name in value_order(network):
        _Quantizer(fixed, name, options).apply()
    return _without_floats(fixed)


def _quantized_input(network: Network, item: Input, options: Options) -> Input:
    """A current input becomes integers at the port: 16 bits over the observed range with a factor 2 to spare."""
    low, high = network.observed.get(f"{item.name}.current", (-1.0, 1.0))
    held = options.decided.fractions.get(item.name) if options.decided else None
    fraction = 14 - math.ceil(math.log2(max(abs(low), abs(high), 2.0**-20))) if held is None else held
    network.decided.note(item.name, fraction)
    return replace(item, port=replace(item.port, type=Format(True, 16, fraction, "even", "saturate")))


def _without_floats(network: Network) -> Network:
    """Drop tensors nothing refers to any more; scales stay, they translate records for people."""
    used = {name for _, site, _ in network.sites() for name in site.references()}
    for item in network.projections:
        used |= {name for link in item.chain for name in link.references()}
        used |= {ref.name for ref in (item.bias, item.delay) if isinstance(ref, TensorRef)}
    for program in network.programs.values():
        used |= {item.name for item in program.uses() if isinstance(item, TensorRef)}
    network.tensors = {name: tensor for name, tensor in network.tensors.items() if name in used}
    programs = {site.program for _, site, _ in network.sites()}
    network.programs = {name: program for name, program in network.programs.items() if name in programs}
    return network


@dataclass
class _Attempt:
    """One choice of fraction with what followed from it."""

    projections: list[Projection]
    population: Population
    programs: list
    tensors: dict[str, Tensor]
    excess: int


class _Quantizer:
    """Quantizes one population with everything that ends in it."""

    def __init__(self, network: Network, name: str, options: Options):
        self.network, self.options = network, options
        self.population: Population = network.node(name)  # pyright: ignore[reportAttributeAccessIssue]
        self.incoming = network.into(name)
        bits = options.bits.get(name, options.state_bits)
        self.options = replace(options, state_bits=min(bits, _CARRIED_BITS) if self._carries_values() else bits)

    def _carries_values(self) -> bool:
        """Whether a projection carries anything but spikes away from here."""
        program = self.network.programs[self.population.site.program]
        ports = {item.source_port for item in self.network.out_of(self.population.name)}
        return any(not isinstance(program.emit_type(port), BoolType) for port in ports)

    def apply(self) -> None:
        self.incoming = [self._pre(item) for item in self.incoming]
        self.incoming = [self._weights(item) for item in self.incoming]
        fraction, coarsest = self._fractions()
        if self.options.training:
            self._accept(self._attempt(fraction, True), fraction)
            return
        attempt = self._attempt(fraction, False)
        while attempt.excess and fraction > coarsest:
            fraction = max(coarsest, fraction - attempt.excess)
            attempt = self._attempt(fraction, False)
        if attempt.excess:
            attempt = self._attempt(fraction, True)
        if attempt.excess:
            raise fail(E302, f"%{self.population.name} needs values wider than {_WIDEST_VALUE} bits",
                       self.population.name, found=f"{_WIDEST_VALUE + attempt.excess} bits",
                       expected=f"at most {_WIDEST_VALUE}", hint="use fewer weight or state bits, or less fan-in")
        self._accept(attempt, fraction)

    def _held(self, name: str) -> int | None:
        """A fraction that is not to be chosen."""
        return self.options.decided.fractions.get(name) if self.options.decided else None

    def _fractions(self) -> tuple[int, int]:
        """Fraction to try first, and the coarsest one that is better than saturating."""
        held = self._held(self.population.name)
        held = self.options.state_fraction if held is None else held
        if held is not None:
            return held, held
        if not self.population.site.scaled and not self._learns_linearly():
            finest = self._finest()
            return finest, finest
        reference = self._reference()
        wanted = math.ceil(math.log2(_STEPS_PER_THRESHOLD / reference))
        return max(-16, min(24, wanted)), math.ceil(math.log2(_COARSEST_THRESHOLD / reference))

    def _learns_linearly(self) -> bool:
        """Whether it is a population that could be scaled, were its weights not learned."""
        ports = {item.target_port for item in self.incoming}
        learned = any(item.synapse is not None for item in self.incoming)
        program = self.network.programs[self.population.site.program]
        return learned and infer(program, {port for port in ports if not passes_on(program, port)}) is not None

    def _finest(self) -> int:
        """Fraction that leaves a factor of two above every value seen."""
        seen = [max(abs(low), abs(high)) for name, (low, high) in self.network.observed.items()
                if name.startswith(f"{self.population.name}.")]
        largest = max([*seen, self._reference()])
        bits = min(self.options.state_bits, _WIDEST_VALUE - _SPARE_BITS)
        return min(24, bits - 2 - math.ceil(math.log2(largest)))

    def _accept(self, attempt: _Attempt, fraction: int) -> None:
        self.network.decided.note(self.population.name, fraction)
        for program in attempt.programs:
            self.network.programs[program.name] = program
        self.network.tensors.update(attempt.tensors)
        for item in (*attempt.projections, attempt.population):
            self.network.add(item)

    def _weights(self, projection: Projection) -> Projection:
        """Round every weight tensor of the chain to integers of the projection's bits."""
        if projection.synapse is not None:
            return self._learned(projection)
        chain = list(projection.chain)
        for index, link in enumerate(chain):
            if link.weights is None:
                continue
            name = f"{projection.name}.q{index if len(chain) > 1 else ''}"
            values = np.asarray(self.network.tensor(link.weights).values)
            key = f"{projection.name} weights {index}"
            tensor = quantized_weights(values, bits_of(projection, self.options), self._held(key))
            self.network.decided.note(key, tensor.type.fraction)  # pyright: ignore[reportAttributeAccessIssue]
            self.network.tensors[name] = tensor
            chain[index] = replace(link, weight=TensorRef(name))  # pyright: ignore[reportCallIssue]
        return replace(projection, chain=tuple(chain))

    def _learned(self, projection: Projection) -> Projection:
        """Quantize the program of plastic synapses; the link's weights become the start of its weights."""
        program = self.network.programs[projection.synapse.program]  # pyright: ignore[reportOptionalMemberAccess]
        inputs = {item.name: self._at_synapses(projection, item.name) for item in program.inputs}
        site = f"{projection.name}.synapse"
        options = replace(self.options, state_bits=self.options.bits.get(site, self.options.state_bits))
        found = quantized(self.network, projection, inputs, options, self._weight_bits(projection, options))
        name = f"{projection.name}.q"
        self.network.programs[found.program.name] = found.program
        self.network.tensors |= found.tensors | {name: start_weights(self.network, projection, found.weight)}
        return replace(projection, chain=(Dense(TensorRef(name)),), synapse=found.site)

    def _weight_bits(self, projection: Projection, options: Options) -> int:
        """Bits of plastic weights: those of states, as far as the accumulator holds the sum of all of them."""
        carried = bounds.emitted(self.network, projection.source, projection.source_port)
        most = max(abs(int(carried.low.min())), int(carried.high.max()), 1)
        if projection.pre is not None:
            most = 1 << _CARRIED_BITS
        room = _WIDEST_VALUE - 1 - math.ceil(math.log2(most * self.network.size_of(projection.source)))
        return max(2, min(options.state_bits, room))

    def _at_synapses(self, projection: Projection, name: str) -> Interval:
        """What an input of a synapse program can be: the presynaptic value, or what the population emits."""
        if name == PRE:
            return bounds.emitted(self.network, projection.source, projection.source_port)
        program = self.network.programs[self.population.site.program]
        if isinstance(program.emit_type(name), BoolType):
            return Interval(np.asarray(0), np.asarray(1))
        port = program.emit(name).value
        if not isinstance(port, str) or not passes_on(program, port):
            raise fail(E304, "a learning rule reads a value that the population computes", f"{projection.name}.synapse",
                       found=f"%{self.population.name}.{name}", expected="spikes, or a value that is passed on")
        total = point(np.zeros(self.population.size, np.int64))
        for item in self.incoming:
            if item.target_port == port:
                total = EXACT["add"](total, bounds.weighted(self.network, item, self._carried(item)))
        sources = self.network.size_of(projection.source)
        return Interval(np.repeat(total.low, sources), np.repeat(total.high, sources), total.fraction)

    def _pre(self, projection: Projection) -> Projection:
        """Quantize the presynaptic program: its values are real, in units of spikes."""
        if projection.pre is None:
            return projection
        carried = bounds.emitted(self.network, projection.source, projection.source_port)
        units = self.network.size_of(projection.source)
        name = f"{projection.name}.pre"
        attempt = self._site(name, projection.pre, units, carried, Fractions(8, 8), None, self.options.training)
        self.network.programs[attempt[0].name] = attempt[0]
        self.network.tensors.update(attempt[3])
        return replace(projection, pre=attempt[1])

    def _reference(self) -> float:
        """Magnitude the error is measured against: thresholds (at their start), else the largest state seen, else 1."""
        site = self.population.site
        degrees = self._degrees()
        found = []
        for op in self.network.programs[site.program].ops:
            if op.opcode in COMPARISONS:
                for name in op.names:
                    given = site.arguments.get(name, site.initial.get(name))
                    if given is not None and (degrees is None or degrees.names[name]):
                        found.append(np.abs(self.network.real(given)).ravel())
        values = np.concatenate(found) if found else np.zeros(0)
        if (values > 0).any():
            return float(np.quantile(values[values > 0], 0.1))
        seen = [max(abs(low), abs(high)) for name, (low, high) in self.network.observed.items()
                if name.startswith(f"{self.population.name}.")]
        return max([*seen, 0.0]) or 1.0

    def _degrees(self) -> Degrees | None:
        if not self.population.site.scaled:
            return None
        ports = {item.target_port for item in self.incoming}
        return infer(self.network.programs[self.population.site.program], ports)

    def _attempt(self, fraction: int, saturate: bool) -> _Attempt:
        """Everything with the population's fraction at `fraction`; `excess`: bits above the widest allowed."""
        projections, programs, tensors, sums = [], [], {}, {}
        excess = 0
        for item in self.incoming:
            item, arriving, extra = self._arriving(item, fraction, saturate, programs, tensors)
            port = item.target_port
            sums[port] = EXACT["add"](sums[port], arriving) if port in sums else arriving
            projections.append(item)
            excess = max(excess, extra)
        fractions = Fractions(fraction, self._dimensionless())
        program, site, extra, new = self._site(
            self.population.name, self.population.site, self.population.size, sums, fractions, self._degrees(), saturate
        )
        tensors.update(new)
        population = replace(self.population, site=site)
        return _Attempt(projections, population, [*programs, program], tensors, max(excess, extra))

    def _dimensionless(self) -> int:
        """Fraction of real states of degree 0: all bits below the largest value seen."""
        name = f"{self.population.name} plain"
        held = self._held(name)
        return self.network.decided.note(name, self._finest_plain() if held is None else held)

    def _finest_plain(self) -> int:
        seen = [max(abs(low), abs(high)) for name, (low, high) in self.network.observed.items()
                if name.startswith(f"{self.population.name}.")]
        return self.options.state_bits - 2 - math.ceil(math.log2(max([*seen, 1.0])))

    def _arriving(self, projection: Projection, fraction: int, saturate: bool, programs: list, tensors: dict):
        """The projection with its accumulator and post program, what it adds to its port, and excess bits."""
        if projection.bias is not None:
            name = f"{projection.name}.bias.q"
            real = self.network.real(projection.bias).reshape(-1)
            tensors[name] = quantized_values(real, fraction)
            self.network.tensors[name] = tensors[name]
            projection = replace(projection, bias=TensorRef(name))
        total = bounds.weighted(self.network, projection, self._carried(projection))
        total = bounds.with_bias(self.network, projection, total)
        accumulator = Format(True, _WIDEST_VALUE, total.fraction) if self.options.training else _holding(total)
        projection = replace(projection, accumulator=accumulator)
        excess = max(0, signed_width(accumulator) - _WIDEST_VALUE)
        passed = passes_on(self.network.programs[self.population.site.program], projection.target_port)
        if projection.post is None and total.fraction > fraction + _LARGEST_SHIFT and not passed:
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
        program, site, extra, new = self._site(
            f"{projection.name}.post", projection.post, self.population.size, inputs, Fractions(fraction, fraction),
            degrees, saturate,
        )
        programs.append(program)
        tensors.update(new)
        if self.options.training:
            return replace(projection, post=site), whole(program.emit_type()), 0  # pyright: ignore[reportArgumentType]
        ranges = _ranges_with(self.network, program, site, self.population.size, inputs, tensors)
        value = program.emits[0].value
        assert isinstance(value, str)
        return replace(projection, post=site), ranges.values[value], max(excess, extra)

    def _carried(self, projection: Projection) -> Interval:
        if projection.pre is None:
            return bounds.emitted(self.network, projection.source, projection.source_port)
        program = self.network.programs[projection.pre.program]
        return bounds.with_zero(whole(program.types()[program.emits[0].value]))  # pyright: ignore[reportArgumentType]

    def _site(self, name: str, site: Site, units: int, inputs, fractions: Fractions, degrees, saturate: bool):
        """Type one site: (program, site, excess bits, tensors)."""
        program = self.network.programs[site.program]
        if isinstance(inputs, Interval):
            inputs = {program.inputs[0].name: inputs}
        inputs = {item.name: inputs.get(item.name, point(np.zeros(units, np.int64))) for item in program.inputs}
        wide, wide_site, tensors = typed_program(
            self.network, name, site, {key: item.fraction for key, item in inputs.items()}, fractions, degrees,
            self.options, saturate,
        )
        if self.options.training:
            wide = _saturating(wide)
            tensors |= _per_unit(wide_site, units, tensors)
            return wide, wide_site, 0, tensors | _starts(wide, wide_site, tensors)
        ranges = _ranges_with(self.network, wide, wide_site, units, inputs, tensors)
        own = {item.name: self.options.bits[key] for item in wide.states
               if (key := f"{name}.{item.name}") in self.options.bits}
        narrow, excess = with_ranges(wide, ranges, inputs, self.options.state_bits, own)
        return narrow, wide_site, excess, tensors | _starts(narrow, wide_site, tensors)


def _holding(total: Interval) -> Format:
    return smallest_format(min(0, int(total.low.min())), max(0, int(total.high.max())), total.fraction)


def _saturating(program: Program) -> Program:
    """What arrives in 32 bits, whatever it is."""
    formats = {item.name: item.type for item in program.inputs if isinstance(item.type, Format)}
    return replace(program, inputs=tuple(Declaration(name, Format(True, _WIDEST_VALUE, type_.fraction))
                                         for name, type_ in formats.items()))


def _per_unit(site: Site, units: int, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The parameters of a site, a value for each unit."""
    names = [item.name for item in site.arguments.values() if isinstance(item, TensorRef)]
    return {name: Tensor(tensors[name].type, np.broadcast_to(tensors[name].data, (units,)).copy()) for name in names}


def _rounding(projection: Projection, type_: Format) -> Program:
    """A post program that only rounds an exact sum with many fraction bits."""
    total = Declaration("total", projection.accumulator or type_)
    op = Op("rounded", "convert", ("total",), type_)
    return Program(f"rounded.{projection.name}.post", (total,), (), (), (op,), (), (Emit("current", "rounded"),))


def _starts(program: Program, site: Site, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of initial states in the type of their state."""
    given = {item: site.initial.get(item.name) for item in program.states}
    return {ref.name: Tensor(item.type, tensors[ref.name].data.astype(storage_dtype(item.type)))
            for item, ref in given.items() if isinstance(ref, TensorRef)}


def _ranges_with(network: Network, program, site: Site, units: int, inputs, tensors) -> SiteRanges:
    trial = replace(network, programs={**network.programs, program.name: program},
                    tensors={**network.tensors, **tensors})
    return analyse(trial, site, units, inputs)


def quantized_weights(values: np.ndarray, bits: int, fraction: int | None = None) -> Tensor:
    """Integers of `bits` with a power-of-two fraction, that of the least squared error unless one is given.

    The fraction stays 0 unless the weights are more than 4 times smaller than their format allows.
    """
    levels = largest_integer(bits)
    shift = _best_shift(values, levels) if fraction is None else fraction
    dtype = np.int8 if bits <= 8 else np.int16 if bits <= 16 else np.int32
    return Tensor(Format(True, bits, shift), _rounded(values, levels, shift).astype(dtype))


def _best_shift(values: np.ndarray, levels: int) -> int:
    sample = values.ravel()[:: max(1, values.size // _SAMPLE)]
    shifts = [0, *range(2, _LARGEST_SHIFT + 1)]
    errors = [float(((_rounded(sample, levels, k) * 2.0**-k - sample) ** 2).sum()) for k in shifts]
    return shifts[int(np.argmin(errors))]


def _rounded(values: np.ndarray, levels: int, shift: int) -> np.ndarray:
    return np.clip(np.rint(values * 2.0**shift), -levels, levels)
