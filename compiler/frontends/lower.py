"""Lowers a spark module to a network at the `model` level.

Each leaf becomes a population (its soma's step, traced), each origin that reaches its spikes a projection:
weights as a dense block of the kernel's columns, delays of the edge and of the neuron added up, the synaptic
filter as a program before or after. Emitted spikes are unsigned: the sign of an inhibitory unit (Dale's
principle) is folded into the weights of what leaves it, so outputs are unsigned too (semantics 7).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from compiler.analysis.schedule import update_order
from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare, fail
from compiler.frontends import faults, plasticity
from compiler.frontends.linear_maps import INDEX, LinearMaps, Way
from compiler.frontends.lowered import Lowered, Origin
from compiler.frontends.neuron_input import NeuronInput
from compiler.frontends.program_book import ProgramBook, free_name, identifier, kind_of
from compiler.frontends.wiring import Feed, Leaf, Path, Wiring, state_path, wiring_of
from compiler.ir.connections.identity import Identity
from compiler.ir.network import Input, Network, Output, Population, PortKind, Projection
from compiler.ir.program import Program, TensorRef
from spark.core.module import SparkModule
from spark.nn.components.connections import Connection
from spark.nn.components.delays.base import Delays
from spark.nn.components.synapses.base import Synapses
from spark.nn.neurons.base import MODULATION, Neuron

E115 = declare("E115", "a part of a module cannot be compiled")
E117 = declare("E117", "an input and an output of a module have the same name")

def lower(module: SparkModule, name: str = "model", readout: str = "",
          ports: Mapping[str, PortKind] | None = None) -> Lowered:
    """The network of a module, level `model`, with dt of the module.

    name: object path that diagnostics start with. readout: how outputs are read. ports: what inputs carry, where that
    is known; else spikes if they only reach ports of spikes. Raises DiagnosticError with every fault of weights, delays
    and unsupported parts at once; those of a traced step alone.
    """
    if not module.built:
        raise fail(E115, "the module does not know the shape of its input", name, found=f"{type(module).__name__}",
                   hint="call build(input_shape) on it, or put it into a Brain or Sequential")
    found = [*faults.of_params(module, name), *_unsupported(module, name)]
    if found:
        raise DiagnosticError(found)
    wiring = wiring_of(module)
    _require_apart(wiring, name)
    lowering = Lowering(module, wiring, name)
    lowering.run(readout, ports or {})
    update_order(lowering.lowered.network)
    return lowering.lowered


def _require_apart(wiring: Wiring, name: str) -> None:
    both = sorted(wiring.inputs.keys() & wiring.outputs.keys())
    if both:
        raise DiagnosticError(
            Diagnostic(E117, f"`{item}` is both an input and an output", Place(path=name), hint="rename one of them")
            for item in both)


def _unsupported(module: SparkModule, path: str) -> Iterator[Diagnostic]:
    """Parts that have no counterpart in a network, each with its path."""
    if isinstance(module, Neuron):
        yield from _unsupported_neuron(module, path)
        return
    if isinstance(module, Synapses | Delays):
        yield Diagnostic(E115, f"{type(module).__name__} stands alone", Place(path=path), hint="put it into a neuron")
    for name, child in module.children().items():
        yield from _unsupported(child, f"{path}.{name}")


def _unsupported_neuron(neuron: Neuron[Any], path: str) -> Iterator[Diagnostic]:
    yield from plasticity.unsupported(neuron, path)
    for part, base in ((neuron, Neuron), (neuron.synapses, Synapses)):
        if type(part).step is not base.step:
            yield Diagnostic(E115, f"{type(part).__name__} has a step of its own", Place(path=path),
                             expected=f"the step of {base.__name__}", hint="put what is special into a component")


def _passed_on(state: Any, inputs: Any, params: Any) -> Any:
    """The step of a relay."""
    return {}, {"current": inputs["signal"]}


class Lowering:
    """One lowering under way."""

    def __init__(self, module: SparkModule, wiring: Wiring, name: str):
        self.module, self.wiring, self.name = module, wiring, name
        self.lowered = Lowered(Network(dt=float(module.dt)), ports=wiring.ports)
        self.network = self.lowered.network
        self.book = ProgramBook(self.network)
        self.names = self._names()
        self.maps = LinearMaps(wiring, self.book, self.names, self.signs)

    def _names(self) -> dict[Path, str]:
        """Population of each leaf; inputs and outputs keep their names, populations make way."""
        taken = {*self.wiring.inputs, *self.wiring.outputs}
        names: dict[Path, str] = {}
        for path in self.wiring.leaves:
            name = identifier("_".join(path))
            names[path] = free_name(f"{name}_neurons" if name in taken else name, taken)
            taken.add(names[path])
        return names

    def run(self, readout: str, ports: Mapping[str, PortKind]) -> None:
        for name, shape in self.wiring.inputs.items():
            kind = PortKind("spikes") if self.wiring.carries_spikes(name) else PortKind("current")
            self.network.add(Input(name, shape, ports.get(name, kind)))
        leaves = [leaf for leaf in self.wiring.leaves.values() if not self.maps.folds(leaf)]
        for leaf in leaves:
            self._population(leaf)
        for leaf in leaves:
            if isinstance(leaf.module, Neuron):
                NeuronInput(self, leaf, leaf.module).run()
            else:
                self._currents(leaf)
        for name, feed in self.wiring.outputs.items():
            source, port = self.source(feed)
            self.network.add(Output(name, source, port, readout))

    def source(self, feed: Feed) -> tuple[str, str]:
        """Node and port that a feed comes from."""
        if not feed.origin:
            item = self.network.node(feed.port)
            assert isinstance(item, Input)
            return item.name, item.port.kind
        module = self.wiring.leaves[feed.origin].module
        port = next(iter(module.soma.output_ports)) if isinstance(module, Neuron) else feed.port
        return self.names[feed.origin], self.output_port(self.names[feed.origin], port)

    def program_of(self, population: str) -> Program:
        node = self.network.node(population)
        assert isinstance(node, Population)
        return self.network.programs[node.site.program]

    def output_port(self, population: str, port: str) -> str:
        """The emitted port of a population that a module's output port became."""
        return next(item.port for item in self.program_of(population).emits if item.port in (port, f"{port}_out"))

    def input_port(self, population: str, port: str) -> str:
        """The port of a population that a module's input port became."""
        return next(item.name for item in self.program_of(population).inputs if item.name in (port, f"{port}_in"))

    def signs(self, feed: Feed) -> np.ndarray | None:
        """-1 for each inhibitory unit of the origin, None where there is none."""
        module = self.wiring.leaves[feed.origin].module if feed.origin else None
        if not isinstance(module, Neuron) or not module.inhibition_mask.any() or not module.config.inhibitory_rate:
            return None
        return np.where(module.inhibition_mask, -1.0, 1.0).reshape(-1)

    def state_of(self, leaf: Leaf) -> Path:
        return state_path(self.module, leaf.path)

    def _population(self, leaf: Leaf) -> None:
        module, path, name = leaf.module, self.state_of(leaf), self.names[leaf.path]
        if isinstance(module, Connection):
            self._relay(name, module, path)
            return
        if isinstance(module, Neuron):
            module, path = module.soma, (*path, "soma")
        shape = next(iter(module.output_specs.values())).shape
        inputs, step = {port: np.zeros(shape) for port in module.input_specs}, module.step
        if isinstance(leaf.module, Neuron) and plasticity.uses_modulation(leaf.module):
            inputs[MODULATION], step = np.zeros(shape), plasticity.passing_on(step)
        site = self.book.site(name, kind_of(module, "Soma"), step, module.initial_state(), inputs, module.params, shape)
        self.network.add(Population(name, shape, site))
        self.lowered.origins[name] = Origin(path)
        for port in module.output_ports:
            self.lowered.emissions[name, self.output_port(name, port)] = ".".join((*path, port))
        if isinstance(leaf.module, Neuron):
            self.lowered.currents[name] = ".".join((*path[:-1], "synapses", "current"))

    def _relay(self, name: str, module: Connection[Any], path: Path) -> None:
        """A population that passes on what a connection makes of its input."""
        shape = module.output_specs["current"].shape
        site = self.book.site(name, "relay", _passed_on, {}, {"signal": np.zeros(shape)}, {}, shape)
        self.network.add(Population(name, shape, site))
        self.lowered.origins[name] = Origin(path)
        self.lowered.emissions[name, "current"] = ".".join((*path, "current"))

    def _currents(self, leaf: Leaf) -> None:
        """What reaches a module that is no neuron: values, unit by unit or through connections."""
        target = self.names[leaf.path]
        for name in list(leaf.feeds)[:1] if isinstance(leaf.module, Connection) else leaf.feeds:
            port = self.input_port(target, "signal" if isinstance(leaf.module, Connection) else name)
            arrival = self.maps.into(leaf, name)
            for way, bias in arrival.with_biases():
                self._way(way, bias, target, port)
            self._note_current(leaf, name)

    def _way(self, way: Way, bias: tuple[int, np.ndarray] | None, target: str, port: str) -> None:
        name = self._way_name(way, target)
        own = () if way.own is None else (way.own,)
        delay = self.book.tensor(f"{name}.delay", way.delay + own[0], INDEX) if own else way.delay
        given: dict[str, Any] = {}
        if bias is not None:
            start, values = bias
            given = {"bias": self.book.tensor(f"{name}.bias", values)}
            if start != way.delay + min((int(np.min(item)) for item in own), default=0):
                given["bias_start"] = start
        self.project(name, way.feed, target, port, way.links or (Identity(),), delay, **given)

    def _way_name(self, way: Way, target: str) -> str:
        """A way with weights of one module is called like it, others like their ends."""
        taken = {item.name for item in self.network.projections}
        if len(way.weighted) == 1:
            return free_name(way.weighted[0], taken | set(self.network.graph.nodes))
        return self.projection_name(self.source(way.feed)[0], target)

    def _note_current(self, leaf: Leaf, port: str) -> None:
        """Where the module that is alone before this one shows what arrives."""
        feeds = leaf.feeds[port]
        if len(leaf.feeds) == 1 and len(feeds) == 1 and feeds[0].origin and not feeds[0].delay:
            origin = self.wiring.leaves[feeds[0].origin]
            if isinstance(origin.module, Connection) and not isinstance(leaf.module, Connection):
                self.lowered.currents[self.names[leaf.path]] = ".".join((*self.state_of(origin), feeds[0].port))

    def projection_name(self, source: str, target: str) -> str:
        return free_name(f"{source}_{target}", {item.name for item in self.network.projections})

    def project(self, name: str, feed: Feed, target: str, port: str, chain: tuple[Any, ...], delay: int | TensorRef,
                **rest: Any) -> None:
        """Add a projection from a feed."""
        source, source_port = self.source(feed)
        self.network.add(Projection(name, source, source_port, target, port, chain, delay, **rest))
