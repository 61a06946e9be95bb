"""Networks as NIR: the plain graph that every reader knows, and the side file with what NIR cannot say."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nir

from compiler.files import replacing
from compiler.ir.network import Network, PortKind
from compiler.nir import from_modules, from_network
from compiler.nir.draft import Draft
from compiler.nir.side_file import Side, content, side_path
from compiler.options import Options
from compiler.pipeline import lowered
from compiler.source import Source
from compiler.unmapping import unmapped


@dataclass(frozen=True)
class Export:
    """A NIR graph and its side file.

    network: whose formats and scales the side file tells. remarks: what readers of the graph should know.
    """

    graph: nir.NIRGraph
    side: Side
    network: Network
    remarks: tuple[str, ...]


def export_source(source: Source, options: Options) -> Export:
    """A source at model level. A brain of NIR's own primitives comes out node by node.

    Errors: E190 for everything that NIR has no node for.
    """
    module = source.module
    if module is not None and from_modules.consists_of_primitives(module):
        return _export(from_modules.draft_of(module), source.network, False)  # pyright: ignore[reportArgumentType]
    return _export(from_network.draft_of(lowered(source, options)), source.network, True)


def export_network(network: Network) -> Export:
    """A network at level fixed or mapped, in physical units; as it was before it was mapped. Errors: E190."""
    plain = unmapped(network)
    return _export(from_network.draft_of(plain), plain, True)


def _export(draft: Draft, network: Network, kept: bool) -> Export:
    """kept: the network goes into the side file, as the graph gives it back only up to rounding."""
    graph = draft.finished()
    inputs = {item.name: spoken(item.port) for item in network.inputs}
    outputs = {item.name: item.readout for item in network.outputs}
    losses = tuple(_losses(draft, network, inputs, outputs))
    side = Side(network.level, network.dt, draft.resets, draft.delays, inputs, outputs, losses,
                network if kept else None)
    return Export(graph, side, network, tuple(draft.notes))


def spoken(port: PortKind) -> str:
    """What an input carries, in the words of `--input-kind`."""
    return f"events:{port.maximum}" if port.kind == "events" else port.kind


def _losses(draft: Draft, network: Network, inputs: dict[str, str], outputs: dict[str, str]) -> Iterator[str]:
    """What is told in the side file only."""
    yield f"the time step, {network.dt:g} ms: readers must be told"
    by_subtraction = sorted(name for name, how in draft.resets.items() if how == "subtraction")
    if by_subtraction:
        yield f"reset by subtraction, of {', '.join(by_subtraction)}: NIR resets to v_reset"
    if network.level == "fixed":
        yield "number formats, rounding and overflow: weights and constants are the values that the integers stand for"
    kinds = [f"{name} carries {kind}" for name, kind in inputs.items() if kind != "spikes"]
    if kinds:
        yield f"what inputs carry: {', '.join(kinds)}"
    readouts = [f"{name} by {readout}" for name, readout in outputs.items() if readout]
    if readouts:
        yield f"how classes are read: {', '.join(readouts)}"


# -- writing ----------------------------------------------------------------------------------------------------------


def write(export: Export, path: Path, side: bool = True) -> list[Path]:
    """Write the graph, and its side file unless told not to; the paths written. Errors: E154.

    Equal exports give equal bytes. Without a side file, one that an earlier export left is removed: it would lie about
    this graph.
    """
    graph_bytes = graph_content(export.graph)
    with replacing(path) as temporary:
        temporary.write_bytes(graph_bytes)
    beside = side_path(path)
    if not side:
        beside.unlink(missing_ok=True)
        return [path]
    with replacing(beside) as temporary:
        temporary.write_bytes(content(export.side, export.network, path, graph_bytes))
    return [path, beside]


def graph_content(graph: nir.NIRGraph) -> bytes:
    """The bytes of a NIR file."""
    stream = io.BytesIO()
    nir.write(stream, graph)  # pyright: ignore[reportArgumentType]  # any binary stream will do
    return stream.getvalue()
