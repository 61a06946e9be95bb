"""Moves a constant factor on an input into the weights that feed it.

Rewrite: an input that is used only through `select` with 0, negation and one product with a parameter or a
number g -> the same without the product, and g * weights, g * bias, g * initial states of the filters behind them.
  before  %x = select ready, current, 0.0   %y = mul gain, %x      weights W of every projection into current
  after   %x = select ready, current, 0.0   (%y is %x)             weights gain * W

The filters between must let the factor pass: linear ones any factor, homogeneous ones a positive factor per
unit (decided over their operations); otherwise the factor stays where it is. A factor at the input of a filter
goes into its own projection. So one integer scale per channel is left for quantizing (numerics.md, order of
steps 2).

Levels: model. Preserves: states and emitted ports of populations, to rounding. The recorded sum of an input
port, and the states of filters in front of it, come out multiplied by g.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from compiler.analysis.homogeneity import infer
from compiler.analysis.linearity import is_linear
from compiler.formats import F64, FloatType
from compiler.ir.connections.base import Connection
from compiler.ir.connections.dense import Dense
from compiler.ir.connections.one_to_one import OneToOne
from compiler.ir.connections.sparse import Sparse
from compiler.ir.network import Network, Projection, Tensor
from compiler.ir.program import Argument, Operand, Program, Site, TensorRef
from compiler.ir.rewrite import (
    fresh_name,
    map_sites,
    prune_arguments,
    resolve,
    share_programs,
    sites_of,
    substituted,
    without_unused,
)
from compiler.options import Options

LEVELS = ("model",)


def run(network: Network, options: Options) -> Network:
    """The network with gains in its weights."""
    folded = network.copy()
    waiting = list(network.programs)
    while waiting:
        waiting += _fold_one(folded, waiting.pop())
    prune_arguments(folded)
    share_programs(folded)
    return folded


@dataclass(frozen=True)
class _Gain:
    """A factor at an input port; products: result of each product that applies it -> the other operand."""

    port: str
    factor: Operand
    products: dict[str, Operand]

    def of(self, network: Network, site: Site) -> np.ndarray:
        """The factor of a site: a number, or one value per unit."""
        return network.real(site.arguments[self.factor] if isinstance(self.factor, str) else self.factor)


def _fold_one(network: Network, name: str) -> list[str]:
    """Fold one gain of a program at every site that lets it; the programs to look at again."""
    program = network.programs[name]
    for item in program.inputs:
        gain = _gain_of(program, item.name)
        sites = {} if gain is None else dict(_foldable(network, name, gain))
        if gain is not None and sites:
            for site, (factor, projections) in sites.items():
                for projection in projections:
                    _scale(network, projection, factor, through_filter=not site.endswith(".post"))
            return [_without(network, program, gain, set(sites))]
    return []


# -- finding --------------------------------------------------------------------------------------------------------


def _gain_of(program: Program, port: str) -> _Gain | None:
    """The factor that every use of an input ends in, None where there is no single one."""
    constants = {item.name for item in program.params}
    path: set[str] = {port}
    products: dict[str, Operand] = {}
    factors: set[Operand] = set()
    for op in program.ops:
        carried = [item for item in op.names if item in path]
        if not carried:
            continue
        rest = [item for item in op.operands if item not in path]
        gated = op.opcode == "select" and op.operands[0] not in path
        if op.opcode == "neg" or gated and all(item in path or item == 0 for item in op.operands[1:]):
            path.add(op.result)
        elif op.opcode == "mul" and len(rest) == 1 and (not isinstance(rest[0], str) or rest[0] in constants):
            products[op.result] = carried[0]
            factors.add(rest[0])
        else:
            return None
    results = {value for _, value in program.updates} | {item.value for item in program.emits}
    if len(factors) != 1 or path & results:
        return None
    factor = factors.pop()
    return None if isinstance(factor, bool | TensorRef) else _Gain(port, factor, products)


def _foldable(network: Network, program: str, gain: _Gain) -> Iterator[tuple[str, tuple[np.ndarray, list[Projection]]]]:
    """Sites whose incoming projections can take the factor, with it and them."""
    for name, site, _ in sites_of(network, program):
        factor = gain.of(network, site)
        if name.endswith(".post"):
            projection = network.projection(name.removesuffix(".post"))
            if projection.synapse is None:
                yield name, (factor, [projection])
        elif name in network.graph:
            projections = [item for item in network.into(name) if item.target_port == gain.port]
            if all(_lets_pass(network, item, factor) for item in projections):
                yield name, (factor, projections)


def _lets_pass(network: Network, projection: Projection, factor: np.ndarray) -> bool:
    """Whether a factor on the result of a projection may stand on its weighted sum instead."""
    if projection.synapse is not None:
        return False  # The factor is no part of weights that are learned.
    if projection.post is None:
        return True
    program = network.programs[projection.post.program]
    if is_linear(program):
        return True
    degrees = infer(program, {item.name for item in program.inputs})
    if degrees is None or not (factor > 0).all():
        return False
    emitted = [degrees.names.get(str(item.value), 0) for item in program.emits]
    constants = [degrees.names[item.name] for item in program.params] + list(degrees.literals.values())
    return all(emitted) and not any(constants)


# -- rewriting ------------------------------------------------------------------------------------------------------


def _without(network: Network, program: Program, gain: _Gain, sites: set[str]) -> str:
    """The program without its products, for these sites; the name it has then."""
    ops = [replace(op, operands=tuple(resolve(item, gain.products) for item in op.operands))
           for op in program.ops if op.result not in gain.products]
    everywhere = len(sites) == len(sites_of(network, program.name))
    name = program.name if everywhere else fresh_name(program.name, network.programs)
    network.programs[name] = replace(without_unused(substituted(program, ops, gain.products)), name=name)
    map_sites(network, lambda key, site, _: replace(site, program=name) if key in sites else site)
    return name


def _scale(network: Network, projection: Projection, factor: np.ndarray, through_filter: bool) -> None:
    """Multiply weights and bias, and, where the factor comes through its filter, the filter's initial states."""
    projection = network.projection(projection.name)
    post = projection.post
    if post is not None and through_filter:
        post = _scaled_site(network, projection, post, factor)
    bias = projection.bias
    if bias is not None:
        bias = _number_or_tensor(network, f"{projection.name}.bias", network.real(bias) * factor)
    network.add(replace(projection, chain=_scaled_chain(network, projection, factor), bias=bias, post=post))


