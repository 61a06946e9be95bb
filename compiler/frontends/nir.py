"""Sources in NIR: networks that other frameworks trained, `file.nir`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare
from compiler.frontends.lowered import Lowered
from compiler.source import Source, digest, read_bytes
from compiler.source_options import SourceOptions

if TYPE_CHECKING:
    from compiler.nir.side_file import Side

SUFFIX = ".nir"
DECIDED = ("dt", "reset", "recurrent_delay", "recurrent_start", "round_delays", "input_kind", "readout")
"""Options that a network in a side file leaves no room for."""

E194 = declare("E194", "an option asks for something else than the side file of a NIR graph has decided")


def load(path: Path, name: str, options: SourceOptions) -> Source:
    """Read a graph, build a spark module for each of its nodes, and lower them.

    What the file leaves open is taken from options, else from the side file that `sparkc export` wrote, else from
    defaults; `notes` of the source tell every choice. A side file with a network gives that network, bit for bit.
    Errors: E101, E130–E139, E191–E194, and what lowering finds.
    """
    # HDF5 is slow to import, and other frontends do not need it.
    from compiler.nir import importing, side_file

    content, beside = read_bytes(path), side_file.side_path(path)
    side = side_file.read(path, content)
    precision = options.precision or "float64"
    if side is not None:
        content += read_bytes(beside)
        _require_room(side, options, beside)
    if side is not None and side.network is not None and side.level == "model":
        note = f"the network of {beside.name}, which was exported with the graph, dt {side.dt:g} ms"
        return Source(path, name or path.stem, digest(content), Lowered(side.network), precision, notes=(note,))
    found = importing.read(path, options, side)
    notes = [*found.notes]
    if side is not None and side.network is not None:
        notes.append(f"formats, weights and delays are the integers of {beside.name}")
    return Source(path, name or path.stem, digest(content), found.lowered, precision, found.assembly.brain,
                  notes=tuple(notes), fixed=None if side is None else side.network)


def _require_room(side: Side, options: SourceOptions, beside: Path) -> None:
    """Demand that no option contradicts a network in a side file. Errors: E194, all at once."""
    if side.network is None:
        return
    given = [name for name in DECIDED if getattr(options, name) is not None]
    given = [name for name in given if name != "dt" or options.dt != side.dt]
    if given:
        raise DiagnosticError(
            Diagnostic(E194, "the side file has decided this", Place(file=str(beside)),
                       f"--{name.replace('_', '-')} {getattr(options, name)}", "the network as it was exported",
                       f"remove {beside.name} to read the graph anew") for name in given)
