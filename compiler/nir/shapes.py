"""What every node of a NIR graph takes and gives: modules with shapes that fit, repaired where asked."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from compiler.diagnostics import Diagnostic, DiagnosticError, declare
from compiler.nir.graph import E132, INPUT, OUTPUT, Graph, Node
from compiler.nir.primitives import E134, SOMAS, module_of
from compiler.nir.reading import Reading
from spark.core.module import SparkModule
from spark.nn.components.connections import Connection, Flatten

E137 = declare("E137", "a NIR graph has loose ends")

Shape = tuple[int, ...]


def check_ends(graph: Graph, repair: bool) -> None:
    """Demand Inputs, Outputs, and an edge into everything else. Errors: E137.

    repair: what nothing leads to gets an Input, what leads nowhere an Output.
    """
    findings = list(_faulty_ends(graph))
    if findings and repair:
        _add_ends(graph)
        findings = [replace(item, hint="") for item in _faulty_ends(graph)]
    if findings:
        raise DiagnosticError(findings)


def _faulty_ends(graph: Graph) -> Iterator[Diagnostic]:
    message, hint = "a NIR graph has loose ends", "--repair adds what is missing"
    for kind in (INPUT, OUTPUT):
        if not graph.of_kind(kind):
            yield Diagnostic(E137, message, graph.place("nodes"), f"no {kind}", f"at least one {kind}", hint)
    for name, node in sorted(graph.nodes.items()):
        if node.kind == INPUT and graph.into(name):
            yield Diagnostic(E137, message, graph.place(name), f"an edge into an Input, from {graph.into(name)[0]}",
                             "Inputs without edges into them")
        elif node.kind != INPUT and not graph.into(name):
            yield Diagnostic(E137, message, graph.place(name), "no edge into it", "an edge from somewhere", hint)
        if node.kind == OUTPUT and graph.out_of(name):
            yield Diagnostic(E137, message, graph.place(name), f"an edge from an Output, to {graph.out_of(name)[0]}",
                             "Outputs without edges from them")


def _add_ends(graph: Graph) -> None:
    for name, node in sorted(graph.nodes.items()):
        if node.kind not in (INPUT, OUTPUT) and not graph.into(name):
            shape = _own_shape(graph, node)
            if shape is not None:
                _add(graph, INPUT, f"input_{name}", shape, (f"input_{name}", name))
    if not graph.of_kind(OUTPUT):
        for name, node in sorted(graph.nodes.items()):
            if node.kind != INPUT and not graph.out_of(name):
                _add(graph, OUTPUT, f"output_{name}", None, (name, f"output_{name}"))


def _add(graph: Graph, kind: str, name: str, shape: Shape | None, edge: tuple[str, str]) -> None:
    graph.nodes[name] = Node(name, kind, {"shape": shape})
    graph.edges.append(edge)
    graph.repairs.append(f"nodes: {kind} {name} added")


def _own_shape(graph: Graph, node: Node) -> Shape | None:
    """The shape that a node wants of its input whatever comes."""
    if node.kind in SOMAS:
        return np.shape(node.fields[next(iter(SOMAS[node.kind][1]))])
    if node.kind in ("Linear", "Affine"):
        weight = np.shape(node.fields["weight"])
        return (*weight[:-2], weight[-1]) if len(weight) > 1 else None
    return None


class Fitting:
    """Gives every node a module whose input has the shape that arrives.

    modules: by node. shapes: what every node gives.
    """

    def __init__(self, graph: Graph, reading: Reading):
        self.graph, self.reading = graph, reading
        self.modules: dict[str, SparkModule] = {}
        self.shapes: dict[str, Shape] = {}
        self.findings: list[Diagnostic] = []

    def run(self) -> None:
        """Errors: E132, E134, E136, all at once."""
        for node in list(self.graph.nodes.values()):
            self._make(node)
        self._raise()
        self._follow([node.name for node in self.graph.of_kind(INPUT)])
        self._follow([name for name in sorted(self.graph.nodes) if name not in self.shapes and name in self.modules
                      and self.modules[name].shape_is_free])
        self._check_edges()
        self._raise()

    def _raise(self) -> None:
        if self.findings:
            raise DiagnosticError(self.findings)

    def _make(self, node: Node) -> None:
        if node.kind in (INPUT, OUTPUT):
            self._declared(node)
            return
        try:
            self.modules[node.name] = module_of(self.graph, node, self.reading)
        except DiagnosticError as error:
            self.findings += error.diagnostics

    def _declared(self, node: Node) -> None:
        shape = node.fields["shape"]
        if shape is None:
            return
        sizes = np.asarray(shape).reshape(-1)
        if sizes.dtype.kind not in "iuf" or not sizes.size or not np.all(np.isfinite(sizes)) or np.any(sizes < 1) \
                or np.any(sizes != np.rint(sizes)) or math.prod(int(size) for size in sizes) > 2**31:
            self.findings.append(Diagnostic(E132, f"{node.kind} has no shape", self.graph.place(f"{node.name}.shape"),
                                            str(shape), "positive whole numbers, at most 2^31 units"))
            return
        fields = {"shape": tuple(int(size) for size in sizes)}
        self.graph.nodes[node.name] = replace(node, fields=fields)

    # -- shapes -----------------------------------------------------------------------------------------------------

    def _follow(self, names: list[str]) -> None:
        """Fix the shape of nodes and of everything that can be reached from them."""
        for name in names:
            node = self.graph.nodes[name]
            self.shapes[name] = node.fields["shape"] if node.kind == INPUT else self._free(name)
        waiting = list(names)
        while waiting:
            source = waiting.pop(0)
            for target in self.graph.out_of(source):
                if target not in self.shapes and self._arrive(source, target):
                    waiting.append(target)

    def _free(self, name: str) -> Shape:
        return next(iter(self.modules[name].output_specs.values())).shape

    def _arrive(self, source: str, target: str) -> bool:
        """Fix the shape of a node from the first thing that arrives."""
        source = self._fitted(source, target)
        node, shape = self.graph.nodes[target], self.shapes[source]
        if node.kind == OUTPUT:
            self.shapes[target] = node.fields["shape"] or shape
            return False
        if not self._fits(target, shape):
            return False
        module = self.modules[target]
        self.shapes[target] = self._free(target) if module.shape_is_free else module.output_shape(shape)  # type: ignore
        return True

    def _fits(self, target: str, shape: Shape) -> bool:
        module = self.modules[target]
        if isinstance(module, Connection):
            return not module.misfits(shape)
        return self._free(target) == shape

    def _fitted(self, source: str, target: str) -> str:
        """Repair what arrives at a node; the name of what arrives then."""
        node, shape = self.graph.nodes[target], self.shapes[source]
        self._check_noted(node, shape)
        if not self.reading.repair:
            return source
        if node.kind == OUTPUT and node.fields["shape"] not in (None, shape):
            self._repaired(f"{target}.shape", node.fields["shape"], shape, source)
            self.graph.nodes[target] = replace(node, fields={"shape": shape})
        elif node.kind in SOMAS and not self._fits(target, shape):
            own = self._free(target)
            if math.prod(own) in (1, math.prod(shape)):
                self._repaired(f"{target}.{next(iter(SOMAS[node.kind][1]))}", own, shape, source)
                self.modules[target] = module_of(self.graph, node, self.reading, shape)
        elif node.kind in ("Linear", "Affine") and not self._fits(target, shape):
            return self._flattened(source, target, shape)
        return source

    def _repaired(self, where: str, own: Shape, shape: Shape, source: str) -> None:
        self.graph.repairs.append(f"{where}: shape {list(own)} read as {list(shape)}, as {source} gives")

    def _flattened(self, source: str, target: str, shape: Shape) -> str:
        """Put a Flatten in between where that makes it fit."""
        flat = (math.prod(shape),)
        if not self._fits(target, flat):
            return source
        name = f"{source}_flat"
        if name not in self.graph.nodes:
            self.graph.nodes[name] = Node(name, "Flatten", {"start_dim": 0, "end_dim": -1})
            self.modules[name] = Flatten(start_dim=0, end_dim=-1, dt=self.reading.dt, dtype=self.reading.dtype)
            self.graph.edges.append((source, name))
            self.shapes[name] = flat
            self.graph.repairs.append(f"{target}: Flatten {list(shape)} -> {list(flat)} added in front, as its weight "
                                      "has as many columns")
        self.graph.edges[self.graph.edges.index((source, target))] = (name, target)
        return name

    def _check_noted(self, node: Node, shape: Shape) -> None:
        """Shapes that a node notes about its input must be those that arrive."""
        for name, arriving in (("input_shape", shape[1:]), ("input_type", shape)):
            noted = node.fields.get(name)
            if noted is None or isinstance(noted, str) or tuple(np.ravel(noted)) == arriving:
                continue
            if self.reading.repair:
                self.graph.repairs.append(f"{node.name}.{name}: {np.ravel(noted).tolist()} ignored, {list(arriving)} "
                                          "arrives")
            else:
                self.findings.append(Diagnostic(
                    E134, "a node notes another input than arrives", self.graph.place(f"{node.name}.{name}"),
                    str(np.ravel(noted).tolist()), str(list(arriving)), "--repair goes by what arrives"))

    # -- checks -----------------------------------------------------------------------------------------------------

    def _check_edges(self) -> None:
        found: dict[str, Diagnostic] = {}
        for source, target in sorted(self.graph.edges):
            fault = next(self._edge_faults(source, target), None) if source in self.shapes else None
            if fault is not None:
                found.setdefault(target, fault)
        unknown = [name for name in sorted(self.graph.nodes) if name not in self.shapes and name not in found]
        if not found:
            found = {name: Diagnostic(E134, "the shape of a node is open", self.graph.place(name), "nothing that "
                                      "arrives has a known shape", "a path from an Input, or a neuron on it")
                     for name in unknown}
        self.findings += found.values()

    def _edge_faults(self, source: str, target: str) -> Iterator[Diagnostic]:
        node, shape = self.graph.nodes[target], self.shapes[source]
        message, found = "what arrives does not fit", f"shape {list(shape)} from {source}"
        if node.kind == OUTPUT:
            if node.fields["shape"] not in (None, shape):
                yield Diagnostic(E134, message, self.graph.place(f"{target}.shape"), found,
                                 f"shape {list(node.fields['shape'])}", self._hint(shape, node.fields["shape"]))
            return
        module = self.modules[target]
        if isinstance(module, Connection):
            for fault in module.misfits(shape):
                hint = "--repair adds the Flatten" if "Flatten" in fault.hint else ""
                yield Diagnostic(E134, message, self.graph.place(f"{target}.{_shaping(node)}"), found, fault.bound,
                                 hint or fault.hint)
        elif self._free(target) != shape:
            yield Diagnostic(E134, message, self.graph.place(f"{target}.{_shaping(node)}"), found,
                             f"shape {list(self._free(target))}", self._hint(shape, self._free(target)))

    def _hint(self, arriving: Shape, own: Shape) -> str:
        repairable = math.prod(own) in (1, math.prod(arriving))
        return f"--repair reads {list(own)} as {list(arriving)}" if repairable and not self.reading.repair else ""


def _shaping(node: Node) -> str:
    """The field that gives a node its shape."""
    if node.kind in SOMAS:
        return next(iter(SOMAS[node.kind][1]))
    return next((name for name in ("weight", "scale", "delay", "kernel_size", "start_dim") if name in node.fields), "")
