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
from dataclasses import replace

from compiler.analysis.value_order import require_no_cycle_of_values, value_order
from compiler.formats import FloatType, Format
from compiler.ir.network import Input, Network
from compiler.ir.program import TensorRef
from compiler.options import Options
from compiler.quantization.decisions import settings_of
from compiler.quantization.fractions import STOCHASTIC
from compiler.quantization.population import PopulationQuantizer

LEVELS = ("model",)


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
        PopulationQuantizer(fixed, name, options).apply()
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
