"""A layer as Python: weighted sums of all steps at once, then one `lax.scan` over what must go step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from compiler.ir.exact import Range
from compiler.ir.network import Network, Population
from compiler.ir.program import Program
from targets.jax_fixed.expressions import converted, total
from targets.jax_fixed.names import Names
from targets.jax_fixed.program_text import ProgramText
from targets.jax_fixed.projections import ProjectionText, delivered, write_projection
from targets.jax_fixed.schedule import Layer, ring_depths
from targets.jax_fixed.sites import SiteText, emitted_range, loaded, stored, write_site
from targets.jax_fixed.values import Value, named, number


@dataclass(frozen=True)
class LayerText:
    """A layer whose functions were written. ports: what it emits, as rows are named, with the range of each."""

    layer: Layer
    function: str
    ports: dict[str, Range]


def write_layer(out: ProgramText, layer: Layer, ports: Mapping[str, Range]) -> LayerText:
    """Write a layer. ports: range of every port of earlier layers and inputs."""
    writer = _LayerWriter(out, layer, dict(ports))
    writer.write_parts()
    return LayerText(layer, writer.write_function(), writer.own_ports())


class _LayerWriter:
    def __init__(self, out: ProgramText, layer: Layer, ports: dict[str, Range]):
        self.out, self.layer, self.ports = out, layer, ports
        self.network: Network = out.network
        self.rings = ring_depths(self.network, layer)
        self.projections: dict[str, ProjectionText] = {}
        self.sites: dict[str, SiteText] = {}
        self.scope: Names = out.names.inner()
        self.stored: dict[str, str] = {}

    # ---- constants, step functions and weighted sums

    def write_parts(self) -> None:
        """Everything of the layer but the function that runs it."""
        for population in self.layer.populations:
            for port in self._emits(population):
                self.ports.setdefault(*self._assumed(population, port))
        for population in self.layer.populations:
            title = f"population {population.name}"
            self.out.code.line()
            self.out.code.line()
            self.out.code.line(f"# ---- {title}")
            self.out.code.line()
            for item in self.network.into(population.name):
                text = write_projection(self.out, item, self.ports[f"{item.source}.{item.source_port}"])
                self.projections[item.name] = text
            self._write_population(population)

    def _assumed(self, population: Population, port: str) -> tuple[str, Range]:
        """Before its program is written, a port of the layer is known by its type alone."""
        from compiler.ir.exact import range_of_type

        return f"{population.name}.{port}", range_of_type(self.network.emitted_type(population.name, port))

    def _write_population(self, population: Population) -> None:
        program = self._program(population)
        ranges = {item.name: self._port(population, item.name).range for item in program.inputs}
        site = write_site(self.out, population.name, population.site, population.size, ranges)
        self.sites[population.name] = site
        for port, value in site.emits.items():
            range_ = emitted_range(value, self.network.emitted_type(population.name, port))
            self.ports[f"{population.name}.{port}"] = range_

    def _port(self, population: Population, port: str, texts: Mapping[str, Value] | None = None) -> Value:
        """The value of an input port. texts: what its projections deliver; without them only the range counts."""
        program = self._program(population)
        type_ = next(item.type for item in program.inputs if item.name == port)
        arriving = [
            texts[item.name] if texts is not None else self._delivered(self.projections[item.name])
            for item in self.network.into(population.name)
            if item.target_port == port
        ]
        return converted(total(arriving) if arriving else number(0), type_)

    def _delivered(self, text: ProjectionText) -> Value:
        if text.post is not None:
            return text.post.emits[text.post.program.emits[0].port]
        return delivered(text, text.sums, "gate")

    def own_ports(self) -> dict[str, Range]:
        """Ranges of what the layer emits."""
        names = [f"{item.name}.{port}" for item in self.layer.populations for port in self._emits(item)]
        return {name: self.ports[name] for name in names}

    def _program(self, population: Population) -> Program:
        return self.network.programs[population.site.program]

    def _emits(self, population: Population) -> list[str]:
        return [item.port for item in self._program(population).emits]

    # ---- the function that runs the layer

    def write_function(self) -> str:
        """The layer over a number of steps. Gives its name."""
        code = self.out.code
        function = self.out.names.fresh(f"layer_{'_'.join(self.layer.names)}")
        code.line()
        code.line()
        with code.block(f"def {function}(weights, state, emitted, steps, batch, keep):"):
            code.documented(self._documentation())
            self._write_before()
            self._write_rings()
            self._write_advance()
            self._write_scan()
        return function

    def _documentation(self) -> list[str]:
        names = ", ".join(self.layer.names)
        how = "listen to one another, so every step computes their sums anew" if self.layer.inside else (
            "only the dynamics go step by step; the weighted sums of all steps are one product")
        return [f"{names}: {how}.", "", "Returns the state after `steps` steps and the rows that `keep` names."]

    def _write_before(self) -> None:
        """Weighted sums of all steps at once; traces before the weights have their own scan."""
        code = self.out.code
        self.carried: list[str] = []
        if any(self.projections[item.name].pre for item in self.layer.before):
            code.line("traced = []")
        code.line('row = {"t": jnp.arange(steps, dtype=jnp.int32)}')
        for item in self.layer.before:
            text = self.projections[item.name]
            values = text.rows(f"delayed(emitted[{text.port!r}], steps, {{}})")
            if text.pre is not None:
                function = self._write_trace(text)
                values = f"{function}({values})"
            code.line(f"row[{item.name!r}] = {text.function}(weights, {values})")

    def _write_trace(self, text: ProjectionText) -> str:
        """A local function: what the program before the weights makes of all rows. Its state and records are kept."""
        code, site = self.out.code, text.pre
        assert site is not None
        function = self.scope.fresh(f"trace_{text.projection.name}")
        scope = self.scope.inner()
        with code.block(f"def {function}(arriving):"):
            with code.block("def advance(carry, x):"):
                now = self._write_site(site, {site.inputs[0]: self._source(text, "x")}, scope)
                self._write_now(now, [site])
                code.line(f"return after, (now[{self._first(site)!r}], {{name: now[name] for name in keep if name in now}})")
            code.line(f"before = {self._state_text([site])}")
            code.line("after, (values, kept) = lax.scan(advance, before, arriving)")
            code.line("traced.append((after, kept))")
            code.line("return values")
        return function

    def _first(self, site: SiteText) -> str:
        return f"{site.name}.{site.program.emits[0].port}"

    def _source(self, text: ProjectionText, name: str) -> Value:
        """What a projection reads, in arrays: truth values as uint8."""
        item = text.projection
        range_ = self.ports[text.port]
        return Value(f"{name}.astype(jnp.int32)", range_)

    def _write_rings(self) -> None:
        for (node, port), depth in self.rings.items():
            if depth:
                self.out.code.line(f"ring_{node}_{port} = ring(state, {f'{node}.{port}'!r}, {depth})")

    def _write_advance(self) -> None:
        code = self.out.code
        with code.block("def advance(carry, row):"):
            sites: list[SiteText] = []
            now: dict[str, str] = {}
            scope = self.scope.inner()
            code.line('t = row["t"]')
            for population in self.layer.populations:
                now |= self._write_population_step(population, scope, sites)
            self._write_now(now, sites)
            self.all_sites = sites
            self._write_ring_updates()
            code.line("return after, {name: now[name] for name in keep if name in now}")

    def _write_population_step(self, population: Population, scope: Names, sites: list[SiteText]) -> dict[str, str]:
        code = self.out.code
        code.line(f"# {population.name}")
        now: dict[str, str] = {}
        arriving = {}
        for item in self.network.into(population.name):
            text = self.projections[item.name]
            arriving[item.name] = self._write_arrival(text, scope, sites, now)
        inputs = {}
        for item in self._program(population).inputs:
            value = self._port(population, item.name, arriving)
            local = scope.fresh(item.name if len(self.layer.populations) == 1 else f"{population.name}_{item.name}")
            text = value.text if value.batched else f"spread({value.text}, batch, {population.size})"
            code.line(f"{local} = {text}")
            inputs[item.name] = named(value, local)
        site = self.sites[population.name]
        sites.append(site)
        now |= self._write_site(site, inputs, scope, fitted=True)
        for port in site.emits:
            name = f"{population.name}.{port}"
            if (population.name, port) in self.rings:
                local = scope.fresh(f"{population.name}_{port}_row")
                code.line(f"{local} = {now[name]}")
                now[name] = self.stored[name] = local
        return now

    def _write_arrival(self, text: ProjectionText, scope: Names, sites: list[SiteText], now: dict[str, str]) -> Value:
        """What one projection delivers in this step."""
        code, item = self.out.code, text.projection
        sums = scope.fresh(f"{item.name}_sums")
        if item in self.layer.before:
            code.line(f"{sums} = row[{item.name!r}]")
        else:
            values = text.rows(self._row_of(text))
            if text.pre is not None:
                x = scope.fresh("x")
                code.line(f"{x} = {values}")
                traced = self._write_site(text.pre, {text.pre.inputs[0]: self._source(text, x)}, scope)
                sites.append(text.pre)
                now |= traced
                values = traced[self._first(text.pre)]
            code.line(f"{sums} = {text.function}(weights, {values})")
        gate = f"state[\"step\"] + t >= {text.bias_start}"
        value = delivered(text, named(text.sums, sums), gate)
        if text.post is None:
            return value
        filtered = self._write_site(text.post, {text.post.inputs[0]: value}, scope)
        sites.append(text.post)
        now |= filtered
        return self.site_values[self._first(text.post)]

    def _row_of(self, text: ProjectionText) -> str:
        """Text of the row that was emitted {} steps ago, inside the step."""
        item = text.projection
        ring = f"ring_row(carry[{f'ring {text.port}'!r}], t, {{}})"
        if max(text.kinds) == 0:
            return self.stored[text.port]
        if min(text.kinds) > 0:
            return ring
        return f"({self.stored[f'{item.source}.{item.source_port}']} if {{0}} == 0 else {ring.replace('{}', '{0}')})"

    site_values: dict[str, Value]

    def _write_site(
        self, site: SiteText, inputs: Mapping[str, Value], scope: Names, fitted: bool = False
    ) -> dict[str, str]:
        """Call a step function. Gives the text of every name that can be recorded, as it is stored."""
        code = self.out.code
        types = site.program.types()
        now = {}
        arguments = []
        for name, value in inputs.items():
            value = value if fitted else converted(value, types[name])
            if not fitted:
                local = scope.fresh(f"{site.name}_{name}")
                code.line(f"{local} = {value.text}")
                value = named(value, local)
            arguments.append(value.text)
            now[f"{site.name}.{name}"] = stored(value, site.units)
        arguments += [loaded(f"carry[{site.state_key(item.name)!r}]", item.type) for item in site.program.states]
        results = {}
        for kind, values in (("state", site.states), ("emit", site.emits)):
            for name, value in values.items():
                results[kind, name] = named(value, scope.fresh(name if kind == "emit" else f"{name}_next"))
        code.line(f"{', '.join(item.text for item in results.values())} = {site.function}({', '.join(arguments)})"
                  if len(results) > 1 else
                  f"{next(iter(results.values())).text}, = {site.function}({', '.join(arguments)})")
        self.site_values = getattr(self, "site_values", {})
        for (_, name), value in results.items():
            now[f"{site.name}.{name}"] = stored(value, site.units)
        for name in site.states:
            self.stored[f"state {site.name}.{name}"] = stored(results["state", name], site.units)
        for name in site.emits:
            self.site_values[f"{site.name}.{name}"] = results["emit", name]
        return now

    def _write_now(self, now: Mapping[str, str], sites: list[SiteText]) -> None:
        code = self.out.code
        with code.block("now = {"):
            for name, text in now.items():
                code.line(f"{name!r}: {text},")
        code.line("}")
        states = [f"{site.name}.{name}" for site in sites for name in site.states]
        entries = ", ".join(f"{key!r}: {self.stored[f'state {key}']}" for key in states)
        code.line(f"after = {{{entries}}}")

    def _write_ring_updates(self) -> None:
        for (node, port), depth in self.rings.items():
            if depth:
                name = f"{node}.{port}"
                key = f"ring {name}"
                self.out.code.line(f"after[{key!r}] = ring_with(carry[{key!r}], t, {self.stored[name]})")

    def _state_text(self, sites: list[SiteText]) -> str:
        keys = [f"{site.name}.{name}" for site in sites for name in site.states]
        return f"{{{', '.join(f'{key!r}: state[{key!r}]' for key in keys)}}}"

    def _write_scan(self) -> None:
        code = self.out.code
        code.line(f"before = {self._state_text(self.all_sites)}")
        for (node, port), depth in self.rings.items():
            if depth:
                code.line(f"before[{f'ring {node}.{port}'!r}] = ring_{node}_{port}")
        code.line("after, rows = lax.scan(advance, before, row)")
        code.line("after = {name: after[name] for name in after if name in state}")
        if any(self.projections[item.name].pre for item in self.layer.before):
            with code.block("for changed, kept in traced:"):
                code.line("after |= changed")
                code.line("rows |= kept")
        code.line("return after, rows")
