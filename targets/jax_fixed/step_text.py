"""The body of one step: which step functions are called with what, and what of it is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from targets.jax_fixed.expressions import converted
from targets.jax_fixed.names import Names
from targets.jax_fixed.sites import SiteText, loaded, stored
from targets.jax_fixed.values import Value, named, number
from targets.jax_fixed.writer import Writer, bare, quoted


class StepText:
    """Writes calls inside a scanned function whose states lie in `carry`.

    now: text of everything that may be recorded, as arrays hold it, by record name. after: the same of new states.
    emitted: values of emitted ports by record name, before they are stored. number: text of the number of the step.
    """

    def __init__(self, code: Writer, names: Names, number: str):
        self.code, self.names, self.number = code, names, number
        self.now: dict[str, str] = {}
        self.after: dict[str, str] = {}
        self.emitted: dict[str, Value] = {}

    def assign(self, value: Value, wanted: str, units: int) -> Value:
        """The value under a local name, in all samples and units."""
        text = value.text if value.batched else f"spread({value.text}, batch, {units})"
        if text.isidentifier():
            return value
        local = self.names.fresh(wanted)
        self.code.line(f"{local} = {bare(text)}")
        return named(value, local)

    def call(self, site: SiteText, inputs: Mapping[str, Value]) -> Value:
        """One step of a site. inputs: what arrives, exact. Gives the value of its first port, 0 if it has none."""
        arguments = []
        for item in site.program.inputs:
            value = self.assign(converted(inputs[item.name], item.type), item.name, site.units)
            arguments.append(value.text)
            self.now[f"{site.name}.{item.name}"] = _kept(value, site.units)
        for item in site.program.states:
            arguments.append(loaded(f"carry[{quoted(f'{site.name}.{item.name}')}]", item.type))
        if site.noise:
            arguments.append(f"drawn({site.noise}, {site.units}, {self.number}, batch)")
        states = {name: named(value, self.names.fresh(f"next_{name}")) for name, value in site.states.items()}
        emits = {port: named(value, self.names.fresh(port)) for port, value in site.emits.items()}
        results = ", ".join(item.text for item in (*states.values(), *emits.values()))
        comma = "," if len(states) + len(emits) == 1 else ""
        self.code.line(f"{results}{comma} = {site.function}({', '.join(arguments)})")
        for name, value in states.items():
            self.now[f"{site.name}.{name}"] = self.after[f"{site.name}.{name}"] = stored(value, site.units)
        for port, value in emits.items():
            self.emitted[f"{site.name}.{port}"] = value
            self.now[f"{site.name}.{port}"] = stored(value, site.units)
        return self.emitted[f"{site.name}.{site.program.emits[0].port}"] if emits else number(0)

    def store(self, port: str, wanted: str) -> str:
        """The row of an emitted port as arrays hold it, under a local name."""
        if not self.now[port].isidentifier():
            local = self.names.fresh(wanted)
            self.code.line(f"{local} = {self.now[port]}")
            self.now[port] = local
        return self.now[port]

    def close(self, more: Sequence[str] = ()) -> None:
        """Write what is kept of the step. more: entries of the new states beyond those of the sites."""
        with self.code.table("now = "):
            self.code.lines(f"{quoted(name)}: {text}," for name, text in self.now.items())
        with self.code.table("after = "):
            self.code.lines([*(f"{quoted(name)}: {text}," for name, text in self.after.items()), *more])


def _kept(value: Value, units: int) -> str:
    """An input of a site, which was assigned in all samples and units before."""
    text = f"narrow({value.text})" if value.is_pair else value.text
    return f"{text}.astype(jnp.uint8)" if value.truth else text
