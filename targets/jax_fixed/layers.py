"""A layer: the parts of its populations, then the function that runs it over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from compiler.ir.exact import Range, range_of_type
from compiler.ir.network import Population
from compiler.ir.program import Program
from targets.jax_fixed.expressions import converted, total
from targets.jax_fixed.program_text import ProgramText
from targets.jax_fixed.projections import ProjectionText, delivered, write_projection
from targets.jax_fixed.schedule import Layer
from targets.jax_fixed.sites import SiteText, emitted_range, write_site
from targets.jax_fixed.synapses import write_synapses
from targets.jax_fixed.values import Value, number


@dataclass
class LayerText:
    """A layer of which constants, step functions and weighted sums were written.

    ports: range of every port that it reads or emits, by `node.port`. synapses: of plastic projections, by their name.
    """

    layer: Layer
    ports: dict[str, Range]
    projections: dict[str, ProjectionText] = field(default_factory=dict)
    sites: dict[str, SiteText] = field(default_factory=dict)
    synapses: dict[str, SiteText] = field(default_factory=dict)

    @property
    def emitted(self) -> list[str]:
        """Ports that it emits."""
        return [f"{name}.{port}" for name in self.layer.names for port in self.sites[name].emits]


def write_parts(out: ProgramText, layer: Layer, ports: Mapping[str, Range]) -> LayerText:
    """Everything of a layer but the function that runs it. ports: ranges of earlier layers' ports and of inputs."""
    text = LayerText(layer, dict(ports))
    for population in layer.populations:  # before its program is written, a port is known by its type alone
        for port in (item.port for item in program_of(out, population).emits):
            type_ = out.network.emitted_type(population.name, port)
            text.ports[f"{population.name}.{port}"] = range_of_type(type_)
    for population in layer.populations:
        out.code.heading(f"population {population.name}")
        for item in out.network.into(population.name):
            source = text.ports[f"{item.source}.{item.source_port}"]
            text.projections[item.name] = write_projection(out, item, source)
        _write_population(out, population, text)
    return text


def _write_population(out: ProgramText, population: Population, text: LayerText) -> None:
    arriving = {item.name: _possible(text.projections[item.name]) for item in out.network.into(population.name)}
    ranges = {
        item.name: converted(arriving_at(out, population, item.name, arriving), item.type).range
        for item in program_of(out, population).inputs
    }
    site = write_site(out, population.name, population.site, population.size, ranges)
    text.sites[population.name] = site
    for port, value in site.emits.items():
        type_ = out.network.emitted_type(population.name, port)
        text.ports[f"{population.name}.{port}"] = emitted_range(value, type_)
    text.synapses |= write_synapses(out, population, text.ports, site.emits)


def _possible(text: ProjectionText) -> Value:
    """What a projection can deliver; only the range of it counts here."""
    return delivered(text, text.sums, "gate") if text.post is None else text.post.first


def arriving_at(out: ProgramText, population: Population, port: str, values: Mapping[str, Value]) -> Value:
    """The exact sum at a port. values: what every projection into the population delivers."""
    terms = [values[item.name] for item in out.network.into(population.name) if item.target_port == port]
    return total(terms) if terms else number(0)


def program_of(out: ProgramText, population: Population) -> Program:
    return out.network.programs[population.site.program]
