"""In which order populations are computed within a step: values of delay 0 exist before they are used."""

from __future__ import annotations

import networkx as nx

from compiler.diagnostics import declare, fail
from compiler.ir.network import Input, Network, Population
from compiler.results.results import source_delays

E109 = declare("E109", "a cycle of projections has no delay at all")


def instant_edges(network: Network) -> nx.DiGraph:
    """Populations joined where a value can act within the step it was emitted in (source delay 0)."""
    graph = nx.DiGraph()
    graph.add_nodes_from(item.name for item in network.populations)
    for item in network.projections:
        if int(source_delays(network, item).min()) == 0 and not isinstance(network.node(item.source), Input):
            graph.add_edge(item.source, item.target, projection=item.name)
    return graph


def update_order(network: Network) -> list[Population]:
    """Populations in the order of a step, ties by name. Raises E109 naming a cycle without delay."""
    graph = instant_edges(network)
    if not nx.is_directed_acyclic_graph(graph):
        cycle = [edge[0] for edge in nx.find_cycle(graph)]
        raise fail(E109, "these projections wait for each other within one step", " -> ".join([*cycle, cycle[0]]),
                   found="a cycle in which every delay is 0", expected="a delay of at least 1 somewhere in it",
                   hint="give one of the edges a delay of 1")
    return [network.node(name) for name in nx.lexicographical_topological_sort(graph)]  # pyright: ignore
