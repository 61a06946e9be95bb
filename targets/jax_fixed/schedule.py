"""In which order a program computes populations: layers, the strongly connected components of the graph.

A layer without recurrence sees all its inputs for all steps at once; only its dynamics run step by step.
"""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx

from compiler.ir.network import Network, Population, Projection
from compiler.results.results import source_delays


@dataclass(frozen=True)
class Layer:
    """Populations that are computed together, in the order of a step.

    before: projections from earlier layers or inputs. inside: projections among its own populations.
    """

    populations: tuple[Population, ...]
    before: tuple[Projection, ...]
    inside: tuple[Projection, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(item.name for item in self.populations)


def layers(network: Network) -> list[Layer]:
    """Every population in exactly one layer; a layer comes after all that it listens to."""
    graph = nx.DiGraph()
    graph.add_nodes_from(item.name for item in network.populations)
    for item in network.projections:
        if graph.has_node(item.source):
            graph.add_edge(item.source, item.target)
    groups: nx.DiGraph = nx.condensation(graph)
    order = nx.lexicographical_topological_sort(groups, key=lambda group: min(groups.nodes[group]["members"]))
    return [_layer(network, set(groups.nodes[group]["members"])) for group in order]


def _layer(network: Network, members: set[str]) -> Layer:
    arriving = [item for name in sorted(members) for item in network.into(name)]
    inside = tuple(item for item in arriving if item.source in members)
    before = tuple(item for item in arriving if item.source not in members)
    instant = nx.DiGraph()
    instant.add_nodes_from(members)
    instant.add_edges_from((p.source, p.target) for p in inside if int(source_delays(network, p).min()) == 0)
    order = nx.lexicographical_topological_sort(instant)
    return Layer(tuple(network.node(name) for name in order), before, inside)  # pyright: ignore


def ring_depths(network: Network, layer: Layer) -> dict[tuple[str, str], int]:
    """For every port of the layer that it listens to itself: how many past rows a step needs, 0 for none."""
    depths: dict[tuple[str, str], int] = {}
    for item in layer.inside:
        key = (item.source, item.source_port)
        depths[key] = max(depths.get(key, 0), int(source_delays(network, item).max()))
    return depths
