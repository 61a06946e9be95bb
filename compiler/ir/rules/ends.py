"""Both ends of a projection exist. Checked before anything else: every other rule walks along projections."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostics import Diagnostic, declare
from compiler.ir.network import Input, Network, Population
from compiler.ir.rules.base import listed, projection_place

E211 = declare("E211", "a name that nothing defines")


def ends_exist(network: Network) -> Iterator[Diagnostic]:
    """Demand of every projection that its source is an input or a population and its target a population."""
    nodes = {name: data.get("node") for name, data in network.graph.nodes(data=True)}
    sources = sorted(name for name, node in nodes.items() if isinstance(node, Input | Population))
    targets = [name for name in sources if isinstance(nodes[name], Population)]
    for item in network.projections:
        for role, end, known in (("source", item.source, sources), ("target", item.target, targets)):
            if end not in known:
                yield Diagnostic(E211, f"the {role} of %{item.name} is not defined", projection_place(item), f"%{end}",
                                 f"one of {listed(f'%{name}' for name in known)}",
                                 "define it, or correct the name")


def without_loose_ends(network: Network) -> Network:
    """The network without the projections that `ends_exist` reports, and without nodes that are only names."""
    loose = {item.place.path for item in ends_exist(network)}
    whole = network.copy()
    for source, target, key, data in network.graph.edges(keys=True, data=True):
        if projection_place(data["projection"]).path in loose:
            whole.graph.remove_edge(source, target, key)
    whole.graph.remove_nodes_from([name for name, data in network.graph.nodes(data=True) if "node" not in data])
    return whole
