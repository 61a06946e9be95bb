"""How the program of plastic synapses becomes an integer program.

The weight `w` gets as many fraction bits as its width leaves below its proved range; every other value as many as 31
bits hold of its own range, up to `GUARD` bits finer than the weight: what is lost is lost once, where the new weight is
rounded. A state of which no range can be proved saturates, well above what calibration data show.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from compiler.analysis.evaluate import Step
from compiler.analysis.intervals import Interval
from compiler.analysis.ranges import SiteRanges, tables_of
from compiler.analysis.synapse_ranges import analyse_synapses
from compiler.diagnostics import declare, fail
from compiler.formats import Format, storage_dtype
from compiler.ir.network import WEIGHT, Network, Projection, Tensor
from compiler.ir.program import Program, Site, TensorRef
from compiler.options import Options
from compiler.quantization.fractions import STOCHASTIC, Fractions
from compiler.quantization.program import typed_program
from compiler.quantization.tensors import quantized_values
from compiler.quantization.widths import WIDE, with_ranges

E303 = declare("E303", "the formats of a learning rule cannot be settled")

WIDEST = 31
GUARD = 6
"""Bits by which the values of a rule may be finer than its weights."""
_WIDEST_FRACTION = 30
_COARSE = 10
"""Fraction bits of the try that shows how large everything gets."""
_UNBOUNDED = 45
"""A state with so many bits in that try is bounded by nothing but the integers of the analysis."""
_ROUNDS = 32
_BITS_AT_ONCE = 6
"""Where a product leaves 64 bits its range is unknown, not large: bits are taken a few at a time."""
_ROOM = 4
"""A state whose range is not proved saturates at this times the largest value seen."""


@dataclass
class Learned:
    """A synapse program in integers, its site, and the tensors that these need."""

    program: Program
    site: Site
    tensors: dict[str, Tensor]

    @property
    def weight(self) -> Format:
        type_ = self.program.state(WEIGHT).type
        assert isinstance(type_, Format)
        return type_


def quantized(network: Network, projection: Projection, inputs: dict[str, Interval], options: Options,
              weight_bits: int) -> Learned:
    """The synapse program of a projection, with weights of at most `weight_bits`. Errors: E301, E303."""
    return _Learning(network, projection, inputs, options, weight_bits).run()


class _Learning:
    def __init__(self, network, projection, inputs, options, weight_bits):
        self.network: Network = network
        self.projection: Projection = projection
        self.name, self.site = f"{projection.name}.synapse", projection.synapse
        self.inputs: dict[str, Interval] = inputs
        self.options: Options = options
        self.weight_bits: int = weight_bits
        self.units = network.size_of(projection.source) * network.size_of(projection.target)
        self.rounding = "floor" if options.rounding == STOCHASTIC else options.rounding
        self.weight_excess = 0
        self.open: set[str] = set()
        """States that saturate because nothing bounds them."""

    def run(self) -> Learned:
        for _ in range(_ROUNDS):
            fractions = self._chosen()
            for _ in range(_ROUNDS):
                program, site, tensors, ranges = self._typed(fractions)
                if self._leaves_open(program, ranges) or self._weighs_too_much(ranges):
                    break
                if not (limits := self._too_wide(program, ranges)):
                    program, site, tensors, ranges = self._typed(fractions, narrow=True)
                    narrow, _ = with_ranges(program, ranges, self.inputs, WIDEST)
                    return Learned(narrow, site, tensors | _starts(narrow, site, tensors))
                fractions = replace(fractions, limits={**fractions.limits, **limits})
        raise fail(E303, "the values of a learning rule fit no formats", self.name, expected=f"at most {WIDEST} bits",
                   hint="scale the rule so that its traces and weights stay within a few thousand")

    def _typed(self, fractions: Fractions, narrow: bool = False):
        inputs = {name: item.fraction for name, item in self.inputs.items()}
        program, site, tensors = typed_program(
            self.network, self.name, self.site, inputs, fractions, None, self.options, False)
        trial = replace(self.network, programs={**self.network.programs, program.name: program},
                        tensors={**self.network.tensors, **tensors})
        return program, site, tensors, analyse_synapses(trial, site, self.units, self.inputs, narrow)

    def _chosen(self) -> Fractions:
        """Fractions from the ranges of a try in which everything is coarse, so that no product leaves 64 bits."""
        while True:
            states = {name: self._saturating(name, _COARSE, 30) for name in self.open}
            program, _, tensors, ranges = self._typed(Fractions(_COARSE, _COARSE, {}, states))
            if not self._leaves_open(program, ranges):
                break
        whole = {name: max(_width(item) - item.fraction, 1 - _WIDEST_FRACTION)
                 for name, item in self._if_open(program, ranges, states, tensors).items()}
        weight = self._weight_format(program, whole[WEIGHT], ranges)
        finest = min(weight.fraction + GUARD, _WIDEST_FRACTION)
        limits = {op.result: min(finest, WIDEST - whole[op.result]) for op in program.ops}
        formats = {item.name: self._state_format(item.name, min(finest, WIDEST - whole[item.name]))
                   for item in program.states if isinstance(item.type, Format)}
        return Fractions(finest, finest, limits, formats | {WEIGHT: weight})

    def _if_open(self, program: Program, ranges: SiteRanges, states: dict[str, Format], tensors) -> dict[str, Interval]:
        """The ranges where states that saturate may be anything."""
        everything = {name: Interval(0 * ranges.values[name].low + type_.low, 0 * ranges.values[name].high + type_.high,
                                     type_.fraction) for name, type_ in states.items()}
        known = ranges.values | everything
        known = {name: value for name, value in known.items() if name not in {op.result for op in program.ops}}
        tables = tables_of(replace(self.network, tensors={**self.network.tensors, **tensors}), program)
        step = Step(program, known, tables)
        return known | {op.result: step.value(op.result) for op in program.ops}

    def _weight_format(self, program: Program, whole: int, ranges: SiteRanges) -> Format:
        unsigned = int(ranges.values[WEIGHT].low.min()) >= 0
        fraction = self.weight_bits - whole + int(unsigned) - self.weight_excess
        if WEIGHT in self.open:
            return replace(self._saturating(WEIGHT, fraction, self.weight_bits), rounding="even")
        return Format(True, WIDE, fraction, "even")

    def _state_format(self, name: str, fraction: int) -> Format:
        if name in self.open:
            return self._saturating(name, fraction, WIDEST)
        return Format(True, WIDE, fraction, self.rounding)

    def _saturating(self, state: str, fraction: int, width: int) -> Format:
        """A format that saturates well above what was seen."""
        observed = self.network.observed.get(f"{self.name}.{state}", (0.0, 0.0))
        start = np.abs(self.network.real(self.site.initial.get(state, 0.0))).max(initial=0.0)
        most = _ROOM * max(abs(observed[0]), abs(observed[1]), float(start), 2.0**-10)
        whole = 2 + math.floor(math.log2(most))
        fraction = min(fraction, width - whole)
        return Format(True, whole + fraction, fraction, self.rounding, "saturate")

    def _leaves_open(self, program: Program, ranges: SiteRanges) -> bool:
        """Note states without a proof of a range that fits: they will saturate. Whether there are new ones."""
        found = {item.name for item in program.states if isinstance(item.type, Format) and item.name not in self.open
                 and (not ranges.proved[item.name] or _width(ranges.values[item.name]) > _UNBOUNDED)}
        self.open |= found
        return bool(found)

    def _weighs_too_much(self, ranges: SiteRanges) -> bool:
        """Take bits from weights that turned out to be larger than in the coarse try."""
        value = ranges.values[WEIGHT]
        excess = _width(value) - int(int(value.low.min()) >= 0) - self.weight_bits
        self.weight_excess += max(excess, 0)
        return excess > 0

    def _too_wide(self, program: Program, ranges: SiteRanges) -> dict[str, int]:
        """Fewer fraction bits for results that are too wide, though none of their operands is."""
        wide = {name for name, type_ in program.types().items() if isinstance(type_, Format)
                and type_.overflow != "saturate" and _width(ranges.values[name]) > WIDEST and name not in self.inputs}
        states = {item.name for item in program.states}
        excess = {name: min(_width(ranges.values[name]) - WIDEST, _BITS_AT_ONCE) for name in wide}
        found = {op.result: op.type.fraction - excess[op.result] for op in program.ops  # pyright: ignore
                 if op.result in wide and not wide.intersection(op.names) - states}
        for name in states & wide:
            update = program.update_of(name)
            if isinstance(update, str) and update not in found:
                raise fail(E303, "a state of a learning rule is too wide", f"{self.name}.{name}",
                           found=f"{_width(ranges.values[name])} bits", expected=f"at most {WIDEST}")
        return found


def _width(interval: Interval) -> int:
    """Bits of a signed integer that holds the interval."""
    low, high = int(interval.low.min()), int(interval.high.max())
    return 1 + max(high.bit_length() if high > 0 else 0, (-low - 1).bit_length() if low < 0 else 0)


def _starts(program: Program, site: Site, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of initial states in the type of their state."""
    given = {item: site.initial.get(item.name) for item in program.states}
    return {ref.name: Tensor(item.type, tensors[ref.name].data.astype(storage_dtype(item.type)))
            for item, ref in given.items() if isinstance(ref, TensorRef)}


def start_weights(network: Network, projection: Projection, weight: Format) -> Tensor:
    """The weights of the link [post, pre], in the format of the state that they start."""
    values = np.asarray(network.tensor(projection.chain[0].weights).values)  # pyright: ignore[reportArgumentType]
    return Tensor(weight, quantized_values(values, weight.fraction).data.astype(storage_dtype(weight)))