def _scaled_site(network: Network, projection: Projection, site: Site, factor: np.ndarray) -> Site:
    program = network.programs[site.program]
    degrees = infer(program, {item.name for item in program.inputs})
    initial: dict[str, Argument] = dict(site.initial)
    for state in program.states:
        grows = degrees is None or degrees.names[state.name] == 1
        start = network.real(site.initial.get(state.name, state.initial))
        if grows and isinstance(state.type, FloatType) and start.any():
            name = f"{projection.name}.post.{state.name}.initial"
            initial[state.name] = _number_or_tensor(network, name, start * factor)
    return replace(site, initial=initial)


def _number_or_tensor(network: Network, name: str, value: np.ndarray) -> float | TensorRef:
    if (value == value.flat[0]).all():
        return float(value.flat[0])
    network.tensors[name] = Tensor(F64, np.ascontiguousarray(value.reshape(-1), np.float64))
    return TensorRef(name)


def _scaled_chain(network: Network, projection: Projection, factor: np.ndarray) -> tuple[Connection, ...]:
    """The chain times a number (into any weights), or times one value per postsynaptic unit (into the last ones)."""
    chain = list(projection.chain)
    if (factor == factor.flat[0]).all():
        weighted = [index for index, item in enumerate(chain) if item.weights is not None]
        if weighted:
            index = weighted[-1]
            chain[index] = _with_weights(network, projection, chain[index], factor.flat[0])
            return tuple(chain)
    rows = np.broadcast_to(factor, (network.size_of(projection.target),))
    per_weight = _per_weight(network, chain[-1], rows)
    if per_weight is None:
        name = fresh_name(f"{projection.name}.gain", network.tensors)
        network.tensors[name] = Tensor(F64, np.array(rows, np.float64))
        return (*chain, OneToOne(TensorRef(name)))
    return (*chain[:-1], _with_weights(network, projection, chain[-1], per_weight))


def _per_weight(network: Network, connection: Connection, rows: np.ndarray) -> np.ndarray | None:
    """A factor for each weight from one for each postsynaptic unit."""
    if isinstance(connection, Dense):
        return rows[:, None]
    if isinstance(connection, OneToOne):
        return rows.reshape(network.tensor(connection.weight).data.shape)
    if isinstance(connection, Sparse):
        return np.repeat(rows, np.diff(network.tensor(connection.starts).data))
    return None


def _with_weights(network: Network, projection: Projection, connection: Connection, factor) -> Connection:
    """The connection with scaled weights, under their own name unless another projection uses them too."""
    reference = connection.weights
    assert reference is not None
    tensor = network.tensor(reference)
    users = sum(reference.name in item.references() for other in network.projections for item in other.chain)
    name = reference.name if users == 1 else fresh_name(f"{projection.name}.weight", network.tensors)
    network.tensors[name] = Tensor(F64, np.ascontiguousarray(tensor.values * factor, np.float64))
    return replace(connection, weight=TensorRef(name))  # pyright: ignore[reportCallIssue]
