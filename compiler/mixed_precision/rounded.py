"""The float network with some of its numbers on the grids that the fixed network puts them on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from compiler.formats import F64, FloatType, Format
from compiler.ir.network import Network, Projection, Tensor
from compiler.ir.program import Op, Operand, Program, Site, TensorRef
from compiler.ir.rewrite import fresh_name, map_sites
from compiler.options import Options
from compiler.quantization.weights import bits_of, quantized_weights


def with_rounded_weights(scaled: Network, options: Options) -> Network:
    """A co-scaled network with every weight rounded to the nearest that its bits hold; learned ones stay."""
    network = scaled.copy()
    for item in network.projections:
        if item.synapse is None:
            network.add(_rounded(network, item, bits_of(item, options)))
    return network


def _rounded(network: Network, projection: Projection, bits: int) -> Projection:
    chain = list(projection.chain)
    for index, link in enumerate(chain):
        if link.weights is None:
            continue
        values = quantized_weights(np.asarray(network.tensor(link.weights).values), bits).values
        name = f"{projection.name}.rounded{index}"
        network.tensors[name] = Tensor(F64, np.asarray(values, np.float64))
        chain[index] = replace(link, weight=TensorRef(name))  # pyright: ignore[reportCallIssue]
    return replace(projection, chain=tuple(chain))


def with_rounded_states(network: Network, fixed: Network, sites: Collection[str], rounding: str) -> Network:
    """A co-scaled network whose states at some sites are kept in the formats of the fixed network made of it.

    rounding: of states; `stochastic` is taken as nearest.
    """
    network = network.copy()
    formats = {name: {item.name: item.type for item in fixed.programs[site.program].states}
               for name, site, _ in fixed.sites() if name in sites}

    def kept(name: str, site: Site, _: int) -> Site:
        if name not in formats:
            return site
        rewritten = _StateRounding(network.programs[site.program], rounding)
        program = rewritten.program(f"{site.program}.{name}", formats[name])
        network.programs[program.name] = program
        return replace(site, program=program.name)

    map_sites(network, kept)
    return network


class _StateRounding:
    """Puts a rounding and a clip behind the update of every real state."""

    def __init__(self, program: Program, rounding: str):
        self.source, self.ops, self.rounding = program, list(program.ops), rounding
        self.names = set(program.types())

    def program(self, name: str, formats: dict) -> Program:
        real = {item.name for item in self.source.states if isinstance(item.type, FloatType)}
        updates = tuple((state, self._kept(value, formats[state]) if state in real else value)
                        for state, value in self.source.updates)
        return replace(self.source, name=name, ops=tuple(self.ops), updates=updates)

    def _kept(self, value: Operand, type_: Format) -> Operand:
        whole = self._whole(self._op("mul", value, 2.0**type_.fraction))
        held = self._op("max", self._op("min", whole, float(type_.high)), float(type_.low))
        return self._op("mul", held, type_.lsb)

    def _whole(self, value: Operand) -> Operand:
        if self.rounding == "floor":
            return self._op("floor", value)
        if self.rounding == "zero":
            return self._op("mul", self._op("sign", value), self._op("floor", self._op("abs", value)))
        return self._op("round", value)

    def _op(self, opcode: str, *operands: Operand) -> str:
        name = fresh_name("kept", self.names)
        self.names.add(name)
        self.ops.append(Op(name, opcode, operands, F64))
        return name
