"""Gives a chip that delivers late the time it needs, without changing what the network computes.

Rewrite: every delay d of an edge s -> t becomes d + skew(t) - skew(s), at least the chip's delivery delay,
and every population stays frozen for its own skew of steps; skews are the least that do (longest paths).
  before  population %a skew=0, %b skew=0; projection %a -> %b delay=0
  after   population %a skew=1, %b skew=2; projection %a -> %b delay=1     (delivery delay 1, an input before %a)
A bias keeps its start in source steps, written out before the delays change. Inputs have skew 0; what
they inject is delivered like any spike.

Levels: fixed. Preserves: every state, output and history in source time, bit for bit; shapes and programs.
Source: C. Leiserson, J. Saxe, Retiming synchronous circuitry, Algorithmica 6, 1991, section 4; skews as in
`semantics.md` 6.
"""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np

from compiler.diagnostics import declare, fail
from compiler.formats import smallest_format, storage_dtype
from compiler.ir.network import Network, Projection, Tensor
from compiler.ir.program import TensorRef
from compiler.results.results import source_delays

LEVELS = ("fixed",)

E420 = declare("E420", "a cycle has less delay than its hops need on the chip")


def run(network: Network, options) -> Network:
    """Retime for `options.chip`; without a chip nothing changes. Errors: E420 for a cycle that is too fast."""
    if options.chip is None:
        return network
    skews = least_skews(network, options.chip.delivery_delay)
    retimed = network.copy()
    for population in network.populations:
        retimed.add(replace(population, skew=population.skew + skews[population.name]))
    for projection in network.projections:
        started = replace(projection, bias_start=_bias_start(network, projection))
        _shift(retimed, started, skews[projection.target] - skews[projection.source])
    _drop_unused(retimed, {item.delay.name for item in network.projections if isinstance(item.delay, TensorRef)})
    return retimed


def least_skews(network: Network, delivery: int) -> dict[str, int]:
    """The least start skews under which every edge has at least `delivery` steps. Errors: E420."""
    constraints = nx.DiGraph()
    constraints.add_nodes_from(item.name for item in (*network.inputs, *network.populations))
    for item in network.projections:
        need = delivery - int(network.delays(item).min())
        hop = (item.source, item.target)
        if hop not in constraints.edges or constraints.edges[hop]["need"] < need:
            constraints.add_edge(*hop, need=need, projection=item.name)
    skews = dict.fromkeys(constraints.nodes, 0)
    before: dict[str, str] = {}
    for _ in range(len(skews) + 1):
        late = _relax(constraints, skews, before)
        if late is None:
            return skews
    raise _too_fast(constraints, _cycle_from(before, late), delivery)


def _relax(constraints: nx.DiGraph, skews: dict[str, int], before: dict[str, str]) -> str | None:
    """One Bellman-Ford sweep; a node that still moved, None at the fixed point."""
    moved = None
    for source, target, need in constraints.edges(data="need"):
        if skews[source] + need > skews[target]:
            skews[target] = skews[source] + need
            before[target] = source
            moved = target
    return moved


def _cycle_from(before: dict[str, str], node: str) -> list[str]:
    """The cycle among predecessors that keeps pushing a node: each one feeds the next."""
    for _ in range(len(before)):
        node = before[node]
    cycle = [node]
    while before[cycle[-1]] != node:
        cycle.append(before[cycle[-1]])
    cycle.reverse()
    first = cycle.index(min(cycle))
    return cycle[first:] + cycle[:first]


def _too_fast(constraints: nx.DiGraph, cycle: list[str], delivery: int):
    hops = list(zip(cycle, cycle[1:] + cycle[:1], strict=True))
    delay = sum(delivery - constraints.edges[hop]["need"] for hop in hops)
    missing = len(hops) * delivery - delay
    path = " -> ".join(f"%{name}" for name in [*cycle, cycle[0]])
    names = ", ".join(constraints.edges[hop]["projection"] for hop in hops)
    return fail(
        E420,
        f"the cycle {path} is faster than the chip delivers",
        names,
        found=f"delay {delay} over {len(hops)} hops",
        expected=f"at least {len(hops) * delivery}",
        hint=f"add {missing} steps of delay to one of its projections, or take another chip",
    )


def _bias_start(network: Network, projection: Projection) -> int | None:
    """Where the bias starts in source steps, said before the delays change."""
    if projection.bias is None or projection.bias_start is not None:
        return projection.bias_start
    return int(source_delays(network, projection).min())


def _shift(network: Network, projection: Projection, steps: int) -> None:
    delay = projection.delay
    if not isinstance(delay, TensorRef):
        network.add(replace(projection, delay=delay + steps))
    elif steps:
        network.add(replace(projection, delay=_shifted_tensor(network, delay.name, steps)))
    else:
        network.add(projection)


def _shifted_tensor(network: Network, name: str, steps: int) -> TensorRef:
    """A delay tensor with steps added, under a name of its own; the original may serve other projections."""
    shifted = network.tensors[name].data.astype(np.int64) + steps
    type_ = smallest_format(int(shifted.min()), int(shifted.max()))
    made = Tensor(type_, shifted.astype(storage_dtype(type_)))
    fresh = f"{name}.after{steps}" if steps > 0 else f"{name}.before{-steps}"
    while network.tensors.get(fresh, made) != made:
        fresh += "_"
    network.tensors[fresh] = made
    return TensorRef(fresh)


def _drop_unused(network: Network, candidates: set[str]) -> None:
    """Remove old delay tensors that nothing names any more."""
    used = {item.delay.name for item in network.projections if isinstance(item.delay, TensorRef)}
    for name in candidates - used - _other_references(network):
        del network.tensors[name]


def _other_references(network: Network) -> set[str]:
    names = {name for _, site, _ in network.sites() for name in site.references()}
    for item in network.projections:
        names |= {name for connection in item.chain for name in connection.references()}
        names |= {item.bias.name} if isinstance(item.bias, TensorRef) else set()
    operands = (use for program in network.programs.values() for use in program.uses())
    return names | {use.name for use in operands if isinstance(use, TensorRef)}
