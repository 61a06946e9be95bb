"""The graph of a NIR file: nodes with their fields, nested graphs taken apart, names of edges resolved."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import nir
import numpy as np

from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare, fail
from spark.core.faults import brief

E131 = declare("E131", "a NIR file holds no graph")
E132 = declare("E132", "a field of a NIR node is missing or wrong")
E133 = declare("E133", "a NIR node is of no known type")
E135 = declare("E135", "an edge of a NIR graph names a node that does not exist, or stands twice")

GRAPH, INPUT, OUTPUT = "NIRGraph", "Input", "Output"
KINDS = {name: getattr(nir.ir, name) for name in (
    "Affine", "AvgPool2d", "Conv1d", "Conv2d", "CubaLI", "CubaLIF", "Delay", "Flatten", "I", "IF", "Input", "LI", "LIF",
    "Linear", "Output", "Scale", "SumPool2d", "Threshold")}

Edge = tuple[str, str]


@dataclass(frozen=True)
class Node:
    """A primitive: its name (dotted, from the outermost graph on), its type and its fields as in the file."""

    name: str
    kind: str
    fields: Mapping[str, Any]


@dataclass
class Graph:
    """Primitives and edges, without nesting. repairs: what was changed to read it, in words. file: where it came from.

    groups: names of the nested graphs that were taken apart.
    """

    file: str
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)

    def place(self, path: str) -> Place:
        return Place(file=self.file, path=path)

    def of_kind(self, kind: str) -> list[Node]:
        """Nodes of a type, in name order."""
        return [self.nodes[name] for name in sorted(self.nodes) if self.nodes[name].kind == kind]

    def into(self, name: str) -> list[str]:
        """Nodes with an edge into this one, in name order."""
        return sorted(source for source, target in self.edges if target == name)

    def out_of(self, name: str) -> list[str]:
        """Nodes that this one has an edge into, in name order."""
        return sorted(target for source, target in self.edges if source == name)


def graph_of(tree: Mapping[str, Any], file: str, repair: bool) -> Graph:
    """The graph of a file's contents (`hdf5.read_tree`) or of `nir.NIRGraph.to_dict()`.

    repair: read names of edges that are relative to another graph in the one way that makes sense, drop edges that
    stand twice. Errors: E131 no graph, E132 missing fields, E133 unknown types, E135 edges; all at once.
    """
    root = tree.get("node", tree)
    if not isinstance(root, Mapping) or _kind_of(root) != GRAPH:
        found = root.get("type", "no type") if isinstance(root, Mapping) else "an array"
        raise fail(E131, "the file holds no graph", Place(file=file, path="/node"), found=brief(found), expected=GRAPH)
    reader = _Reader(file, repair)
    reader.collect(root, "")
    reader.graph.edges = list(reader.joined())
    reader.drop_repeated()
    if reader.findings:
        raise DiagnosticError(reader.findings)
    return reader.graph


class _Reader:
    def __init__(self, file: str, repair: bool):
        self.graph, self.repair = Graph(file), repair
        self.findings: list[Diagnostic] = []
        self.inside: dict[str, dict[str, list[str]]] = {}
        self.raw_edges: list[Edge] = []

    def find(self, code: str, message: str, path: str, found: str, expected: str, hint: str = "") -> None:
        self.findings.append(Diagnostic(code, message, self.graph.place(path), found, expected, hint))

    # -- nodes ------------------------------------------------------------------------------------------------------

    def collect(self, tree: Mapping[str, Any], prefix: str) -> None:
        """Take over the nodes and edges of a graph and of those inside it."""
        nodes = tree.get("nodes")
        if not isinstance(nodes, Mapping):
            self.find(E131, "a graph without nodes", prefix.rstrip(".") or "/node", "no group `nodes`", "nodes by name")
            return
        ends: dict[str, list[str]] = {INPUT: [], OUTPUT: []}
        for name, item in sorted(nodes.items()):
            self._node(prefix + name, item, ends)
        self.inside[prefix] = ends
        for source, target in self._edges_of(tree, prefix):
            found = [self._resolved(name, prefix, nodes) for name in (source, target)]
            if None not in found:
                self.raw_edges.append((str(found[0]), str(found[1])))

    def _node(self, name: str, item: Any, ends: dict[str, list[str]]) -> None:
        kind = _kind_of(item)
        if kind == GRAPH:
            self.graph.groups.append(name)
            self.collect(item, f"{name}.")
        elif kind not in KINDS:
            near = difflib.get_close_matches(kind, KINDS, n=1)
            self.find(E133, "a node of no known type", name, kind or "no type", ", ".join([*KINDS, GRAPH]),
                      f"did you mean {near[0]}?" if near else "")
        else:
            self.graph.nodes[name] = Node(name, kind, self._fields(name, kind, item))
            if kind in ends:
                ends[kind].append(name)

    def _fields(self, name: str, kind: str, item: Mapping[str, Any]) -> dict[str, Any]:
        given = {key: value for key, value in item.items() if key not in ("type", "metadata")}
        for spec in dataclasses.fields(KINDS[kind]):
            needed = spec.init and spec.default is dataclasses.MISSING and spec.default_factory is dataclasses.MISSING
            # Types of ends lie in the file as `shape`, those of others are inferred.
            if needed and spec.name not in ("input_type", "output_type", "input_shape") and spec.name not in given:
                self._missing(name, kind, spec.name, given)
        if kind in (INPUT, OUTPUT):
            shape = given.get("shape", _declared(given))
            if shape is None:
                self.find(E132, f"{kind} lacks a field", f"{name}.shape", "no such field", "a shape")
            given = {"shape": shape}
        return given

    def _missing(self, name: str, kind: str, missing: str, given: dict[str, Any]) -> None:
        if missing == "bias" and self.repair and "weight" in given:
            given["bias"] = np.zeros(np.shape(given["weight"])[:1])
            self.graph.repairs.append(f"{name}: no bias, read as zeros")
            return
        hint = "--repair reads it as zeros" if missing == "bias" else ""
        self.find(E132, f"{kind} lacks a field", f"{name}.{missing}", "no such field", f"the fields of {kind}", hint)

    # -- edges ------------------------------------------------------------------------------------------------------

    def _edges_of(self, tree: Mapping[str, Any], prefix: str) -> Iterator[Edge]:
        edges = np.asarray(tree.get("edges", []), dtype=object)
        if edges.size == 0:
            return
        if edges.ndim != 2 or edges.shape[1] != 2 or not all(isinstance(item, str) for item in edges.ravel()):
            self.find(E131, "the edges are no pairs of names", f"{prefix}edges", f"shape {edges.shape}",
                      "[edges, 2] texts")
            return
        yield from ((str(source), str(target)) for source, target in edges)

    def _resolved(self, name: str, prefix: str, nodes: Mapping[str, Any]) -> str | None:
        """The full name of what an edge of the graph at `prefix` calls `name`."""
        if name in nodes:
            return prefix + name
        other = _relative(name, prefix, nodes)
        where = f"{prefix}edges"
        if other is None:
            near = difflib.get_close_matches(name, list(nodes), n=1)
            self.find(E135, "an edge names a node that does not exist", where, name,
                      ", ".join(sorted(nodes)[:20]), f"did you mean {near[0]}?" if near else "")
        elif self.repair:
            self.graph.repairs.append(f"{where}: {name} read as {prefix}{other}")
            return prefix + other
        else:
            self.find(E135, "an edge names a node by a path of another graph", where, name, "a node of its own graph",
                      f"--repair reads it as {prefix}{other}")
        return None

    def joined(self) -> Iterator[Edge]:
        """Edges between primitives: nested graphs are entered and left through their Inputs and Outputs."""
        edges = [(self._end(source, OUTPUT), self._end(target, INPUT)) for source, target in self.raw_edges]
        inner = {name for prefix, ends in self.inside.items() if prefix for names in ends.values() for name in names}
        following: dict[str, list[str]] = {}
        for source, target in edges:
            if source and target:
                following.setdefault(source, []).append(target)
        for source in following:
            if source not in inner:
                yield from ((source, target) for target in _beyond(source, following, inner))
        for name in inner:
            self.graph.nodes.pop(name, None)

    def _end(self, name: str, kind: str) -> str | None:
        if name not in self.graph.groups:
            return name
        ends = self.inside.get(f"{name}.", {}).get(kind, [])
        if len(ends) == 1:
            return ends[0]
        self.find(E135, f"a nested graph does not have one {kind}", name, ", ".join(ends) or "none", f"one {kind}",
                  f"name the {kind} in the edge ({name}.NAME) and read with --repair" if ends else "")
        return None

    def drop_repeated(self) -> None:
        seen: set[Edge] = set()
        for edge in self.graph.edges:
            if edge in seen and not self.repair:
                self.find(E135, "an edge stands twice", "edges", " -> ".join(edge), "every edge once",
                          "--repair drops the second; edges that add up need a node each")
            elif edge in seen:
                self.graph.repairs.append(f"edges: {' -> '.join(edge)} stands twice, read once")
            seen.add(edge)
        self.graph.edges = list(dict.fromkeys(self.graph.edges))


def _kind_of(item: Any) -> str:
    """The type of a node, '' where none is written down in words."""
    kind = item.get("type") if isinstance(item, Mapping) else None
    return kind if isinstance(kind, str) else ""


def _declared(given: Mapping[str, Any]) -> Any:
    """The shape of an end as `to_dict` of other versions writes it."""
    types = [value for key, value in given.items() if key in ("input_type", "output_type")]
    return next(iter(types[0].values()), None) if types and isinstance(types[0], Mapping) else None


def _relative(name: str, prefix: str, nodes: Mapping[str, Any]) -> str | None:
    """The one sensible reading of a name that is no node: relative to a graph around, or into a graph inside."""
    own = prefix.rstrip(".").split(".")
    for start in range(len(own)):
        around = ".".join(own[start:]) + "."
        if prefix and name.startswith(around) and name.removeprefix(around) in nodes:
            return name.removeprefix(around)
    head, tail = name, ""
    while "." in head:
        head, _, last = head.rpartition(".")
        tail = f"{last}.{tail}" if tail else last
        inner = nodes.get(head)
        if isinstance(inner, Mapping) and isinstance(inner.get("nodes"), Mapping):
            below = tail if tail in inner["nodes"] else _relative(tail, "", inner["nodes"])
            return None if below is None else f"{head}.{below}"
    return None


def _beyond(source: str, following: Mapping[str, list[str]], inner: Iterable[str]) -> list[str]:
    """What an edge from `source` reaches when nested ends are passed through."""
    reached, waiting, passed = [], list(following[source]), set()
    while waiting:
        name = waiting.pop(0)
        if name not in inner:
            reached.append(name)
        elif name not in passed:
            passed.add(name)
            waiting += following.get(name, [])
    return reached
