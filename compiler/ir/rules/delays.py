"""Rules of delays: whole steps, one for all, per presynaptic unit or per synapse; no cycle without any."""

from __future__ import annotations

from collections.abc import Iterator

import networkx as nx
import numpy as np

from compiler.diagnostics import Diagnostic, Place, declare
from compiler.ir.network import Network, Projection
from compiler.ir.program import TensorRef
from compiler.ir.rules.base import NUMBERS, TYPES, is_count, projection_place, rule
from compiler.ir.rules.tensors import is_whole
from compiler.results.results import source_delays

E260 = declare("E260", "a cycle of projections without any delay")
E261 = declare("E261", "a delay is not a number of steps")
E262 = declare("E262", "an array of delays does not fit its projection")
E263 = declare("E263", "the start of a bias is not a step")

LONGEST = 4095


@rule("projection", stage=TYPES)
def delays_are_whole_steps(network: Network, projection: Projection) -> Iterator[Diagnostic]:
    if fault := _delay_fault(network, projection):
        yield Diagnostic(E261, f"the delay of %{projection.name} is not a number of steps",
                         projection_place(projection), fault, f"whole steps from 0 to {LONGEST}",
                         f"one step is dt = {network.dt} ms")


def _delay_fault(network: Network, projection: Projection) -> str:
    """The delay that is none; empty where all are sound."""
    delay = projection.delay
    if not isinstance(delay, TensorRef):
        return "" if is_count(delay) and delay <= LONGEST else str(delay)
    if delay.name not in network.tensors:
        return f"no tensor {delay}"
    tensor = network.tensor(delay)
    if not is_whole(tensor) or tensor.data.dtype.kind not in "iu":
        return f"{delay}: {tensor.type}"
    outside = (tensor.data < 0) | (tensor.data > LONGEST)
    return f"{tensor.data[outside][0]} in {delay}" if outside.any() else ""


@rule("projection", stage=TYPES)
def arrays_of_delays_fit_the_projection(network: Network, projection: Projection) -> Iterator[Diagnostic]:
    """A pre program has one value per presynaptic unit, so the delays before it cannot be per synapse."""
    if not isinstance(projection.delay, TensorRef):
        return
    shape = network.tensor(projection.delay).data.shape
    pre, post = network.size_of(projection.source), network.size_of(projection.target)
    allowed = [(pre,)] if projection.pre is not None else [(pre,), (post, pre)]
    if shape not in allowed:
        yield Diagnostic(E262, f"the delays of %{projection.name} have another shape", projection_place(projection),
                         f"{projection.delay}{list(shape)}", " or ".join(str(list(item)) for item in allowed),
                         "a pre program allows delays per presynaptic unit only" if projection.pre else "")


@rule("projection", stage=TYPES)
def biases_start_at_a_step(network: Network, projection: Projection) -> Iterator[Diagnostic]:
    if projection.bias_start is not None and not is_count(projection.bias_start):
        yield Diagnostic(E263, f"the bias of %{projection.name} starts at no step", projection_place(projection),
                         str(projection.bias_start), "a whole number, 0 or more")


@rule("network", stage=NUMBERS)
def every_cycle_has_a_delay(network: Network, _: Network) -> Iterator[Diagnostic]:
    """In source time: what retiming added on the way round adds up to nothing (semantics 3, 6)."""
    instant = nx.DiGraph()
    for item in network.projections:
        if not _delay_fault(network, item) and int(np.min(source_delays(network, item), initial=LONGEST)) == 0:
            instant.add_edge(item.source, item.target, name=item.name)
    for part in sorted(nx.strongly_connected_components(instant), key=min):
        if len(part) == 1 and not instant.has_edge(*part, *part):
            continue
        cycle = nx.find_cycle(instant.subgraph(sorted(part)), min(part))
        names = [instant.edges[edge[:2]]["name"] for edge in cycle]
        path = " -> ".join(f"%{name}" for name in [*(edge[0] for edge in cycle), cycle[0][0]])
        yield Diagnostic(E260, f"the cycle {path} has no delay", Place(path=f"projection %{names[-1]}"),
                         ", ".join(f"%{name} delay=0" for name in names), "a delay of at least 1 in one of them",
                         "values of delay 0 act within the step, so none of these could be computed first")
