"""Sources in NIR: networks that other frameworks trained, `file.nir`."""

from __future__ import annotations

from pathlib import Path

from compiler.source import Source, SourceOptions, digest, read_bytes

SUFFIX = ".nir"


def load(path: Path, name: str, options: SourceOptions) -> Source:
    """Read a graph, build a spark module for each of its nodes, and lower them.

    What the file leaves open is taken from options, else from the side file that `sparkc export` wrote, else from
    defaults; `notes` of the source tell every choice. Errors: E101, E130–E139, and what lowering finds.
    """
    # HDF5 is slow to import, and other frontends do not need it.
    from compiler.nir import importing

    content = read_bytes(path)
    found = importing.read(path, options)
    return Source(path, name or path.stem, digest(content), found.lowered, options.precision or "float64",
                  found.assembly.brain, notes=tuple(found.notes))
