"""From a NIR file, or a graph in memory, to a lowered network, with every choice told."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare
from compiler.frontends.lower import lower
from compiler.frontends.lowered import Lowered
from compiler.ir.network import PortKind
from compiler.nir.assembly import Assembly, assemble
from compiler.nir.graph import INPUT, graph_of
from compiler.nir.hdf5 import read_tree
from compiler.nir.primitives import SOMAS, TIMES
from compiler.nir.reading import DT, Reading
from compiler.nir.side_file import Side, side_path
from compiler.source_options import SourceOptions
from spark.nn.components.somas.base import Soma

E139 = declare("E139", "what an input carries is not said in words that are known")

KIND = re.compile(r"(?:(?P<name>[^=,]+)=)?(?P<kind>spikes|signed|current|events:(?P<most>[1-9]\d{0,5}))")
HASTE = 1000
"""Steps within the shortest time constant from which on a time step looks like a mistake."""


@dataclass(frozen=True)
class Import:
    """A NIR graph as modules and as a network. notes: every choice that the file left open, line by line."""

    assembly: Assembly
    lowered: Lowered
    notes: list[str]


def read(path: Path, options: SourceOptions, side: Side | None = None) -> Import:
    """Read a file; what options leave open is taken from its side file. Errors: E130–E139."""
    return import_tree(read_tree(path), str(path), options, side)


def import_tree(tree: Mapping[str, Any], file: str = "", options: SourceOptions | None = None,
                side: Side | None = None) -> Import:
    """Read a graph from `nir.NIRGraph.to_dict()` or from what a file holds."""
    given = options or SourceOptions()
    options = given if side is None else _completed(given, side)
    reading = _reading(options)
    if side is not None and given.reset is None:
        reading = replace(reading, resets=side.resets)
    assembly = assemble(graph_of(tree, file, reading.repair), reading)
    ports = _port_kinds(assembly, options.input_kind)
    lowered = lower(assembly.brain, Path(file).stem or "graph", options.readout or "", ports)
    if side is not None and options.readout is None:
        _read_out(lowered, side)
    notes = [] if side is None else [f"read with {side_path(Path(file)).name}, which was exported with it"]
    return Import(assembly, lowered, [*notes, *_notes(assembly, options, ports)])


def _completed(options: SourceOptions, side: Side) -> SourceOptions:
    """Options with what a side file says where they leave it open."""
    kinds = ",".join(f"{name}={kind}" for name, kind in side.inputs.items())
    return replace(options, dt=side.dt if options.dt is None else options.dt,
                   input_kind=(kinds or None) if options.input_kind is None else options.input_kind)


def _read_out(lowered: Lowered, side: Side) -> None:
    for output in lowered.network.outputs:
        lowered.network.add(replace(output, readout=side.outputs.get(output.name, "")))


def _reading(options: SourceOptions) -> Reading:
    given = {"dt": options.dt, "reset": options.reset, "recurrent_delay": options.recurrent_delay,
             "recurrent_start": options.recurrent_start, "round_delays": options.round_delays,
             "repair": options.repair}
    return Reading(**{name: value for name, value in given.items() if value is not None})


# -- inputs -----------------------------------------------------------------------------------------------------------


def _port_kinds(assembly: Assembly, spoken: str | None) -> dict[str, PortKind]:
    """What every input carries: as told, else spikes, but currents where an input reaches a neuron as it is."""
    names = [assembly.names[node.name] for node in assembly.graph.of_kind(INPUT)]
    kinds = {name: PortKind("current" if _reaches_soma(assembly, name) else "spikes") for name in names}
    return kinds | (_spoken(names, spoken, assembly.graph.file) if spoken else {})


def _reaches_soma(assembly: Assembly, name: str) -> bool:
    brain = assembly.brain
    return any(edge.origin == "__call__" and edge.port == name and isinstance(brain.modules[edge.target], Soma)
               for edge in brain.edges)


def _spoken(names: list[str], text: str, file: str) -> dict[str, PortKind]:
    """`spikes`, or `a=spikes,b=events:15`. Errors: E139."""
    kinds: dict[str, PortKind] = {}
    for word in text.split(","):
        match = KIND.fullmatch(word.strip())
        if match is None or match["name"] not in (None, *names):
            raise DiagnosticError(Diagnostic(
                E139, "what an input carries is not understood", Place(file=file, path="--input-kind"), word,
                "spikes, signed, current or events:MAXIMUM, alone or as NAME=KIND", f"inputs are {', '.join(names)}"))
        kind = PortKind("events", int(match["most"])) if match["most"] else PortKind(match["kind"])
        kinds |= dict.fromkeys([match["name"]] if match["name"] else names, kind)
    return kinds


# -- notes ------------------------------------------------------------------------------------------------------------


def _notes(assembly: Assembly, options: SourceOptions, ports: Mapping[str, PortKind]) -> Iterator[str]:
    reading, graph = assembly.reading, assembly.graph
    yield from (f"repaired {repair}" for repair in graph.repairs)
    assumed = "" if options.dt is not None else ", assumed: the file has no time step (--dt)"
    yield f"time step {reading.dt:g} ms{assumed}"
    yield from _haste(assembly)
    how = {"file": "to v_reset, as the file says", "zero": "to 0", "subtract": "by v_threshold - v_reset"}
    how |= {"file": "as the side file says"} if reading.resets else {}
    assumed = "" if options.reset or reading.resets else " (--reset)"
    if any("v_threshold" in SOMAS[node.kind][1] for node in graph.nodes.values() if node.kind in SOMAS):
        yield f"reset {how[reading.reset]}, in the step of the spike{assumed}"
    for source, target in assembly.feedback:
        start = "empty at first" if reading.recurrent_start == "empty" else "its biases from the first step on"
        yield (f"feedback {source} -> {target}: {reading.recurrent_delay} step"
               f"{'s' if reading.recurrent_delay > 1 else ''} later, {start} (--recurrent-delay, --recurrent-start)")
    for name, port in ports.items():
        maximum = f" up to {port.maximum}" if port.kind == "events" else ""
        yield f"input {name} carries {port.kind}{maximum}{'' if options.input_kind else ', assumed (--input-kind)'}"


def _haste(assembly: Assembly) -> Iterator[str]:
    times = [float(np.min(node.fields[name])) for node in assembly.graph.nodes.values()
             for name in TIMES if name in node.fields and np.size(node.fields[name])]
    steps = min(times, default=0.0) / assembly.reading.seconds
    if steps > HASTE:
        dt = assembly.reading.dt
        yield (f"the time step is {steps:.3g} times shorter than the shortest time constant; was --dt {dt:g}s meant? "
               f"Numbers without a unit are ms, the default is {DT:g}")
