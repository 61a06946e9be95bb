"""A network of the IR, at any level, as a NIR graph: populations and filters recognised, links spelled out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import nir
import numpy as np

from compiler.diagnostics import Diagnostic, DiagnosticError
from compiler.ir.connections.conv1d import Conv1d
from compiler.ir.connections.conv2d import Conv2d
from compiler.ir.connections.identity import Identity
from compiler.ir.connections.one_to_one import OneToOne
from compiler.ir.connections.sum_pool2d import SumPool2d
from compiler.ir.network import Network, Population, Projection
from compiler.ir.program import Site
from compiler.nir.draft import Draft, Shape, seconds, spread
from compiler.nir.from_projections import Way
from compiler.nir.primitives import TIMES, milliseconds
from compiler.nir.reading import Reading
from compiler.nir.recognition import Dynamics, dynamics_of


def draft_of(network: Network) -> Draft:
    """The graph of a network, in physical units. Errors: E190 for everything that NIR has no node for, at once."""
    drawing = Drawing(network)
    drawing.run()
    if drawing.findings:
        raise DiagnosticError(drawing.findings)
    return drawing.draft


class Drawing:
    """A network being drawn.

    nodes, shapes: of every node of the network, as drawn. filters: of projections that have one of their own.
    resistances: those that weights take over.
    """

    def __init__(self, network: Network):
        self.network, self.draft = network, Draft(network.dt)
        self.findings: list[Diagnostic] = []
        self.nodes: dict[str, str] = {}
        self.shapes: dict[str, Shape] = {item.name: item.shape for item in network.inputs}
        self.filters: dict[str, Dynamics] = {}
        self.resistances: dict[str, np.ndarray] = {}

    def run(self) -> None:
        for item in self.network.inputs:
            self.nodes[item.name] = self.draft.add(item.name, nir.Input({"input": np.array(item.shape)}))
        for item in self.network.populations:
            self._try(lambda item=item: self._population(item))
        for item in self.network.projections:
            if item.target in self.nodes and item.source in self.nodes:
                self._try(lambda item=item: Way(self, item).draw())
        for item in self.network.outputs:
            if item.source in self.nodes:
                shape = self.shapes[item.source]
                name = self.draft.add(item.name, nir.Output({"output": np.array(shape)}))
                self.draft.wire(self.nodes[item.source], name, shape)

    def _try(self, work: Any) -> None:
        try:
            work()
        except DiagnosticError as error:
            self.findings += error.diagnostics

    # -- populations --------------------------------------------------------------------------------------------------

    def _population(self, item: Population) -> None:
        ports = {other.source_port for other in self.network.out_of(item.name)}
        ports |= {output.port for output in self.network.outputs if output.source == item.name}
        dynamics = dynamics_of(self.network, item.name, item.site, ports)
        common = self._common_filter(item.name, dynamics.kind)
        if common is not None:
            # One filter in front of every weighted sum is a synaptic current: a leaky membrane becomes current-based.
            fields = {**dynamics.fields, "tau_mem": dynamics.fields["tau"], **common}
            dynamics = Dynamics(f"Cuba{dynamics.kind}", {k: v for k, v in fields.items() if k != "tau"}, dynamics.reset)
        if "r" in dynamics.fields and "tau_syn" not in dynamics.fields:
            dynamics = self._without_resistance(item, dynamics)
        self.shapes[item.name] = self._drawn_shape(item)
        self.nodes[item.name] = self.node(item.name, dynamics, self.shapes[item.name])
        if dynamics.reset:
            self.draft.resets[self.nodes[item.name]] = dynamics.reset

    def _without_resistance(self, item: Population, dynamics: Dynamics) -> Dynamics:
        """The resistance in the weights where all of them can take it: not every reader minds it in a neuron."""
        resistance, into = dynamics.fields["r"], self.network.into(item.name)
        if not all(other.post is None and Way(self, other).is_scalable(
                resistance * self.scale_of(item.name, other.target_port)) for other in into):
            return dynamics
        self.resistances[item.name] = resistance
        return replace(dynamics, fields={**dynamics.fields, "r": np.ones(())})

    def _drawn_shape(self, item: Population) -> Shape:
        """Flat behind a matrix: NIR has no way back from a vector to several axes."""
        kinds = (Identity, OneToOne, SumPool2d, Conv1d, Conv2d)
        into = self.network.into(item.name)
        return item.shape if all(isinstance(other.chain[-1], kinds) for other in into) else (item.size,)

    def _common_filter(self, name: str, kind: str) -> dict[str, np.ndarray] | None:
        """Fields of the synaptic current that all projections into a population share."""
        into = self.network.into(name)
        posts = {item.name: self.filter(item, "post") for item in into if item.post is not None}
        found = list(posts.values())
        same = found and all(other.kind == "LI" and _equal(other.fields, found[0].fields) for other in found)
        if not same or len(found) < len(into) or kind not in ("LI", "LIF") or np.any(found[0].fields["v_leak"]):
            self.filters |= posts
            return None
        return {"tau_syn": found[0].fields["tau"], "w_in": found[0].fields["r"]}

    def filter(self, item: Projection, side: str) -> Dynamics:
        site: Site = getattr(item, side)
        return dynamics_of(self.network, f"{item.name}.{side}", site, set())

    def node(self, wish: str, dynamics: Dynamics, shape: Shape) -> str:
        """Add the node of a primitive."""
        if dynamics.kind == "Relay":
            return self.draft.add(wish, nir.Scale(spread(dynamics.fields["scale"], shape)))
        reading = Reading(dt=self.network.dt)
        fields = {name: seconds(value, reading.dt, lambda tau: milliseconds(tau, reading)) if name in TIMES else value
                  for name, value in dynamics.fields.items()}
        return self.draft.add(wish, getattr(nir, dynamics.kind)(**{k: spread(v, shape) for k, v in fields.items()}))

    def scale_of(self, name: str, port: str) -> np.ndarray:
        """What one unit of a port of a node is physically: a number or one for each unit."""
        item = self.network.node(name)
        if not isinstance(item, Population) or item.site.scale is None or port not in item.site.scaled:
            return np.ones(())
        return self.network.real(item.site.scale)


def _equal(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(bool(np.all(one[k] == other[k])) for k in one)
