"""Connections that stand in a brain of their own (Affine, Conv2d, …), folded into the projections they lie on.

A connection is no population: what it computes is part of every projection that leads through it. Its links join the
chain, its bias goes through the rest of the way, its delay adds up. Only where that is impossible it becomes a
population that passes values on (a relay): where it is an output, in a cycle without a neuron, before a neuron that
weighs what arrives, before delays that differ from unit to unit, or where too many ways lead through it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np

from compiler.formats import Format
from compiler.frontends.links import links_of
from compiler.frontends.wiring import Feed, Leaf, Path, Wiring
from compiler.ir.connections.base import Connection as Link
from compiler.ir.connections.one_to_one import OneToOne
from compiler.ir.connections.sparse import Sparse
from spark.nn.components.connections import Connection, Delay
from spark.nn.neurons.base import Neuron

if TYPE_CHECKING:
    from compiler.frontends.program_book import ProgramBook

MOST_WAYS = 64
"""Ways into one port through connections alone."""

INDEX = Format(True, 32)


@dataclass(frozen=True)
class Way:
    """One way into a port: from a population or input, `delay` steps (and `own` for each unit) late, through links.

    weighted: names of the modules whose weights lie on it.
    """

    feed: Feed
    links: tuple[Link, ...] = ()
    delay: int = 0
    own: np.ndarray | None = None
    weighted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Arrival:
    """Everything that reaches a port: ways, and biases by the step they start at."""

    ways: tuple[Way, ...]
    biases: dict[int, np.ndarray] = field(default_factory=dict)

    def with_biases(self) -> list[tuple[Way, tuple[int, np.ndarray] | None]]:
        """Ways, each with at most one bias (its start and values): rather one that starts when the way does."""
        left = dict(sorted(self.biases.items()))
        paired = [(way, (way.delay, left.pop(way.delay)) if way.delay in left else None) for way in self.ways]
        return [(way, left.popitem() if bias is None and left else bias) for way, bias in paired]

    def later(self, steps: int) -> Arrival:
        if not steps:
            return self
        return Arrival(tuple(replace(way, delay=way.delay + steps) for way in self.ways),
                       {start + steps: bias for start, bias in self.biases.items()})


class _NeedsRelay(Exception):
    def __init__(self, path: Path):
        super().__init__(path)
        self.path = path


class LinearMaps:
    """The connections of a wiring. relays: those that become populations."""

    def __init__(self, wiring: Wiring, book: ProgramBook, names: dict[Path, str],
                 signs: Callable[[Feed], np.ndarray | None]):
        self.wiring, self.book, self.names, self.signs = wiring, book, names, signs
        self.links: dict[Path, tuple[Link, ...]] = {}
        self.relays = {path for path in self._unavoidable() if self._is_map(path)}
        self._settle()

    def folds(self, leaf: Leaf) -> bool:
        """Whether a leaf is no population."""
        return self._is_map(leaf.path) and leaf.path not in self.relays

    def into(self, leaf: Leaf, port: str) -> Arrival:
        """What reaches a port of a population; for a relay, what its connection makes of it."""
        if self._is_map(leaf.path):
            return self._through(leaf, {})
        return self._gathered(leaf.feeds[port], {})

    # -- relays -----------------------------------------------------------------------------------------------------

    def _is_map(self, path: Path) -> bool:
        return isinstance(self.wiring.leaves[path].module, Connection)

    def _unavoidable(self) -> Iterable[Path]:
        yield from (feed.origin for feed in self.wiring.outputs.values() if feed.origin)
        graph = nx.DiGraph()
        for leaf in self.wiring.leaves.values():
            for feed in (feed for feeds in leaf.feeds.values() for feed in feeds if feed.origin):
                if isinstance(leaf.module, Neuron):
                    yield feed.origin
                if self._is_map(leaf.path) and self._is_map(feed.origin):
                    graph.add_edge(feed.origin, leaf.path)
        for part in nx.strongly_connected_components(graph):
            path = next(iter(part))
            if len(part) > 1 or graph.has_edge(path, path):
                yield from part

    def _settle(self) -> None:
        """Add relays until everything else can be folded."""
        while True:
            try:
                for leaf in self.wiring.leaves.values():
                    if not self.folds(leaf) and not isinstance(leaf.module, Neuron):
                        self._check(leaf)
            except _NeedsRelay as needed:
                self.relays.add(needed.path)
            else:
                return

    def _check(self, leaf: Leaf) -> None:
        for port in list(leaf.feeds)[:1] if self._is_map(leaf.path) else leaf.feeds:
            arrival = self.into(leaf, port)
            # A projection carries one bias; ways are projections.
            if len(arrival.biases) > len(arrival.ways):
                folded = [feed.origin for feeds in leaf.feeds.values() for feed in feeds if self._folded(feed)]
                raise _NeedsRelay(sorted(folded)[0])

    def _folded(self, feed: Feed) -> bool:
        return bool(feed.origin) and self.folds(self.wiring.leaves[feed.origin])

    # -- ways -------------------------------------------------------------------------------------------------------

    def _gathered(self, feeds: list[Feed], known: dict[Path, Arrival]) -> Arrival:
        """What several feeds, concatenated, bring."""
        total, start, parts = sum(feed.size for feed in feeds), 0, []
        for feed in feeds:
            part = self._arriving(feed, known)
            parts.append(part if feed.size == total else self._placed(part, feed.size, start, total))
            start += feed.size
        return _added(parts)

    def _arriving(self, feed: Feed, known: dict[Path, Arrival]) -> Arrival:
        if not self._folded(feed):
            signs = self.signs(feed)
            links = () if signs is None else (OneToOne(self.book.tensor(f"{self.names[feed.origin]}.sign", signs)),)
            return Arrival((Way(replace(feed, delay=0), links, feed.delay),))
        if feed.origin not in known:
            known[feed.origin] = self._through(self.wiring.leaves[feed.origin], known)
        return known[feed.origin].later(feed.delay)

    def _through(self, leaf: Leaf, known: dict[Path, Arrival]) -> Arrival:
        """What a connection makes of what reaches it."""
        parts = [self._gathered(feeds, known) for feeds in leaf.feeds.values()]
        arriving, module = _added(parts), leaf.module
        if len(arriving.ways) > MOST_WAYS:
            raise _NeedsRelay(self._before(leaf))
        if isinstance(module, Delay):
            return self._delayed(leaf, module, arriving)
        if leaf.path not in self.links:
            self.links[leaf.path] = links_of(module, self.names[leaf.path], self.book)  # type: ignore[arg-type]
        links = self.links[leaf.path]
        weighted = (self.names[leaf.path],) if any(link.weights for link in links) else ()
        ways = tuple(replace(way, links=way.links + links, weighted=way.weighted + weighted) for way in arriving.ways)
        shape = next(iter(module.input_specs.values())).shape
        biases = {start: self._applied(links, shape, bias) for start, bias in arriving.biases.items()}
        own = module.params.get("bias")
        if own is not None and np.any(own):
            biases[0] = biases.get(0, 0.0) + _spread(np.asarray(own), module)
        return Arrival(ways, biases)

    def _delayed(self, leaf: Leaf, module: Delay, arriving: Arrival) -> Arrival:
        steps = module.steps.reshape(-1)
        if np.all(steps == steps[0]):
            return arriving.later(int(steps[0]))
        if arriving.biases or any(way.links for way in arriving.ways):
            raise _NeedsRelay(self._before(leaf))
        return Arrival(tuple(replace(way, own=steps + (0 if way.own is None else way.own)) for way in arriving.ways))

    def _before(self, leaf: Leaf) -> Path:
        """A connection in front of this one that is folded so far."""
        return next(feed.origin for feeds in leaf.feeds.values() for feed in feeds if self._folded(feed))

    def _applied(self, links: tuple[Link, ...], shape: tuple[int, ...], value: np.ndarray) -> np.ndarray:
        tensors = self.book.network.tensors
        for link in links:
            value = np.asarray(link.matrix(shape, tensors) @ value)
            shape = link.output_shape(shape, tensors)
        return value

    def _placed(self, arrival: Arrival, size: int, start: int, total: int) -> Arrival:
        """Units that stand at `start` among others."""
        starts = np.clip(np.arange(total + 1) - start, 0, size)
        name = f"placed.{start}.{size}.{total}"
        link = Sparse(self.book.tensor(f"{name}.weight", np.ones(size)),
                      self.book.tensor(f"{name}.starts", starts, INDEX),
                      self.book.tensor(f"{name}.sources", np.arange(size), INDEX))
        biases = {}
        for step, bias in arrival.biases.items():
            biases[step] = np.zeros(total)
            biases[step][start : start + size] = bias
        return Arrival(tuple(replace(way, links=(*way.links, link)) for way in arrival.ways), biases)


def _added(parts: list[Arrival]) -> Arrival:
    biases: dict[int, np.ndarray] = {}
    for part in parts:
        for start, bias in part.biases.items():
            biases[start] = biases.get(start, 0.0) + bias
    return Arrival(tuple(way for part in parts for way in part.ways), biases)


def _spread(bias: np.ndarray, module: Any) -> np.ndarray:
    """The bias of every unit of the output, from one for each channel."""
    shape = module.output_specs["current"].shape
    if bias.shape != shape:
        bias = bias.reshape(-1, *[1] * (len(shape) - 1))
    return np.broadcast_to(bias, shape).astype(np.float64).reshape(-1)
