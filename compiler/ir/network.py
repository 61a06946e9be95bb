"""The network: a networkx multigraph of inputs, populations and outputs joined by projections.

Names are identity; nothing is numbered by position. Unit indices are C order over a node's shape.
Several projections into one port add up. Delays are integer steps. Cycles are ordinary.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import networkx as nx
import numpy as np

from compiler.formats import BOOL, FloatType, Format, Type, smallest_format
from compiler.ir.connections.base import Connection
from compiler.ir.program import Program, Site, TensorRef
from compiler.quantization.decisions import Decisions

LEVELS = ("model", "fixed", "mapped")

WEIGHT, PRE = "w", "pre"
"""State and input of a `synapse` program: the weight that the sum uses, and the value that arrives at the synapse."""


@dataclass(frozen=True, eq=False)
class Tensor:
    """A named array. data: raw integers when the type is a format, stored narrow; else the values."""

    type: Type
    data: np.ndarray

    @property
    def values(self) -> np.ndarray:
        """Real values, float64 (without any scale)."""
        if isinstance(self.type, Format):
            return np.ldexp(self.data.astype(np.float64), -self.type.fraction)
        return self.data

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tensor):
            return NotImplemented
        same = self.type == other.type and self.data.dtype == other.data.dtype
        return same and self.data.shape == other.data.shape and self.data.tobytes() == other.data.tobytes()


@dataclass(frozen=True)
class PortKind:
    """What an input port carries (semantics 15): `spikes`, `signed`, `events` up to `maximum`, `current` of `type`."""

    kind: str = "spikes"
    maximum: int = 1
    type: Type = FloatType()

    @property
    def carries(self) -> Type:
        """Type of the values that enter; the port is named by its kind."""
        whole = {"signed": Format(True, 2), "events": smallest_format(0, self.maximum)}
        return BOOL if self.kind == "spikes" else whole.get(self.kind, self.type)


@dataclass(frozen=True)
class Input:
    """An input node: values of one port kind for every unit and step."""

    name: str
    shape: tuple[int, ...]
    port: PortKind = PortKind()

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class Segment:
    """Units start..stop of a population on one core, from a slot on (mapped level)."""

    start: int
    stop: int
    core: tuple[int, int]
    slot: int


@dataclass(frozen=True)
class Population:
    """Units with shared dynamics. skew: steps for which it stays frozen at the start (semantics 6)."""

    name: str
    shape: tuple[int, ...]
    site: Site
    skew: int = 0
    placement: tuple[Segment, ...] = ()

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class Output:
    """A named output: one emitted port of one population. readout: how a class is read from it."""

    name: str
    source: str
    port: str
    readout: str = ""


Node = Input | Population | Output


@dataclass(frozen=True)
class AxonGroup:
    """What a projection costs on one core (mapped level): axons, synapse memory bits, hops of its route."""

    core: tuple[int, int]
    axons: int
    bits: int


@dataclass(frozen=True)
class Projection:
    """Values of `source.source_port` through a chain of linear maps into `target.target_port`.

    Order within a step: delay, `pre` program, chain and bias, `post` program; `synapse` runs after the target.
    With a `synapse` program weights change: the chain is one dense link, whose weights are those at the start; the sum
    uses the program's state `w` [post * pre]. Its inputs are `pre`, the value after the delay, and ports that the
    target emits; new weights act from the next step.
    delay: steps; a scalar, or a tensor over pre units or over [post, pre]. bias: number or tensor over post
    units, absent for the first `bias_start` steps of the target (None: the least delay, semantics 4).
    accumulator: type of the exact weighted sum with its bias (fixed level).
    """

    name: str
    source: str
    source_port: str
    target: str
    target_port: str
    chain: tuple[Connection, ...]
    delay: int | TensorRef = 0
    bias: float | TensorRef | None = None
    bias_start: int | None = None
    pre: Site | None = None
    post: Site | None = None
    synapse: Site | None = None
    accumulator: Type | None = None
    axons: tuple[AxonGroup, ...] = ()

    def sites(self) -> Iterator[tuple[str, Site]]:
        """The sites it has, by name: pre, post, synapse."""
        for name in ("pre", "post", "synapse"):
            if (site := getattr(self, name)) is not None:
                yield name, site


@dataclass
class Network:
    """A whole network at one level. dt in ms. chip: name of the chip it is mapped to.

    seed: of stochastic roundings. observed: (lowest, highest) value of every record seen in calibration. decided: what
    quantizing decided. The last two are notes, not part of identity.
    """

    level: str = "model"
    dt: float = 1.0
    chip: str = ""
    seed: int = 0
    programs: dict[str, Program] = field(default_factory=dict)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    graph: nx.MultiDiGraph = field(default_factory=nx.MultiDiGraph)
    observed: dict[str, tuple[float, float]] = field(default_factory=dict)
    decided: Decisions = field(default_factory=Decisions)

    def add(self, item: Node | Projection) -> None:
        """Add a node or a projection, replacing one of the same name and ends."""
        if isinstance(item, Projection):
            self.graph.add_edge(item.source, item.target, key=item.name, projection=item)
        else:
            self.graph.add_node(item.name, node=item)

    def node(self, name: str) -> Node:
        return self.graph.nodes[name]["node"]

    def _nodes(self) -> Iterator[Node]:
        yield from (data["node"] for _, data in self.graph.nodes(data=True))

    @property
    def inputs(self) -> list[Input]:
        return [item for item in self._nodes() if isinstance(item, Input)]

    @property
    def populations(self) -> list[Population]:
        return [item for item in self._nodes() if isinstance(item, Population)]

    @property
    def outputs(self) -> list[Output]:
        return [item for item in self._nodes() if isinstance(item, Output)]

    @property
    def projections(self) -> list[Projection]:
        """All projections, in the order they were added to their source node."""
        return [data["projection"] for _, _, data in self.graph.edges(data=True)]

    def projection(self, name: str) -> Projection:
        """The projection of that name. Raises KeyError."""
        for item in self.projections:
            if item.name == name:
                return item
        raise KeyError(name)

    def into(self, target: str) -> list[Projection]:
        """Projections that end in a node, in name order."""
        edges = self.graph.in_edges(target, data=True)
        return sorted((data["projection"] for _, _, data in edges), key=lambda item: item.name)

    def out_of(self, source: str) -> list[Projection]:
        """Projections that start in a node, in name order."""
        edges = self.graph.out_edges(source, data=True)
        return sorted((data["projection"] for _, _, data in edges), key=lambda item: item.name)

    def sites(self) -> Iterator[tuple[str, Site, int]]:
        """Every site: its name (`pop`, `proj.pre`, …), the site, its number of units."""
        for population in self.populations:
            yield population.name, population.site, population.size
        for projection in self.projections:
            sizes = {
                "pre": self.size_of(projection.source),
                "post": self.size_of(projection.target),
                "synapse": self.size_of(projection.source) * self.size_of(projection.target),
            }
            for name, site in projection.sites():
                yield f"{projection.name}.{name}", site, sizes[name]

    def size_of(self, node: str) -> int:
        item = self.node(node)
        return self.size_of(item.source) if isinstance(item, Output) else item.size

    def emitted_type(self, node: str, port: str) -> Type:
        """Type of the values that leave a port of an input or population. Raises KeyError."""
        item = self.node(node)
        if isinstance(item, Output):
            return self.emitted_type(item.source, item.port)
        if isinstance(item, Population):
            return self.programs[item.site.program].emit_type(port)
        if port != item.port.kind:
            raise KeyError(port)
        return item.port.carries

    def shape_of(self, node: str) -> tuple[int, ...]:
        item = self.node(node)
        return self.shape_of(item.source) if isinstance(item, Output) else item.shape

    def tensor(self, reference: TensorRef) -> Tensor:
        return self.tensors[reference.name]

    def real(self, argument: float | int | bool | TensorRef) -> np.ndarray:
        """Real value(s) of an argument as a float64 array, scalar or one value per unit."""
        if isinstance(argument, TensorRef):
            return np.asarray(self.tensor(argument).values, dtype=np.float64).reshape(-1)
        return np.asarray(float(argument))

    def delays(self, projection: Projection) -> np.ndarray:
        """Delay in steps as an integer array: scalar, [pre] or [post, pre]."""
        if isinstance(projection.delay, TensorRef):
            return self.tensor(projection.delay).data.astype(np.int64)
        return np.asarray(projection.delay, dtype=np.int64)

    def copy(self) -> Network:
        """An independent copy; tensors and programs are shared, they are never changed in place."""
        graph = nx.MultiDiGraph()
        graph.add_nodes_from((name, dict(data)) for name, data in self.graph.nodes(data=True))
        for source, target, key, data in self.graph.edges(keys=True, data=True):
            graph.add_edge(source, target, key=key, **data)
        fresh = copy.copy(self)
        fresh.programs, fresh.tensors, fresh.graph = dict(self.programs), dict(self.tensors), graph
        fresh.observed, fresh.decided = dict(self.observed), self.decided.copy()
        return fresh

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Network):
            return NotImplemented
        heads = [(item.level, item.dt, item.chip, item.seed, item.programs) for item in (self, other)]
        return heads[0] == heads[1] and self.tensors == other.tensors and self._contents() == other._contents()

    def _contents(self) -> tuple[dict, dict]:
        return {item.name: item for item in self._nodes()}, {item.name: item for item in self.projections}
