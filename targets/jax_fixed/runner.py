"""Runs a generated program from its folder: the engine `program`."""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

import numpy as np

from compiler.results import Result

_numbers = itertools.count()


def load(folder: Path) -> ModuleType:
    """Import program.py of a folder as a module of its own."""
    path = Path(folder) / "program.py"
    spec = importlib.util.spec_from_file_location(f"generated_program_{next(_numbers)}", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(
    folder: Path,
    inputs: Mapping[str, np.ndarray],
    state: Mapping[str, np.ndarray] | None = None,
    record: Iterable[str] = (),
) -> Result:
    """Run T steps of raw integers [B, T, n] per input. Returns raw integers, as the golden model does."""
    outputs, records, after = load(folder).run(inputs, state, tuple(record))
    parts = ({name: np.asarray(rows) for name, rows in part.items()} for part in (outputs, records, after))
    return Result(*parts)
