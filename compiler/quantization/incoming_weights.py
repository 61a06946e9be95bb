"""Weights of the projections into one population as integers; those that learn with their program."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from compiler.analysis import bounds
from compiler.analysis.intervals import EXACT, Interval, point
from compiler.analysis.linearity import passes_on
from compiler.diagnostics import declare, fail
from compiler.formats import BoolType
from compiler.ir.connections.dense import Dense
from compiler.ir.network import PRE, Network, Population, Projection
from compiler.ir.program import TensorRef
from compiler.options import Options
from compiler.quantization.arriving import CARRIED_BITS, carried_by
from compiler.quantization.plastic_synapses import quantized, start_weights
from compiler.quantization.tensors import WIDEST_VALUE
from compiler.quantization.weights import bits_of, quantized_weights

E304 = declare("E304", "a learning rule reads what integers are not known of")


class IncomingWeights:
    """Rounds the weights of the projections into one population."""

    def __init__(self, network: Network, population: Population, incoming: list[Projection], options: Options):
        self.network, self.population, self.incoming, self.options = network, population, incoming, options

    def rounded(self, projection: Projection) -> Projection:
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
            held = self.options.decided.fractions.get(key) if self.options.decided else None
            tensor = quantized_weights(values, bits_of(projection, self.options), held)
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
            most = 1 << CARRIED_BITS
        room = WIDEST_VALUE - 1 - math.ceil(math.log2(most * self.network.size_of(projection.source)))
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
                total = EXACT["add"](total, bounds.weighted(self.network, item, carried_by(self.network, item)))
        sources = self.network.size_of(projection.source)
        return Interval(np.repeat(total.low, sources), np.repeat(total.high, sources), total.fraction)
