"""The order in which what is chosen for one population decides about another: values before their readers."""

from __future__ import annotations

import networkx as nx

from compiler.diagnostics import declare, fail
from compiler.formats import BoolType
from compiler.ir.network import Network, Population

E310 = declare("E310", "values that are not spikes run in a cycle, so nothing bounds them")


def value_order(network: Network) -> list[str]:
    """Populations so that those emitting values come before their readers; those of a cycle stand together."""
    whole = nx.condensation(_values(network))
    names = {part: sorted(data["members"]) for part, data in whole.nodes(data=True)}
    order = nx.lexicographical_topological_sort(whole, key=lambda part: names[part][0])
    return [name for part in order for name in names[part]]


def require_no_cycle_of_values(network: Network) -> None:
    """Errors: E310."""
    values = _values(network)
    if not nx.is_directed_acyclic_graph(values):
        cycle = " -> ".join(f"%{edge[0]}" for edge in nx.find_cycle(values))
        raise fail(E310, "a cycle of values that are not spikes has no bound", cycle, expected="a spiking population",
                   hint="let a spiking population break the cycle")


def _values(network: Network) -> nx.DiGraph:
    """Populations, joined where one reads a value of the other."""
    values = nx.DiGraph()
    values.add_nodes_from(item.name for item in network.populations)
    for item in network.projections:
        source = network.node(item.source)
        if isinstance(source, Population) and not isinstance(
            network.programs[source.site.program].emit_type(item.source_port), BoolType
        ):
            values.add_edge(item.source, item.target)
    return values
