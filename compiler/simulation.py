"""What `simulate` runs: an artifact on one of its engines, or a source as it stands."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from compiler import artifact, npz
from compiler.artifact import Artifact
from compiler.diagnostics import Place, declare, fail
from compiler.ir.network import Network
from compiler.pipeline import Progress, compile_source
from compiler.results import archive
from compiler.results.recording import Engine
from compiler.settings import Settings

if TYPE_CHECKING:
    from compiler.source import Source

E185 = declare("E185", "an artifact holds integers only")

INTEGER_ENGINES = ("program", "reference", "cores")
ENGINES = ("float", *INTEGER_ENGINES)


@dataclass(frozen=True)
class Subject:
    """Something that runs. network: whose ports, records and formats its arrays have."""

    name: str
    engine: str
    network: Network
    run: Engine
    read_state: Callable[[Path, int], Mapping[str, np.ndarray]]


def open_subject(
    stack: ExitStack, spec: str, engine: str | None, settings: Settings,
    progress: Progress = lambda stage, fraction: None,
) -> Subject:
    """An artifact's folder (engine `program` unless named) or a source (engine `float` unless named).

    A source on an integer engine is compiled into a temporary folder that `stack` removes.
    Errors: E185, those of `artifact.read` and of a compile.
    """
    folder = Path(spec)
    if artifact.is_artifact(folder):
        if engine == "float":
            raise fail(E185, "an artifact holds integers only", Place(file=spec), found="--engine float",
                       expected=", ".join(INTEGER_ENGINES), hint="simulate the source instead")
        return of_artifact(artifact.read(folder), engine or "program")
    source = settings.load(spec)
    if engine in (None, "float"):
        return of_source(source)
    compilation = compile_source(source, settings.options(source), settings.target, progress, checked=False)
    temporary = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sparkc-")))
    artifact.write_files(compilation.files, temporary)
    return of_artifact(artifact.opened(temporary, {}, compilation), engine)


def of_artifact(opened: Artifact, engine: str) -> Subject:
    """An artifact on `program`, `reference` or `cores`. Errors: E507."""
    runner = artifact.engine_of(opened.folder, opened.network, engine)
    return Subject(opened.folder.name, engine, opened.network, runner,
                   lambda path, batch: archive.read_state(path, opened.network, batch))


def of_source(source: Source) -> Subject:
    """A source in floating point: its module as it stands, or the float interpreter where it has none."""
    network = source.network

    def read_state(path: Path, batch: int) -> Mapping[str, np.ndarray]:
        return npz.read(path) if source.module is not None else archive.read_state(path, network, batch)

    return Subject(source.path.name, "float", network, source.run, read_state)
