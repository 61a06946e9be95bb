"""A NIR graph in the making: nodes, and wires with delays that become feedback edges or Delay nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import networkx as nx
import nir
import numpy as np

from compiler.nir.feedback import Edge, back_edges

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Wire:
    """What leaves `source` and reaches `target`; delay in steps, one or one for each unit of `shape`."""

    source: str
    target: str
    shape: Shape
    delay: int | np.ndarray = 0

    @property
    def edge(self) -> Edge:
        return self.source, self.target

    @property
    def is_late(self) -> bool:
        return bool(np.any(self.delay))


@dataclass
class Draft:
    """Nodes by name and wires between them.

    dt: ms. notes: what readers of the graph should know. resets: nodes that fire -> `value` or `subtraction`.
    """

    dt: float
    nodes: dict[str, Any] = field(default_factory=dict)
    wires: list[Wire] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    resets: dict[str, str] = field(default_factory=dict)
    delays: list[dict[str, Any]] = field(default_factory=list)

    def add(self, wish: str, node: Any) -> str:
        """Add a node; the name that it got."""
        name, number = wish, 1
        while name in self.nodes:
            number += 1
            name = f"{wish}_{number}"
        self.nodes[name] = node
        return name

    def wire(self, source: str, target: str, shape: Shape, delay: int | np.ndarray = 0) -> None:
        self.wires.append(Wire(source, target, tuple(shape), delay))

    def finished(self) -> nir.NIRGraph:
        """The graph. A delay of one step on the edge that closes a cycle is what NIR means by that edge; every other
        delay becomes a Delay node, in seconds."""
        self._lengthen_delays()
        self._separate_parallel_wires()
        feedback = self._feedback()
        edges: list[Edge] = []
        for wire in self.wires:
            how = "feedback" if wire.edge in feedback else "node" if wire.is_late else ""
            if how == "node":
                late = self._delay_node(wire)
                edges += [(wire.source, late), (late, wire.target)]
            else:
                edges.append(wire.edge)
            if how:
                self.delays.append({"source": wire.source, "target": wire.target, "as": how,
                                    "steps": np.asarray(wire.delay).reshape(-1).tolist()})
        if any(item["as"] == "node" for item in self.delays):
            self.notes.append("delays became Delay nodes, which not every reader knows: "
                              + ", ".join(f"{item['source']} -> {item['target']}" for item in self.delays
                                          if item["as"] == "node"))
        return self._graph(self._ordered(edges, feedback))

    def _ordered(self, edges: list[Edge], feedback: set[Edge]) -> list[Edge]:
        """By name, but what only feeds back before what leads to an output: readers that follow edges in their order
        take the node where they end for the output."""
        onward = nx.DiGraph(edge for edge in edges if edge not in feedback)
        outputs = [name for name, node in self.nodes.items() if isinstance(node, nir.Output) and name in onward]
        leading = set(outputs).union(*(nx.ancestors(onward, name) for name in outputs))
        return sorted(edges, key=lambda edge: (edge[1] in leading, edge))

    def _graph(self, edges: list[Edge]) -> nir.NIRGraph:
        try:
            return nir.NIRGraph(dict(self.nodes), list(edges))
        except (ValueError, AssertionError, NotImplementedError, TypeError, IndexError) as error:
            why = str(error).splitlines()[0]
            self.notes.append(f"the type check of the nir package refuses the graph ({why}): read it with "
                              "type_check=False")
            return nir.NIRGraph(dict(self.nodes), list(edges), type_check=False)

    def _lengthen_delays(self) -> None:
        """Steps on everything that leaves a Delay belong to the Delay."""
        for name, node in self.nodes.items():
            leaving = [wire for wire in self.wires if wire.source == name]
            steps = {int(wire.delay) if np.ndim(wire.delay) == 0 else -1 for wire in leaving}
            if isinstance(node, nir.Delay) and len(steps) == 1 and min(steps) > 0:
                self.nodes[name] = nir.Delay((np.rint(node.delay * 1000 / self.dt) + steps.pop()) * self.dt / 1000)
                self.wires = [replace(wire, delay=0) if wire.source == name else wire for wire in self.wires]

    def _separate_parallel_wires(self) -> None:
        """Two wires between the same nodes need a node each: edges of NIR stand once."""
        seen: set[Edge] = set()
        for index, wire in enumerate(self.wires):
            if wire.edge in seen:
                name = self.add(f"{wire.source}_{wire.target}_again", ones(wire.shape))
                self.wires[index] = Wire(name, wire.target, wire.shape)
                self.wires.append(Wire(wire.source, name, wire.shape, wire.delay))
            seen.add(self.wires[index].edge)

    def _feedback(self) -> set[Edge]:
        """Wires of one step that a reader takes for feedback, exactly; none if it would take others, too."""
        implied = {wire.edge for wire in self.wires if np.ndim(wire.delay) == 0 and wire.delay == 1}
        while implied:
            taken = set(back_edges(self._successors(implied), self._inputs()))
            if taken <= implied:
                return taken if taken == implied else self._settled(taken)
            implied = set()
        return implied

    def _settled(self, taken: set[Edge]) -> set[Edge]:
        """The wires that stay feedback when the others have become Delay nodes."""
        return taken if set(back_edges(self._successors(taken), self._inputs())) == taken else set()

    def _successors(self, implied: set[Edge]) -> dict[str, list[str]]:
        """Edges that act within the step for a reader: those of wires without delay or taken for feedback."""
        late = {name for name, node in self.nodes.items()
                if isinstance(node, nir.Delay) and np.min(node.delay) * 1000 / self.dt > 0.5}
        found: dict[str, list[str]] = {name: [] for name in self.nodes}
        for wire in self.wires:
            instant = not np.all(np.asarray(wire.delay) > 0) or wire.edge in implied
            if instant and wire.source not in late:
                found[wire.source].append(wire.target)
        return found

    def _inputs(self) -> list[str]:
        return [name for name, node in self.nodes.items() if isinstance(node, nir.Input)]

    def _delay_node(self, wire: Wire) -> str:
        seconds = np.asarray(wire.delay, np.float64) * self.dt / 1000
        return self.add(f"{wire.source}_{wire.target}_delay",
                        nir.Delay(np.broadcast_to(seconds.reshape(wire.shape) if seconds.ndim else seconds,
                                                  wire.shape).copy()))


def ones(shape: Shape) -> nir.Scale:
    return nir.Scale(np.ones(shape, np.float32))


def compact(values: Any) -> np.ndarray:
    """float32 where that loses nothing: files of other frameworks come back in their own size."""
    array = np.asarray(values, np.float64)
    with np.errstate(over="ignore"):
        narrow = array.astype(np.float32)
    return narrow if np.array_equal(narrow, array) else array


def spread(value: Any, shape: Shape) -> np.ndarray:
    return compact(np.broadcast_to(np.asarray(value, np.float64).reshape(shape if np.size(value) > 1 else ()), shape))


def seconds(tau: np.ndarray, dt: float, back: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Time constants in seconds that are read back as these, in ms; float32 ones where there are some."""
    plain = np.asarray(tau, np.float64) / 1000
    candidates = [plain.astype(np.float32).astype(np.float64), plain]
    for toward in (-np.inf, np.inf):
        other = plain
        for _ in range(3):
            other = np.nextafter(other, toward)
            candidates.append(other)
    found = plain
    for candidate in reversed(candidates):
        found = np.where(back(candidate) == tau, candidate, found)
    return found
