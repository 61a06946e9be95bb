"""The function that runs a layer: weighted sums of all steps at once, then one `lax.scan` over the dynamics."""

from __future__ import annotations

from compiler.ir.network import PRE, Population, Projection
from targets.jax_fixed.layers import LayerText, arriving_at
from targets.jax_fixed.program_text import ProgramText
from targets.jax_fixed.projections import ProjectionText, delivered
from targets.jax_fixed.schedule import ring_depths
from targets.jax_fixed.sites import SiteText
from targets.jax_fixed.step_text import StepText
from targets.jax_fixed.synapses import arrived_text, at_synapses, sums_text
from targets.jax_fixed.values import Value, named
from targets.jax_fixed.writer import quoted

KEPT = "{name: now[name] for name in keep if name in now}"


def write_layer_function(out: ProgramText, text: LayerText) -> str:
    """Write it. Gives its name."""
    name = out.names.fresh(f"layer_{'_'.join(text.layer.names)}")
    with out.code.function(f"{name}(weights, state, emitted, steps, batch, keep)", _documentation(text)):
        _LayerFunction(out, text).write()
    return name


def _documentation(text: LayerText) -> list[str]:
    how = "the weighted sums of all steps at once, then the dynamics step by step"
    if text.layer.inside:
        how = "populations that listen to one another, so their sums are part of every step"
    names = ", ".join(text.layer.names)
    return [f"{names}: {how}.", "", "Returns the states after the steps and the rows that `keep` names."]


