"""Filters of single synapses: a population of their own, one unit for each pair of units, summed onto the neuron.

What differs from synapse to synapse cannot be reduced to a filter per unit. Unit `post * pre + j` of the population
gets what presynaptic unit j sends, weighed and with that synapse's delay, and filters it; a sum of ones brings the
filtered currents of a postsynaptic unit together. That is quadratic in units, and so is the filters' state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from compiler.diagnostics import declare, fail
from compiler.formats import Format
from compiler.frontends.lowered import Origin
from compiler.frontends.program_book import free_name, kind_of
from compiler.ir.connections.sparse import Sparse
from compiler.ir.network import Population, Projection
from compiler.ir.program import TensorRef

if TYPE_CHECKING:
    from compiler.frontends.neuron_input import NeuronInput

E115 = declare("E115", "a part of a module cannot be compiled")

INDEX = Format(True, 32)
MOST_DELAYS = 1 << 24
"""Entries of a table of delays: one for each filter and presynaptic unit."""


class PairFilters:
    """The filters of single synapses of one neuron."""

    def __init__(self, neuron_input: NeuronInput, weights: np.ndarray, delays: np.ndarray):
        self.given, self.weights, self.delays = neuron_input, weights, delays
        self.lowering, self.synapses = neuron_input.lowering, neuron_input.synapses
        self.network = neuron_input.network
        self.name = free_name(f"{neuron_input.target}_synapses", self.network.graph.nodes)

    def run(self) -> None:
        self._population()
        start = 0
        for feed in self.given.feeds:
            columns = slice(start, start + feed.size)
            start += feed.size
            name = self.lowering.projection_name(self.lowering.source(feed)[0], self.given.target)
            signs = self.lowering.signs(feed)
            block = self.weights[:, columns] if signs is None else self.weights[:, columns] * signs
            link, delay = self._spread(name, block, columns), self._delay(name, columns, feed.delay)
            self.lowering.project(name, feed, self.name, self.lowering.input_port(self.name, "current"), (link,), delay)
        self._sum()

    def _population(self) -> None:
        shape = self.weights.shape
        full = (*self.given.neuron.units, *self.synapses.input_shape)
        params = {name: np.broadcast_to(value, full).reshape(shape) if np.ndim(value) else value
                  for name, value in self.synapses.params.items() if name not in ("kernel", "scale")}
        state = {name: np.reshape(value, shape) for name, value in self.synapses.initial_state().items()}
        site = self.lowering.book.site(self.name, kind_of(self.synapses, "Synapses"), self.synapses.filter, state,
                                       {"current": np.zeros(shape)}, params, shape)
        self.network.add(Population(self.name, shape, site))
        lowered, path = self.lowering.lowered, self.given.state_path
        lowered.origins[self.name] = Origin(path)
        port = self.lowering.output_port(self.name, "current")
        lowered.emissions[self.name, port] = ".".join((*path, "filtered"))

    def _spread(self, name: str, block: np.ndarray, columns: slice) -> Sparse:
        """Each presynaptic unit to its filter at every postsynaptic one, where there is a synapse."""
        there = np.zeros(self.weights.shape, bool)
        there[:, columns] = block != 0
        counts, sources = there.reshape(-1), np.nonzero(block)[1]
        return self._list(name, block[block != 0], counts, sources)

    def _list(self, name: str, weights: np.ndarray, counts: np.ndarray, sources: np.ndarray) -> Sparse:
        starts = np.concatenate([[0], np.cumsum(counts)])
        tensor = self.lowering.book.tensor
        return Sparse(tensor(f"{name}.weight", weights), tensor(f"{name}.starts", starts, INDEX),
                      tensor(f"{name}.sources", sources, INDEX))

    def _delay(self, name: str, columns: slice, edge: int) -> int | TensorRef:
        own = self.delays[..., columns] if self.delays.ndim else self.delays
        if own.ndim < 2:
            return self.given.delay_of(name, own, edge)
        if self.weights.size * own.shape[1] > MOST_DELAYS:
            raise fail(E115, "too many synapses with filters and delays of their own", f"{self.given.path}.synapses",
                       found=f"{self.weights.size} synapses", expected="one time constant, or one delay, per unit")
        return self.given.delay_of(name, np.repeat(own, self.weights.shape[1], axis=0), edge)

    def _sum(self) -> None:
        post, pre = self.weights.shape
        joined = self.lowering.projection_name(self.name, self.given.target)
        link = self._list(joined, np.ones(post * pre), np.full(post, pre), np.arange(post * pre))
        port = self.lowering.output_port(self.name, "current")
        self.network.add(Projection(joined, self.name, port, self.given.target, self.given.port, (link,)))
