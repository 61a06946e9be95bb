"""Rules of plastic projections: one dense link whose weights are a state, inputs that the step can deliver."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from compiler.diagnostics import Diagnostic, declare
from compiler.formats import BoolType
from compiler.ir.connections.dense import Dense
from compiler.ir.network import PRE, WEIGHT, Network, Population, Projection
from compiler.ir.program import Program
from compiler.ir.rules.base import NAMES, NUMBERS, listed, projection_place, rule

E218 = declare("E218", "a plastic projection is not made of one dense link, a weight `w` and inputs of the step")


def _plastic(network: Network, projection: Projection) -> Program | None:
    site = projection.synapse
    return None if site is None else network.programs.get(site.program)


@rule("projection", stage=NAMES)
def plastic_weights_are_one_dense_link(network: Network, projection: Projection) -> Iterator[Diagnostic]:
    if projection.synapse is None:
        return
    links = [link.keyword for link in projection.chain]
    if links != [Dense.keyword] or projection.bias is not None:
        found = listed(links) + (" and a bias" if projection.bias is not None else "")
        yield Diagnostic(E218, f"the weights of %{projection.name} cannot change", projection_place(projection), found,
                         "one dense link, no bias")


@rule("projection", stage=NAMES)
def plastic_synapses_have_a_weight_and_known_inputs(network: Network, projection: Projection) -> Iterator[Diagnostic]:
    program, target = _plastic(network, projection), network.node(projection.target)
    if program is None or not isinstance(target, Population) or target.site.program not in network.programs:
        return
    if WEIGHT not in {item.name for item in program.states}:
        yield Diagnostic(E218, f"the synapses of %{projection.name} have no weight", projection_place(projection),
                         listed(item.name for item in program.states), f"a state {WEIGHT}")
    known = {PRE, *(item.port for item in network.programs[target.site.program].emits)}
    for item in program.inputs:
        if item.name not in known:
            yield Diagnostic(E218, f"nothing brings {item.name} to the synapses of %{projection.name}",
                             projection_place(projection), item.name, f"one of {listed(sorted(known))}")


@rule("projection", stage=NUMBERS)
def plastic_weights_start_as_the_link_says(network: Network, projection: Projection) -> Iterator[Diagnostic]:
    program = _plastic(network, projection)
    if program is None or projection.synapse is None or not isinstance(projection.chain[0], Dense):
        return
    state = next(item for item in program.states if item.name == WEIGHT)
    weights = network.tensor(projection.chain[0].weight)
    start = network.real(projection.synapse.initial.get(WEIGHT, state.initial))
    if isinstance(state.type, BoolType) or weights.type != state.type and network.level != "model":
        yield Diagnostic(E218, f"the weights of %{projection.name} have another type than its link",
                         projection_place(projection), str(state.type), str(weights.type))
    elif not np.array_equal(np.broadcast_to(start, weights.data.size), np.asarray(weights.values).reshape(-1)):
        yield Diagnostic(E218, f"the weights of %{projection.name} start at something else than its link",
                         projection_place(projection), expected="the same numbers")
