"""Projections with weights that change: their sums and the program of their synapses, inside the scan of a layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from compiler.analysis.bounds import weight_type
from compiler.formats import Format
from compiler.ir.exact import Range
from compiler.ir.network import PRE, WEIGHT, Population, Projection
from targets.jax_fixed.expressions import converted
from targets.jax_fixed.program_text import ProgramText
from targets.jax_fixed.sites import SiteText, loaded, write_site
from targets.jax_fixed.values import INT32, Value, fits
from targets.jax_fixed.writer import quoted


def sums_of(out: ProgramText, item: Projection, source: Range) -> Value:
    """What the weighted sums can be. source: range of the values that the weights meet."""
    type_ = weight_type(out.network, item)
    assert isinstance(type_, Format)
    ends = [weight * end for weight in (type_.low, type_.high) for end in (min(source.low, 0), max(source.high, 0))]
    units = out.network.size_of(item.source)
    out.row_bytes = max(out.row_bytes, 4 * units * out.network.size_of(item.target))
    range_ = Range(min(ends) * units, max(ends) * units, source.fraction + type_.fraction)
    return Value("sums", range_ if fits(range_) else Range(INT32.low, INT32.high, range_.fraction))


def arrived_text(out: ProgramText, item: Projection, values: str, delays: str, kinds: tuple[int, ...]) -> str:
    """Text of what arrives at every synapse, from text of what arrives at every unit."""
    if delays.startswith("SYNAPSE"):
        return f"at_synapses_late({values}, {delays}, {kinds})"
    return f"at_synapses({values}, {out.network.size_of(item.target)})"


def sums_text(out: ProgramText, item: Projection, arrived: str) -> str:
    """Text of the sums with the weights at the start of the step."""
    key = f"{item.name}.synapse.{WEIGHT}"
    weights = loaded(f"carry[{quoted(key)}]", weight_type(out.network, item))
    return f"weighed({weights}, {arrived}, {out.network.size_of(item.target)})"


def write_synapses(out: ProgramText, population: Population, source: Mapping[str, Range], emits: Mapping[str, Value]
                   ) -> dict[str, SiteText]:
    """The step functions of the plastic synapses into a population. source: ranges of ports, by `node.port`."""
    written = {}
    for item in out.network.into(population.name):
        if item.synapse is None:
            continue
        program = out.network.programs[item.synapse.program]
        ranges = {}
        for port in program.inputs:
            arriving = source[f"{item.source}.{item.source_port}"]
            value = Value("x", arriving) if port.name == PRE else replace(emits[port.name], text="x")
            ranges[port.name] = converted(value, port.type).range
        units = out.network.size_of(item.source) * population.size
        written[item.name] = write_site(out, f"{item.name}.synapse", item.synapse, units, ranges)
    return written


def at_synapses(value: Value, sources: int) -> Value:
    """What a population emits, at each of its synapses."""
    return value if value.constant is not None else replace(value, text=f"jnp.repeat({value.text}, {sources}, axis=-1)")