class _LayerFunction:
    def __init__(self, out: ProgramText, text: LayerText):
        self.out, self.text, self.code = out, text, out.code
        self.names = out.names.inner()
        self.arrived: dict[str, Value] = {}
        depths = ring_depths(out.network, text.layer)
        self.heard = {f"{node}.{port}" for node, port in depths}
        self.rings = {f"{node}.{port}": depth for (node, port), depth in depths.items() if depth}
        self.traces = [item.name for item in text.layer.before if item.pre is not None]

    def write(self) -> None:
        self._write_sums()
        self.code.blank()
        with self.code.block("def advance(carry, row):"):
            step = StepText(self.code, self.names.inner(), 'state["step"] + row["t"]')
            for population in self.text.layer.populations:
                self._write_population(population, step)
            entries = (f"{_ring(port)}: ring_with(carry[{_ring(port)}], row[\"t\"], {step.now[port]}),"
                       for port in self.rings)
            step.close(list(entries))
            self.code.line(f"return after, {KEPT}")
        self.code.blank()
        self._write_scan([f"{quoted(name)}: state[{quoted(name)}]," for name in step.after])

    def _write_sums(self) -> None:
        """The weighted sums that need nothing of the layer itself, of all steps at once."""
        if self.traces:
            self.code.line("traced = []")
        counts = 'row = {"t": jnp.arange(steps, dtype=jnp.int32)}'
        self.code.line(counts if self._counts_steps() else "row = {}")
        for item in self.text.layer.before:
            projection = self.text.projections[item.name]
            values = projection.rows(f"delayed(emitted[{quoted(projection.port)}], steps, {{}})")
            if item.synapse is not None:
                self.code.line(f"row[{quoted(_arriving(item))}] = {values}")
            if projection.pre is not None:
                values = f"{self._write_trace(projection, projection.pre)}({values})"
            if item.synapse is None:
                self.code.line(f"row[{quoted(item.name)}] = {projection.function}(weights, {values})")
            elif projection.pre is not None:
                self.code.line(f"row[{quoted(item.name)}] = {values}")

    def _counts_steps(self) -> bool:
        """Whether a step must know its number."""
        late = (item.bias is not None and item.bias_start > 0 for item in self.text.projections.values())
        projections = self.text.projections.values()
        sites = [*self.text.sites.values(), *self.text.synapses.values(), *(item.post for item in projections),
                 *(item.pre for item in projections)]
        noisy = any(item is not None and item.noise for item in sites)
        return noisy or bool(self.rings) or not self.text.layer.before or any(late)

    def _write_trace(self, projection: ProjectionText, site: SiteText) -> str:
        """A local function: what the program before the weights makes of all rows."""
        name = self.names.fresh(f"trace_{projection.projection.name}")
        port = quoted(f"{site.name}.{site.program.emits[0].port}")
        self.code.blank()
        with self.code.block(f"def {name}(arriving):"):
            with self.code.block("def advance(carry, x):"):
                step = StepText(self.code, self.names.inner(), 'state["step"] + t')
                if site.noise:
                    self.code.line("t, x = x")
                step.call(site, {site.program.inputs[0].name: self._read(projection, "x")})
                step.close()
                self.code.line(f"return after, (now[{port}], {KEPT})")
            self.code.blank()
            before = ", ".join(f"{quoted(key)}: state[{quoted(key)}]" for key in step.after)
            rows = "(jnp.arange(steps, dtype=jnp.int32), arriving)" if site.noise else "arriving"
            self.code.line(f"after, (values, kept) = lax.scan(advance, {{{before}}}, {rows})")
            self.code.line("traced.append((after, kept))")
            self.code.line("return values")
        self.code.blank()
        return name

    def _read(self, projection: ProjectionText, text: str) -> Value:
        """What a projection reads, from arrays: truth values stand there as uint8."""
        return Value(f"{text}.astype(jnp.int32)", self.text.ports[projection.port])

    def _write_population(self, population: Population, step: StepText) -> None:
        arriving = {
            item.name: self._write_arrival(self.text.projections[item.name], step)
            for item in self.out.network.into(population.name)
        }
        site = self.text.sites[population.name]
        step.call(site, {
            item.name: arriving_at(self.out, population, item.name, arriving) for item in site.program.inputs
        })
        for port in site.emits:
            if f"{population.name}.{port}" in self.heard:
                step.store(f"{population.name}.{port}", f"{population.name}_{port}")
        for item in self.out.network.into(population.name):
            if item.name in self.text.synapses:
                self._write_synapses(item, self.text.synapses[item.name], step)

    def _write_synapses(self, item: Projection, site: SiteText, step: StepText) -> None:
        """One step of plastic synapses: what arrived at them, and what their target has just emitted."""
        given, sources = {}, self.out.network.size_of(item.source)
        for port in site.program.inputs:
            emitted = None if port.name == PRE else step.emitted[f"{item.target}.{port.name}"]
            given[port.name] = self.arrived[item.name] if emitted is None else at_synapses(emitted, sources)
        step.call(site, given)

    def _write_learned(self, projection: ProjectionText, step: StepText) -> str:
        """Text of the sums with weights that change; what arrives at the synapses is kept for their step."""
        item, inside = projection.projection, projection.projection in self.text.layer.inside
        row = f"row[{quoted(_arriving(item))}]"
        values = projection.rows(self._row_text(projection, step)) if inside else row
        text = arrived_text(self.out, item, values, projection.delays, projection.kinds)
        units = self.out.network.size_of(item.source) * self.out.network.size_of(item.target)
        arrived = step.assign(Value(text, self.text.ports[projection.port]), f"{item.name}_arrived", units)
        self.arrived[item.name] = arrived
        if projection.pre is None:
            return sums_text(self.out, item, arrived.text)
        filtered = f"row[{quoted(item.name)}]"
        if inside:
            step.call(projection.pre, {projection.pre.program.inputs[0].name: self._read(projection, values)})
            filtered = step.now[f"{projection.pre.name}.{projection.pre.program.emits[0].port}"]
        return sums_text(self.out, item, arrived_text(self.out, item, filtered, "", ()))

    def _write_arrival(self, projection: ProjectionText, step: StepText) -> Value:
        """What one projection delivers in this step."""
        item = projection.projection
        text = f"row[{quoted(item.name)}]"
        if item.synapse is not None:
            text = self._write_learned(projection, step)
        elif item in self.text.layer.inside:
            values = projection.rows(self._row_text(projection, step))
            if projection.pre is not None:
                read = self._read(projection, values)
                step.call(projection.pre, {projection.pre.program.inputs[0].name: read})
                values = step.now[f"{projection.pre.name}.{projection.pre.program.emits[0].port}"]
            text = f"{projection.function}(weights, {values})"
        sums = step.assign(named(projection.sums, text), f"{item.name}_sums", self.out.network.size_of(item.target))
        value = delivered(projection, sums, f'(state["step"] + row["t"] >= {projection.bias_start})')
        if projection.post is None:
            return value
        return step.call(projection.post, {projection.post.program.inputs[0].name: value})

    def _row_text(self, projection: ProjectionText, step: StepText) -> str:
        """Text of the row that was emitted {} steps ago."""
        ring = f'ring_row(carry[{_ring(projection.port)}], row["t"], {{}})'
        if max(projection.kinds) == 0:
            return step.now[projection.port]
        if min(projection.kinds) > 0:
            return ring
        return f"({step.now[projection.port]} if delay == 0 else {ring})"

    def _write_scan(self, entries: list[str]) -> None:
        with self.code.table("before = "):
            self.code.lines(entries)
            self.code.lines(
                f"{_ring(port)}: ring(state, {quoted(port)}, {depth})," for port, depth in self.rings.items()
            )
        self.code.line("after, rows = lax.scan(advance, before, row)")
        if self.rings:
            self.code.line("after = {name: after[name] for name in after if name in state}")
        if self.traces:
            with self.code.block("for changed, kept in traced:"):
                self.code.line("after, rows = after | changed, rows | kept")
        self.code.line("return after, rows")


def _arriving(item: Projection) -> str:
    """Key of what arrives before it is weighed."""
    return f"{item.name} arriving"


def _ring(port: str) -> str:
    """Key of the last rows of a port inside the scan."""
    return quoted(f"last {port}")
