"""Rewriting of programs and sites: substitution, removal of what nobody needs, mapping over all sites.

Nothing here changes its argument in place, except networks that a pass has copied for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from compiler.ir.network import Network
from compiler.ir.program import Op, Operand, Program, Site


def substituted(program: Program, ops: Iterable[Op], values: Mapping[str, Operand]) -> Program:
    """The program with other ops, and names replaced by operands in updates and emits (not in the ops).

    A port that comes to emit a number keeps a name for it, of its own type: `%x = convert 0.5 : f64`.
    """
    types, named = program.types(), list(ops)
    emits = []
    for item in program.emits:
        value = resolve(item.value, values)
        if isinstance(item.value, str) and isinstance(value, int | float) and not isinstance(value, bool):
            if all(op.result != item.value for op in named):
                named.append(Op(item.value, "convert", (value,), types[item.value]))
            value = item.value
        emits.append(replace(item, value=value))
    updates = tuple((state, resolve(value, values)) for state, value in program.updates)
    return replace(program, ops=tuple(named), updates=updates, emits=tuple(emits))


def resolve(operand: Operand, values: Mapping[str, Operand]) -> Operand:
    """An operand after replacement of its name."""
    return values.get(operand, operand) if isinstance(operand, str) else operand


def without_unused(program: Program) -> Program:
    """Without ops and parameters that no update and no emit depends on."""
    needed = {value for _, value in program.updates if isinstance(value, str)}
    needed |= {item.value for item in program.emits if isinstance(item.value, str)}
    kept: list[Op] = []
    for op in reversed(program.ops):
        if op.result in needed:
            kept.append(op)
            needed.update(op.names)
    params = tuple(item for item in program.params if item.name in needed)
    return replace(program, ops=tuple(reversed(kept)), params=params)


def fresh_name(wish: str, taken: Iterable[str]) -> str:
    """The wish itself, or with `_2`, `_3`, … where it is taken."""
    taken, name, number = set(taken), wish, 1
    while name in taken:
        number += 1
        name = f"{wish}_{number}"
    return name


def map_sites(network: Network, change: Callable[[str, Site, int], Site]) -> None:
    """Replace every site of a network in place: change(site name, site, units) -> site."""
    changed = {name: change(name, site, units) for name, site, units in network.sites()}
    for population in network.populations:
        network.add(replace(population, site=changed[population.name]))
    for projection in network.projections:
        sites = {name: changed[f"{projection.name}.{name}"] for name, _ in projection.sites()}
        network.add(replace(projection, **sites)) if sites else None


def sites_of(network: Network, program: str) -> list[tuple[str, Site, int]]:
    """The sites that run a program."""
    return [item for item in network.sites() if item[1].program == program]


def prune_arguments(network: Network) -> None:
    """Drop, in place, arguments of parameters that their programs no longer have."""

    def pruned(_: str, site: Site, __: int) -> Site:
        names = {item.name for item in network.programs[site.program].params}
        return replace(site, arguments={name: value for name, value in site.arguments.items() if name in names})

    map_sites(network, pruned)


def share_programs(network: Network) -> None:
    """Let sites of programs that differ in their name only run the same one, in place."""
    first: dict[Program, str] = {}
    renamed: dict[str, str] = {}
    for name in sorted(network.programs):
        renamed[name] = first.setdefault(replace(network.programs[name], name=""), name)
    map_sites(network, lambda _, site, __: replace(site, program=renamed[site.program]))
    network.programs = {name: item for name, item in network.programs.items() if renamed[name] == name}
