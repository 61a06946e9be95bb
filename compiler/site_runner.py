"""Sites and projections of a model-level network, prepared once and stepped on any number of rows.

A row is one sample at one step; nothing here knows time. The float interpreter steps them along time,
the check of a source against its network on all steps at once.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.sparse as sparse

from compiler.diagnostics import declare, fail
from compiler.float_arithmetic import evaluate, fit
from compiler.formats import Type
from compiler.ir.network import Network, Projection
from compiler.ir.program import Argument, Operand, Program, Site, TensorRef
from compiler.results.results import source_delays

E122 = declare("E122", "the float interpreter has no meaning for this part of a network")

Values = dict[str, np.ndarray]
Matrix = np.ndarray | sparse.csr_array


class SiteRunner:
    """A dynamics program with its arguments, ready to step any number of rows of units."""

    def __init__(self, network: Network, site: Site, units: int):
        self.program: Program = network.programs[site.program]
        self.types = self.program.types()
        self.units = units
        self.arguments = {
            item.name: _constant(network, site.arguments[item.name], item.type) for item in self.program.params
        }
        self._tables = {ref: network.tensor(ref).values for ref in self.program.uses() if isinstance(ref, TensorRef)}
        self._initial = {
            item.name: _constant(network, site.initial.get(item.name, item.initial), item.type)
            for item in self.program.states
        }

    def initial_states(self, rows: int) -> Values:
        """State arrays [rows, n] of time zero."""
        return {name: self._spread(value, rows).copy() for name, value in self._initial.items()}

    def step(self, inputs: Mapping[str, np.ndarray], states: Values) -> tuple[Values, Values, Values]:
        """One step: new states and emitted values, [rows, n], and every value by name (not all spread)."""
        rows = max((len(value) for value in (*inputs.values(), *states.values())), default=1)
        values = self.execute(inputs, states)
        updated = {
            name: self._spread(fit(self.operand(item, values), self.types[name]), rows)
            for name, item in self.program.updates
        }
        emitted = {item.port: self._spread(self.operand(item.value, values), rows) for item in self.program.emits}
        return updated, emitted, values

    def execute(self, inputs: Mapping[str, np.ndarray], states: Values) -> Values:
        """Every value of one step by name."""
        values: Values = {name: fit(np.asarray(value), self.types[name]) for name, value in inputs.items()}
        values |= states | self.arguments
        for op in self.program.ops:
            values[op.result] = evaluate(op.opcode, [self.operand(item, values) for item in op.operands], op.type)
        return values

    def operand(self, item: Operand, values: Values) -> np.ndarray:
        """The value of an operand: a name, a table or a literal."""
        if isinstance(item, str):
            return values[item]
        return self._tables[item] if isinstance(item, TensorRef) else np.asarray(item)

    def _spread(self, value: np.ndarray, rows: int) -> np.ndarray:
        return np.broadcast_to(value, (rows, self.units))


def _constant(network: Network, argument: Argument, type_: Type) -> np.ndarray:
    if isinstance(argument, TensorRef):
        return fit(np.asarray(network.tensor(argument).values).reshape(-1), type_)
    return fit(np.asarray(argument), type_)


class WeightedSum:
    """The linear part of a projection: what arrives from which delay, through which matrices.

    parts: pairs of a delay (number, or one per presynaptic unit) and the matrices applied in order. Delays per
    synapse give one part for each delay that occurs.
    """

    def __init__(self, network: Network, projection: Projection):
        chain = _matrices(network, projection)
        delays = source_delays(network, projection)
        self.parts: list[tuple[np.ndarray, list[Matrix]]] = [(delays, chain)]
        if delays.ndim == 2:
            dense = _whole(chain)
            self.parts = [(delay, [np.where(delays == delay, dense, 0.0)]) for delay in np.unique(delays)]


def _whole(chain: list[Matrix]) -> np.ndarray:
    """A chain as one dense matrix [post, pre]."""
    whole = chain[0]
    for matrix in chain[1:]:
        whole = matrix @ whole
    return np.asarray(whole) if isinstance(whole, np.ndarray) else whole.toarray()


def through(matrices: list[Matrix], value: np.ndarray) -> np.ndarray:
    """[rows, pre] -> [rows, post]."""
    for matrix in matrices:
        value = np.asarray((matrix @ value.T).T)
    return value


def _matrices(network: Network, projection: Projection) -> list[Matrix]:
    shape, chain = network.shape_of(projection.source), []
    for connection in projection.chain:
        chain.append(connection.matrix(shape, network.tensors).astype(np.float64))
        shape = connection.output_shape(shape, network.tensors)
    return chain


class ProjectionRunner:
    """A projection ready to step: weighted sum, bias, programs before and after."""

    def __init__(self, network: Network, projection: Projection):
        self.network, self.projection = network, projection
        self.sum = WeightedSum(network, projection)
        self.bias = None if projection.bias is None else network.real(projection.bias)
        first = int(source_delays(network, projection).min())
        self.bias_start = first if projection.bias_start is None else projection.bias_start
        sizes = {"pre": network.size_of(projection.source), "post": network.size_of(projection.target)}
        sizes["synapse"] = sizes["pre"] * sizes["post"]
        self.sites = {name: SiteRunner(network, site, sizes[name]) for name, site in projection.sites()}
        if "pre" in self.sites and len(self.sum.parts) > 1:
            raise fail(E122, "a program per presynaptic unit behind delays per synapse", projection.name)

    def by_synapse(self, arriving: list[np.ndarray]) -> np.ndarray:
        """What arrives at every synapse, [rows, post * pre], from what arrives from each delay."""
        delays = source_delays(self.network, self.projection)
        post = self.network.size_of(self.projection.target)
        value = np.repeat(arriving[0][:, None], post, axis=1)
        if delays.ndim == 2:
            for (delay, _), rows in zip(self.sum.parts, arriving, strict=True):
                value = np.where(delays == delay, rows[:, None], value)
        return value.reshape(len(value), -1)

    def weigh_with(self, weights: np.ndarray, values: np.ndarray) -> np.ndarray:
        """The sum with weights of the moment: both [rows, post * pre] -> [rows, post]."""
        return (weights * values).reshape(len(values), self.network.size_of(self.projection.target), -1).sum(-1)

    def weigh(self, arriving: list[np.ndarray], biased: np.ndarray | bool) -> np.ndarray:
        """Chain and bias of what arrives from each delay; biased: whether the bias is there, per row."""
        total = sum((through(chain, value) for (_, chain), value in zip(self.sum.parts, arriving, strict=True)),
                    np.float64(0.0))
        if self.bias is not None:
            total = total + np.where(np.reshape(biased, (-1, 1)), self.bias, 0.0)
        return np.asarray(total)

    def magnitude(self, arriving: list[np.ndarray], biased: np.ndarray | bool) -> np.ndarray:
        """The sum of the absolute summands: |chain| of absolute values, and |bias|."""
        parts = zip(self.sum.parts, arriving, strict=True)
        total = sum((through([abs(matrix) for matrix in chain], value) for (_, chain), value in parts), np.float64(0.0))
        if self.bias is not None:
            total = total + np.where(np.reshape(biased, (-1, 1)), np.abs(self.bias), 0.0)
        return np.asarray(total)


def through_site(runner: SiteRunner, value: np.ndarray, states: Values) -> tuple[Values, np.ndarray, Values]:
    """A value through a program with one input and one emitted port: new states, result, every value."""
    program = runner.program
    updated, emitted, values = runner.step({program.inputs[0].name: value}, states)
    return updated, emitted[program.emits[0].port], values
