"""The projections into one neuron: weights, delays and synaptic filters of each origin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from compiler.analysis.linearity import is_linear
from compiler.diagnostics import declare, fail
from compiler.formats import Format
from compiler.frontends import faults, plasticity
from compiler.frontends.lowered import Origin
from compiler.frontends.pair_filters import PairFilters
from compiler.frontends.program_book import Arrays, ProgramBook, free_name, kind_of
from compiler.frontends.wiring import Leaf
from compiler.ir.connections.dense import Dense
from compiler.ir.connections.identity import Identity
from compiler.ir.connections.repeat import Repeat
from compiler.ir.network import Network, Population, Projection
from compiler.ir.program import Site, TensorRef
from spark.core.precision import precision
from spark.nn.neurons.base import Neuron

if TYPE_CHECKING:
    from compiler.frontends.lower import Lowering

E115 = declare("E115", "a part of a module cannot be compiled")

INDEX = Format(True, 32)


class NeuronInput:
    """The projections into one neuron: one for each origin, columns of the kernel split."""

    def __init__(self, lowering: Lowering, leaf: Leaf, neuron: Neuron[Any]):
        self.lowering, self.neuron, self.synapses = lowering, neuron, neuron.synapses
        self.feeds = leaf.feeds["in_spikes"]
        self.modulators = leaf.feeds.get(plasticity.MODULATION, [])
        self.target = lowering.names[leaf.path]
        self.path = ".".join([lowering.name, *lowering.state_of(leaf)])
        self.state_path = (*lowering.state_of(leaf), "synapses")
        self.port = lowering.input_port(self.target, next(iter(neuron.soma.input_ports)))
        self.plastic = neuron.learning_rule is not None
        self.modulated = plasticity.uses_modulation(neuron)

    def run(self) -> None:
        weights, delays = self._weights(), self._delays()
        if self.modulated:
            self._modulation()
        if self.synapses.site == "synapse":
            PairFilters(self, weights, delays).run()
            return
        target, port, post = self.target, self.port, self._post
        if self._needs_relay():
            if self.plastic:
                raise fail(E115, "a filter that is not linear, and weights of several origins that are learned",
                           f"{self.path}.synapses", found=type(self.synapses).__name__,
                           expected="a linear filter, or one origin", hint="give every origin a neuron of its own")
            target, post = self._relay(), None
            port = self.lowering.input_port(target, "current")
        start = 0
        for index, feed in enumerate(self.feeds):
            columns = slice(start, start + feed.size)
            start += feed.size
            name = self.lowering.projection_name(self.lowering.source(feed)[0], self.target)
            signs = self.lowering.signs(feed)
            block = weights[:, columns] if signs is None else weights[:, columns] * signs
            chain = (Dense(self.lowering.book.tensor(f"{name}.weight", block)),)
            delay = self.delay_of(name, delays[..., columns] if delays.ndim else delays, feed.delay)
            sites = {"pre": self._pre(name, columns, signs), "post": post(name, index) if post else None}
            if self.plastic:
                sites["synapse"] = self._synapse(name, columns, signs)
            self.lowering.project(name, feed, target, port, chain, delay, **sites)

    @property
    def network(self) -> Network:
        return self.lowering.network

    def _weights(self) -> np.ndarray:
        """Signed weights [post, pre]; where they are learned without the scale, which is then part of the filter."""
        with precision("float64"):
            params = self.synapses.params | ({"scale": np.ones(())} if self.plastic else {})
            weights = np.asarray(self.synapses.weights(params), np.float64)
        return faults.as_matrix(weights, self.neuron.units, sum(feed.size for feed in self.feeds), self.path)

    def _delays(self) -> np.ndarray:
        """In steps: a number, [pre] or [post, pre]."""
        if self.neuron.delays is None:
            return np.asarray(0)
        sizes = (int(np.prod(self.neuron.units)), sum(feed.size for feed in self.feeds))
        return faults.as_delays(np.asarray(self.neuron.delays.steps), sizes, f"{self.path}.delays.steps")

    def delay_of(self, name: str, own: np.ndarray, edge: int) -> int | TensorRef:
        total = own + edge
        return self.lowering.book.tensor(f"{name}.delay", total, INDEX) if total.ndim else int(total)

    # -- filters ----------------------------------------------------------------------------------------------------

    def _filter_site(self, site: str, state: Arrays, params: Arrays, units: tuple[int, ...],
                     book: ProgramBook | None = None) -> Site:
        kind, inputs, step = kind_of(self.synapses, "Synapses"), {"current": np.zeros(units)}, self.synapses.filter
        if self.plastic and not site.endswith(".pre"):
            step = step if self.synapses.site == "post" else _passing
            step, params = _scaling(step), {**params, "scale": self.synapses.params["scale"]}
        return (book or self.lowering.book).site(site, kind, step, state, inputs, params, units)

    def _filter_params(self, shape: tuple[int, ...]) -> dict[str, Any]:
        """Parameters that a filter over `shape` can use: everything that broadcasts to it, the kernel excepted."""
        params = {name: value for name, value in self.synapses.params.items() if name != "kernel"}
        return {name: value for name, value in params.items() if _broadcasts(np.shape(value), shape)}

    def _post(self, name: str, index: int) -> Site | None:
        """The filter after the sum. It is linear: the origins' shares add up, the first one starts with the state."""
        units, scale = self.neuron.units, self.synapses.params["scale"]
        if self.synapses.site != "post" and not (self.plastic and np.any(scale != 1)):
            return None
        state = self.synapses.initial_state() if self.synapses.site == "post" else {}
        if index:
            state = {key: np.zeros_like(value) for key, value in state.items()}
        self.lowering.lowered.origins[f"{name}.post"] = Origin(self.state_path)
        params = self._filter_params(units) if self.synapses.site == "post" else {}
        return self._filter_site(f"{name}.post", state, params, units)

    def _pre(self, name: str, columns: slice, signs: np.ndarray | None) -> Site | None:
        if self.synapses.site != "pre":
            return None
        shape = self.synapses.input_shape

        def part(value: Any) -> np.ndarray:
            return np.asarray(value) if np.ndim(value) == 0 else np.broadcast_to(value, shape).reshape(-1)[columns]

        state = {key: part(value) for key, value in self.synapses.initial_state().items()}
        if signs is not None:
            state = {key: value * signs for key, value in state.items()}
        params = {key: part(value) for key, value in self._filter_params(shape).items()}
        site = self._filter_site(f"{name}.pre", state, params, (columns.stop - columns.start,))
        self.lowering.lowered.origins[f"{name}.pre"] = Origin(self.state_path, columns, 1.0 if signs is None else signs)
        if signs is not None and not is_linear(self.network.programs[site.program]):
            raise fail(E115, "the filter of signed spikes is not linear", f"{self.path}.synapses",
                       found=type(self.synapses).__name__, hint="set inhibitory_rate=0 where the spikes come from")
        return site

    def _synapse(self, name: str, columns: slice, signs: np.ndarray | None) -> Site:
        """The learning rule of the synapses from one origin."""
        population = self.lowering.program_of(self.target)
        soma_port = self.lowering.output_port(self.target, self.neuron.soma_port)
        ports = {soma_port: "post"} | ({plasticity.MODULATION: plasticity.MODULATION} if self.modulated else {})
        assert {item.port for item in population.emits} >= set(ports)
        rule = plasticity.Plasticity(self.neuron, ports, self.lowering.book, self.state_path[:-1])
        site, origins = rule.site(name, columns, signs)
        self.lowering.lowered.origins[f"{name}.synapse"] = Origin((*self.state_path[:-1], "learning_rule", name))
        self.lowering.lowered.synapses |= {(f"{name}.synapse", state): origin for state, origin in origins.items()}
        return site

    def _modulation(self) -> None:
        """What arrives at the port `modulation`, passed on to every unit."""
        port = self.lowering.input_port(self.target, plasticity.MODULATION)
        for feed in self.modulators:
            name = self.lowering.projection_name(self.lowering.source(feed)[0], self.target)
            units = int(np.prod(self.neuron.units))
            signs = self.lowering.signs(feed)
            link = Repeat(units) if signs is None else Dense(
                self.lowering.book.tensor(f"{name}.weight", np.tile(signs, (units, 1))))
            self.lowering.project(name, feed, self.target, port, (link,), feed.delay)

    def _needs_relay(self) -> bool:
        """Whether shares of several origins may not be filtered apart."""
        if self.synapses.site != "post" or len(self.feeds) == 1:
            return False
        probe, units = ProgramBook(Network()), self.neuron.units
        site = self._filter_site("probe", self.synapses.initial_state(), self._filter_params(units), units, probe)
        return not is_linear(probe.network.programs[site.program])

    def _relay(self) -> str:
        """A population of the filters alone, joined unit by unit to the somas."""
        units, name = self.neuron.units, free_name(f"{self.target}_synapses", self.network.graph.nodes)
        state = self.synapses.initial_state()
        self.network.add(Population(name, units, self._filter_site(name, state, self._filter_params(units), units)))
        self.lowering.lowered.origins[name] = Origin(self.state_path)
        self.lowering.lowered.emissions[name, "current"] = ".".join((*self.state_path, "current"))
        joined = self.lowering.projection_name(name, self.target)
        self.network.add(Projection(joined, name, "current", self.target, self.port, (Identity(),)))
        return name


def _passing(state: Any, inputs: Any, params: Any) -> tuple[Any, Any]:
    """The filter after the sum where there is none, or where it stands before the weights."""
    return state, inputs


def _scaling(step: Any) -> Any:
    """A filter behind what a weight of one means, which is no part of weights that are learned."""

    def scaled(state: Any, inputs: Any, params: Any) -> tuple[Any, Any]:
        own = {key: value for key, value in params.items() if key != "scale"}
        return step(state, {"current": inputs["current"] * params["scale"]}, own)

    return scaled


def _broadcasts(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False
