"""Rules of names: well formed, defined once, defined before use, and everything referred to exists."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from compiler.diagnostics import Diagnostic, Place, declare
from compiler.ir.network import Input, Network, Output, Population, Projection
from compiler.ir.program import Operand, Program, TensorRef
from compiler.ir.rules.base import NAMES, ProgramEntry, SiteEntry, TensorEntry, listed, program_place, rule
from compiler.ir.rules.ends import E211

E203 = declare("E203", "a name is defined twice")
E210 = declare("E210", "a name is not a word of the text form")
E212 = declare("E212", "a name is used before it is defined")
E213 = declare("E213", "two things in one program have the same name")
E214 = declare("E214", "a state has no update at the end of the step, or several")
E215 = declare("E215", "the arguments of a site are not those of its program")
E216 = declare("E216", "what a program emits is neither a name nor a truth value")

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
DOTTED = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
RESERVED = frozenset({"true", "false", "inf", "nan", "emit", "history"})


def _unless_word(name: object, place: str, dotted: bool = False) -> Iterator[Diagnostic]:
    pattern = DOTTED if dotted else WORD
    if not isinstance(name, str) or not pattern.fullmatch(name) or name in RESERVED:
        expected = f"letters, digits, _{' and .' if dotted else ''}, no digit first; not {listed(sorted(RESERVED))}"
        yield Diagnostic(E210, "not a name", Place(path=place), repr(name), expected, "choose another name")


@rule("program", stage=NAMES)
def names_of_programs_are_words(network: Network, entry: ProgramEntry) -> Iterator[Diagnostic]:
    program, place = entry.program, f"program @{entry.name}"
    yield from _unless_word(entry.name, place, dotted=True)
    if program.name != entry.name:
        yield Diagnostic(E210, "a program is filed under another name", Place(path=place), program.name, entry.name)
    names = [item.name for item in (*program.inputs, *program.states, *program.params)]
    for name in (*names, *(op.result for op in program.ops), *(item.port for item in program.emits)):
        yield from _unless_word(name, place)


@rule("tensor", stage=NAMES)
def names_of_tensors_are_words(network: Network, entry: TensorEntry) -> Iterator[Diagnostic]:
    return _unless_word(entry.name, f"tensor #{entry.name}", dotted=True)


@rule("input", "population", "output", stage=NAMES)
def names_of_nodes_are_words(network: Network, node: Input | Population | Output) -> Iterator[Diagnostic]:
    return _unless_word(node.name, f"{type(node).__name__.lower()} %{node.name}")


@rule("projection", stage=NAMES)
def names_of_projections_are_words(network: Network, projection: Projection) -> Iterator[Diagnostic]:
    return _unless_word(projection.name, f"projection %{projection.name}")


@rule("network", stage=NAMES)
def projections_have_different_names(network: Network, _: Network) -> Iterator[Diagnostic]:
    for name, count in Counter(item.name for item in network.projections).items():
        if count > 1:
            yield Diagnostic(E203, f"{count} projections are called %{name}", Place(path=f"projection %{name}"),
                             listed(f"%{p.source} -> %{p.target}" for p in network.projections if p.name == name),
                             "a name of its own for each")


@rule("program", stage=NAMES)
def names_of_a_program_are_defined_once(network: Network, entry: ProgramEntry) -> Iterator[Diagnostic]:
    """Inputs, states, params and results share one namespace; emitted ports have their own."""
    program = entry.program
    values = [item.name for item in (*program.inputs, *program.states, *program.params)]
    values += [op.result for op in program.ops]
    ports = [item.port for item in program.emits]
    for name in _repeated(values) + _repeated(ports):
        yield Diagnostic(E213, f"{name} stands for two things", program_place(program, name), f"{name}, twice",
                         "one of each name among inputs, states, params and results, one port of each name",
                         "rename one of them")


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


@rule("program", stage=NAMES)
def names_are_defined_before_use(network: Network, entry: ProgramEntry) -> Iterator[Diagnostic]:
    program = entry.program
    known = {item.name for item in (*program.inputs, *program.states, *program.params)}
    results = {op.result for op in program.ops}
    for op in program.ops:
        for name in op.names:
            if name not in known:
                yield _unknown(program, name, op.result, name in results, op.place)
        known.add(op.result)
    ends = [(f"{name}'", value) for name, value in program.updates]
    for where, value in [*ends, *((f"emit {item.port}", item.value) for item in program.emits)]:
        if isinstance(value, str) and value not in known:
            yield _unknown(program, value, where, False, Place())


def _unknown(program: Program, name: str, where: str, later: bool, place: Place) -> Diagnostic:
    place = place if place.file else program_place(program, where)
    if later:
        return Diagnostic(E212, f"{name} is used before it is defined", place, f"{name} in {where}",
                          "a name defined further up", "move the operation that defines it up")
    return Diagnostic(E211, f"nothing defines {name}", place, f"{name} in {where}",
                      f"one of {listed(program.types())}", "define it, or correct the name")


@rule("program", stage=NAMES)
def tables_of_programs_exist(network: Network, entry: ProgramEntry) -> Iterator[Diagnostic]:
    return _missing(network, entry.program.uses(), program_place(entry.program))


def _missing(network: Network, values: Iterable[Operand | None], place: Place) -> Iterator[Diagnostic]:
    for value in values:
        if isinstance(value, TensorRef) and value.name not in network.tensors:
            yield Diagnostic(E211, f"there is no tensor {value}", place, str(value), "a tensor of the network",
                             "define it, or correct the name")


@rule("program", stage=NAMES)
def every_state_has_one_update(network: Network, entry: ProgramEntry) -> Iterator[Diagnostic]:
    program = entry.program
    states = [item.name for item in program.states]
    updates = Counter(name for name, _ in program.updates)
    for name in sorted({*states, *updates}):
        if name not in states or updates[name] != 1:
            found = f"{updates[name]} updates of {name}" if name in states else f"{name}' = …, but no state {name}"
            yield Diagnostic(E214, f"{name} is not updated once", program_place(program, name), found,
                             "one update for every state", f"write {name}' = {name} to keep it")


@rule("program", stage=NAMES)
def emitted_values_are_names_or_truth_values(network: Network, entry: ProgramEntry) -> Iterator[Diagnostic]:
    for item in entry.program.emits:
        if not isinstance(item.value, str | bool):
            yield Diagnostic(E216, f"{item.port} emits a literal", program_place(entry.program, f"emit {item.port}"),
                             str(item.value), "a name, true or false", "give it a type with `convert`")


@rule("site", stage=NAMES)
def programs_of_sites_exist(network: Network, entry: SiteEntry) -> Iterator[Diagnostic]:
    if entry.site.program not in network.programs:
        yield Diagnostic(E211, f"there is no program @{entry.site.program}", Place(path=entry.owner),
                         f"@{entry.site.program}", f"one of {listed(f'@{name}' for name in sorted(network.programs))}",
                         "define it, or correct the name")


@rule("site", stage=NAMES)
def tensors_of_sites_exist(network: Network, entry: SiteEntry) -> Iterator[Diagnostic]:
    site = entry.site
    return _missing(network, (*site.arguments.values(), *site.initial.values(), site.scale), Place(path=entry.owner))


@rule("site", stage=NAMES)
def arguments_are_those_of_the_program(network: Network, entry: SiteEntry) -> Iterator[Diagnostic]:
    program = network.programs.get(entry.site.program)
    if program is None:
        return
    params, states = {item.name for item in program.params}, {item.name for item in program.states}
    given = entry.site.arguments.keys()
    for names, message in (
        (params - given, "an argument is missing"),
        (given - params, "an argument belongs to no parameter"),
        (entry.site.initial.keys() - states, "a start belongs to no state"),
    ):
        for name in sorted(names):
            expected = f"params {listed(sorted(params))}; states {listed(sorted(states))}"
            yield Diagnostic(E215, message, Place(path=entry.owner), name, expected,
                             f"every parameter of @{program.name} needs one argument")


@rule("projection", stage=NAMES)
def tensors_of_projections_exist(network: Network, projection: Projection) -> Iterator[Diagnostic]:
    references = [TensorRef(name) for link in projection.chain for name in link.references()]
    values = [value for value in (projection.delay, projection.bias) if isinstance(value, TensorRef)]
    return _missing(network, [*references, *values], Place(path=f"projection %{projection.name}"))


@rule("projection", stage=NAMES)
def ports_of_projections_exist(network: Network, projection: Projection) -> Iterator[Diagnostic]:
    target = network.node(projection.target)
    if isinstance(target, Population):
        ports = [item.name for item in network.programs[target.site.program].inputs]
        yield from _port(projection.target_port, ports, f"projection %{projection.name}", projection.target)
    ports = _emitted_ports(network, network.node(projection.source))
    yield from _port(projection.source_port, ports, f"projection %{projection.name}", projection.source)


@rule("output", stage=NAMES)
def outputs_show_a_port_of_a_population(network: Network, output: Output) -> Iterator[Diagnostic]:
    names = [item.name for item in network.populations]
    if output.source not in names:
        yield Diagnostic(E211, f"output %{output.name} shows no population", Place(path=f"output %{output.name}"),
                         f"%{output.source}", f"one of {listed(f'%{name}' for name in sorted(names))}",
                         "define it, or correct the name")
        return
    ports = _emitted_ports(network, network.node(output.source))
    yield from _port(output.port, ports, f"output %{output.name}", output.source)


def _emitted_ports(network: Network, node: object) -> list[str]:
    if isinstance(node, Input):
        return [node.port.kind]
    assert isinstance(node, Population)
    return [item.port for item in network.programs[node.site.program].emits]


def _port(port: str, ports: list[str], place: str, node: str) -> Iterator[Diagnostic]:
    if port not in ports:
        yield Diagnostic(E211, f"%{node} has no port {port}", Place(path=place), f"%{node}.{port}",
                         f"one of {listed(ports)}", "correct the name of the port")
