"""The index of the core tables: micro-operations, nodes, sites, sums, synapse formats, outputs."""

from __future__ import annotations

from typing import Any

from compiler.analysis.sums import Sum, fraction_of
from compiler.chips import Chip
from compiler.formats import BoolType, Format, Type
from compiler.ir.network import Input, Network, Population, Projection
from compiler.ir.program import Site
from targets.cores.layout import Layout, all_sums
from targets.cores.lowering import fitting, lower
from targets.cores.memory import Formats

VERSION = 1


def index_of(
    network: Network, chip: Chip, cores: list[Layout], sums: dict[str, Sum], formats: Formats
) -> dict[str, Any]:
    used = sorted({site.program for _, site, _ in network.sites()})
    return {
        "version": VERSION,
        "seed": network.seed,
        "chip": {
            "name": chip.name,
            "width": chip.width,
            "height": chip.height,
            "neurons": chip.neurons,
            "delay_slots": chip.delay_slots,
            "word_bits": chip.word_bits,
        },
        "cores": [list(item.core) for item in cores],
        "programs": {name: lower(network, network.programs[name]) for name in used},
        "nodes": [_node(network, item) for item in nodes_of(network)],
        "sites": sites_of(network),
        "sums": [{"name": item.name, "site": item.site} for item in sums.values()],
        "formats": formats.rows,
        "outputs": [{"name": item.name, "node": item.source, "port": item.port} for item in _by_name(network.outputs)],
    }


def _by_name(items) -> list:
    return sorted(items, key=lambda item: item.name)


def nodes_of(network: Network) -> list[Input | Population]:
    return [*_by_name(network.inputs), *_by_name(network.populations)]


def _node(network: Network, item: Input | Population) -> dict[str, Any]:
    kind = "input" if isinstance(item, Input) else "population"
    ports = [{"name": name, **_limits(network.emitted_type(item.name, name))} for name in ports_of(network, item)]
    if isinstance(item, Input) and item.port.kind == "signed":
        ports[0]["low"] = -1
    if isinstance(item, Input) and item.port.kind == "events":
        ports[0]["high"] = item.port.maximum
    return {"name": item.name, "kind": kind, "size": item.size, "ports": ports}


def ports_of(network: Network, item: Input | Population) -> list[str]:
    if isinstance(item, Input):
        return [item.port.kind]
    return [emit.port for emit in network.programs[item.site.program].emits]


def _limits(type_: Type) -> dict[str, Any]:
    if isinstance(type_, Format):
        return {"boolean": False, "low": type_.low, "high": type_.high}
    return {"boolean": isinstance(type_, BoolType), "low": 0, "high": 1}


def sites_of(network: Network) -> list[dict[str, Any]]:
    """Every site in the order in which a core runs them: pre programs, post programs, populations."""
    found = []
    for population in _by_name(network.populations):
        incoming = network.into(population.name)
        pre = [(f"{item.name}.pre", item.pre, network.size_of(item.source)) for item in incoming if item.pre]
        post = [(f"{item.name}.post", item.post, population.size) for item in incoming if item.post]
        named = [*pre, *post, (population.name, population.site, population.size)]
        found += [_site(network, population, name, site, size) for name, site, size in named]
    order = {"pre": 0, "post": 1, "population": 2}
    return sorted(found, key=lambda item: order[item["kind"]])


def _site(network: Network, population: Population, name: str, site: Site, size: int) -> dict[str, Any]:
    program = network.programs[site.program]
    kind = "population" if name == population.name else name.rpartition(".")[2]
    sums = [item for item in all_sums(network, population) if item.site == name]
    return {
        "name": name,
        "kind": kind,
        "node": population.name,
        "size": size,
        "program": site.program,
        "inputs": {item.name: _port(network, population, name, item.name, item.type, sums) for item in program.inputs},
        "types": {key: isinstance(type_, BoolType) for key, type_ in program.types().items()},
        "emits": {item.port: isinstance(program.emit_type(item.port), BoolType) for item in program.emits},
    }


def _port(
    network: Network, population: Population, site: str, port: str, type_: Type, sums: list[Sum]
) -> dict[str, Any]:
    """How the value of an input port comes about: terms, aligned, added, fitted into the port's type."""
    terms = [_sum_term(item) for item in sums if item.port == port]
    if site == population.name:
        terms += [
            _post_term(network, item)
            for item in network.into(population.name)
            if item.post is not None and item.target_port == port
        ]
    finest = max((fraction for _, fraction in terms), default=fraction_of(type_))
    aligned = [term | {"shift": finest - fraction} for term, fraction in terms]
    return {"terms": aligned, "fit": fitting(finest - fraction_of(type_), type_)}


def _sum_term(item: Sum) -> tuple[dict[str, Any], int]:
    if item.fit is None:
        return {"sum": item.name}, item.fraction
    fraction = fraction_of(item.fit)
    return {"sum": item.name, "fit": fitting(item.fraction - fraction, item.fit)}, fraction


def _post_term(network: Network, projection: Projection) -> tuple[dict[str, Any], int]:
    program = network.programs[projection.post.program]  # pyright: ignore[reportOptionalMemberAccess]
    port = program.emits[0].port
    return {"site": f"{projection.name}.post", "port": port}, fraction_of(program.emit_type(port))
