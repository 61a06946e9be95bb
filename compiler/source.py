"""Sources: the files that a compile starts from, whatever language they are in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from compiler import discovery
from compiler.diagnostics import Place, declare, fail
from compiler.ir.network import Network
from compiler.results.results import Result
from compiler.source_options import SourceOptions

if TYPE_CHECKING:
    from compiler.frontends.lowered import Lowered
    from spark.core.module import SparkModule

E101 = declare("E101", "a source file is missing or cannot be read")
E102 = declare("E102", "no frontend reads files of this ending")

RANDOM = "random stimulus"


@dataclass(frozen=True)
class Source:
    """A source, read and lowered.

    path, name: the file and the object in it. digest: SHA-256 of the file. precision: of the floating-point
    reference. module: the spark module, None where the source is a network itself. calibration: inputs by name
    [B, T, n], None where the source brings none. data: gives the arrays `input` and `label` to compare on, or None.
    notes: what was assumed in reading it, line by line. quantization: a file of decisions that a compile holds.
    fixed: the network at `fixed` level where the source brings its integers along, else they are found by quantizing.
    """

    path: Path
    name: str
    digest: str
    lowered: Lowered
    precision: str = "float64"
    module: SparkModule | None = None
    calibration: Mapping[str, np.ndarray] | None = None
    data: Callable[[], Mapping[str, np.ndarray] | None] = lambda: None
    notes: tuple[str, ...] = ()
    quantization: Path | None = None
    fixed: Network | None = None

    @property
    def network(self) -> Network:
        """The network at the `model` level, as the frontend gave it."""
        return self.lowered.network

    def lower(self) -> Network:
        """The network at the `model` level, as the frontend gave it."""
        return self.lowered.network

    @property
    def calibration_origin(self) -> str:
        """Where a compile takes its calibration data from, if it is given none."""
        return RANDOM if self.calibration is None else f"{self.path.name}:calibration"

    def run(self, inputs: Mapping[str, np.ndarray], state: Mapping[str, np.ndarray] | None = None,
            record: Iterable[str] = ()) -> Result:
        """The floating-point reference: the module itself in `precision`, a network in the float interpreter.

        inputs: by name [B, T, n]. Returns float64 arrays [B, T, n] and a state that this source continues from.
        """
        from compiler import float_engine, interpreter

        if self.module is None:
            return interpreter.run(self.network, inputs, state, record)
        return float_engine.run(self.module, self.lowered, inputs, state, record, self.precision)


def load_source(spec: str | Path, **options: object) -> Source:
    """Read `file.py[:name]` or another language's file; the ending chooses the frontend.

    options: fields of SourceOptions. Errors: E101 missing file, E102 unknown ending, and what the frontend finds.
    """
    path, name = split_spec(str(spec))
    frontends = {module.SUFFIX: module for module in discovery.modules("compiler.frontends").values()
                 if hasattr(module, "SUFFIX")}
    if path.suffix not in frontends:
        raise fail(E102, "no frontend reads this file", Place(file=str(path)), found=path.suffix or "no ending",
                   expected=f"a file ending in {', '.join(sorted(frontends))}")
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise fail(E101, "the source cannot be read", Place(file=str(path)), found=found, expected="a file",
                   hint=_near(path))
    return frontends[path.suffix].load(path, name, SourceOptions(**options))  # pyright: ignore[reportArgumentType]


def split_spec(spec: str) -> tuple[Path, str]:
    """Path and object name of `file.py:name`; the name is '' where none is given.

    >>> split_spec("nets/digits.py:small")
    (PosixPath('nets/digits.py'), 'small')
    """
    head, _, name = spec.rpartition(":")
    return (Path(head), name) if head and name.isidentifier() else (Path(spec), "")


def _near(path: Path) -> str:
    """Files of the same ending beside the missing one."""
    folder = path.parent
    beside = sorted(item.name for item in folder.glob(f"*{path.suffix}"))[:5] if folder.is_dir() else []
    return f"there is {', '.join(beside)}" if beside else f"look at the folder {folder}"


def read_bytes(path: Path) -> bytes:
    """The bytes of a source file. Errors: E101."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise fail(E101, "the source cannot be read", Place(file=str(path)), found=error.strerror or str(error),
                   expected="a readable file") from error


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
