"""A NIR graph as a brain of spark modules, one for each node."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

import networkx as nx
import numpy as np

from compiler.diagnostics import Diagnostic, DiagnosticError, declare
from compiler.nir.feedback import Edge, back_edges
from compiler.nir.graph import INPUT, OUTPUT, Graph
from compiler.nir.reading import Reading
from compiler.nir.shapes import Fitting, check_ends
from spark.core.module import SparkModule
from spark.core.specs import BRAIN_INPUT, ModuleSpecs, PortMap
from spark.nn.brain import Brain
from spark.nn.components.connections import Connection, Delay, Sum
from spark.nn.wiring import RESERVED

E138 = declare("E138", "a choice of reading does not fit a NIR graph")


@dataclass
class Assembly:
    """A brain and what it came from.

    names: node -> module, input or output of the brain. feedback: edges that close cycles, with where their delay of
    `recurrent_delay` steps lies.
    """

    graph: Graph
    reading: Reading
    brain: Brain
    names: dict[str, str]
    feedback: list[Edge] = field(default_factory=list)
    delayed: dict[Edge, int] = field(default_factory=dict)


def assemble(graph: Graph, reading: Reading) -> Assembly:
    """Build the brain of a graph. Several edges into a node add up, edges act within the step, delays are modules.

    Errors: E132, E134, E136, E137, E138, all of a stage at once.
    """
    check_ends(graph, reading.repair)
    fitting = Fitting(graph, reading)
    fitting.run()
    names = _names(graph)
    late = _late(fitting.modules)
    feedback = _feedback(graph, late)
    delayed = _delays(graph, fitting, feedback, reading) | _through_delays(graph, fitting, feedback, late)
    brain = _Wiring(graph, reading, fitting, names, delayed).brain()
    return Assembly(graph, reading, brain, names, feedback, delayed)


def _names(graph: Graph) -> dict[str, str]:
    """Names that a brain, and later a network, can have."""
    taken: set[str] = set(RESERVED)
    names: dict[str, str] = {}
    for name, node in sorted(graph.nodes.items()):
        wish = re.sub(r"[^A-Za-z0-9_]", "_", name)
        wish = f"{node.kind.lower()}_{wish}" if not wish or wish[0].isdigit() else wish
        number, free = 1, wish
        while free in taken:
            number += 1
            free = f"{wish}_{number}"
        names[name] = free
        taken.add(free)
    return names


def _late(modules: dict[str, SparkModule]) -> set[str]:
    """Delays of at least one step: what leaves them is an earlier value."""
    return {name for name, module in modules.items()
            if isinstance(module, Delay) and int(np.min(module.config.steps)) > 0}


def _feedback(graph: Graph, late: set[str]) -> list[Edge]:
    """Back edges among those that act within the step."""
    successors = {name: [] if name in late else graph.out_of(name) for name in graph.nodes}
    return back_edges(successors, [node.name for node in graph.of_kind(INPUT)])


def _through_delays(graph: Graph, fitting: Fitting, feedback: list[Edge], late: set[str]) -> dict[Edge, int]:
    """Steps on the edges that leave a Delay in a cycle, taken from the Delay: so a brain sees what breaks the cycle."""
    left = nx.DiGraph(edge for edge in graph.edges if edge not in feedback)
    parts = [part for part in nx.strongly_connected_components(left) if len(part) > 1]
    found: dict[Edge, int] = {}
    for name in sorted(late.intersection(set().union(*parts))):
        steps = np.asarray(fitting.modules[name].config.steps) - 1  # pyright: ignore[reportAttributeAccessIssue]
        fitting.modules[name] = Delay(fitting.modules[name].config.replace(steps=steps))  # pyright: ignore
        found |= {(name, target): 1 for target in graph.out_of(name)}
    return found


def _delays(graph: Graph, fitting: Fitting, feedback: list[Edge], reading: Reading) -> dict[Edge, int]:
    """Steps on every edge that has some.

    Read `empty`, the delay lies on the back edge, so that nothing comes over it at first; read `bias`, it lies before
    the maps that the edge comes from, so that their biases do.
    """
    delayed: dict[Edge, int] = {}
    for edge in feedback:
        before = [edge] if reading.recurrent_start == "empty" else _before_maps(graph, fitting, feedback, edge)
        delayed |= dict.fromkeys(before, reading.recurrent_delay)
    return delayed


def _before_maps(graph: Graph, fitting: Fitting, feedback: list[Edge], edge: Edge) -> list[Edge]:
    """The edges that lead into the maps behind a back edge. Errors: E138 where these maps lead elsewhere, too."""
    found: list[Edge] = []
    waiting = [edge]
    while waiting:
        source, target = waiting.pop()
        module = fitting.modules.get(source)
        if not isinstance(module, Connection) or isinstance(module, Delay):
            found.append((source, target))
            continue
        others = [name for name in graph.out_of(source) if name != target]
        if others:
            raise DiagnosticError(Diagnostic(
                E138, "the biases of a feedback edge cannot start before it does", graph.place(f"{source} -> {target}"),
                f"{source} also leads to {', '.join(others)}", "a map that only feeds back",
                "read with --recurrent-start empty, or give the feedback a map of its own"))
        waiting += [(name, source) for name in graph.into(source) if (name, source) not in feedback]
    return found


class _Wiring:
    def __init__(self, graph: Graph, reading: Reading, fitting: Fitting, names: dict[str, str],
                 delayed: dict[Edge, int]):
        self.graph, self.reading, self.fitting = graph, reading, fitting
        self.names, self.delayed = names, delayed
        self.specs: list[ModuleSpecs] = []

    def brain(self) -> Brain:
        graph, names = self.graph, self.names
        for name in sorted(self.fitting.modules):
            module = self.fitting.modules[name]
            port = next(iter(module.input_ports))
            self.specs.append(ModuleSpecs(names[name], module, {port: self._arriving(name)}))
        inputs = {names[node.name]: node.fields["shape"] for node in graph.of_kind(INPUT)}
        outputs = {names[node.name]: self._shown(node.name) for node in graph.of_kind(OUTPUT)}
        return Brain(inputs=inputs, modules=self.specs, outputs=outputs)

    def _arriving(self, name: str) -> PortMap:
        """What reaches a node: one wire, or the sum of several."""
        wires = [self._wire(source, name) for source in self.graph.into(name)]
        return wires[0] if len(wires) == 1 else self._sum(f"{self.names[name]}_sum", wires)

    def _wire(self, source: str, target: str) -> PortMap:
        delay = self.delayed.get((source, target), 0)
        if self.graph.nodes[source].kind == INPUT:
            return PortMap(BRAIN_INPUT, self.names[source], delay)
        return PortMap(self.names[source], next(iter(self.fitting.modules[source].output_ports)), delay)

    def _sum(self, wish: str, wires: Iterable[PortMap]) -> PortMap:
        wires = list(wires)
        name = wish
        while name in self.names.values() or any(spec.name == name for spec in self.specs):
            name += "_"
        total = Sum(inputs=len(wires), dt=self.reading.dt, dtype=self.reading.dtype)
        self.specs.append(ModuleSpecs(name, total, dict(zip(total.input_ports, wires, strict=True))))
        return PortMap(name, "current", 0)

    def _shown(self, name: str) -> PortMap:
        """What an Output shows: always a module's port."""
        arriving = self._arriving(name)
        if arriving.origin == BRAIN_INPUT or arriving.delay:
            arriving = self._sum(f"{self.names[name]}_shown", [arriving])
        return arriving
