"""Runs a generated program from its folder: the engine `program`."""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

import numpy as np

from compiler.results.results import Result

_KEPT = 4
_numbers = itertools.count()
_loaded: OrderedDict[str, ModuleType] = OrderedDict()


def load(folder: Path) -> ModuleType:
    """Import program.py of a folder as a module of its own."""
    path = Path(folder) / "program.py"
    spec = importlib.util.spec_from_file_location(f"generated_program_{next(_numbers)}", path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _recent(folder: Path) -> ModuleType:
    """The module of equal files if it was loaded a short while ago: runs in parts compile once."""
    files = (Path(folder) / name for name in ("program.py", "tensors.npz"))
    key = hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()
    module = _loaded.pop(key, None) or load(folder)
    _loaded[key] = module
    while len(_loaded) > _KEPT:
        _loaded.popitem(last=False)
    return module


def run(
    folder: Path,
    inputs: Mapping[str, np.ndarray],
    state: Mapping[str, np.ndarray] | None = None,
    record: Iterable[str] = (),
) -> Result:
    """Run T steps of raw integers [B, T, n] per input. Returns raw integers, as the golden model does."""
    outputs, records, after = _recent(folder).run(inputs, state, tuple(record))
    parts = ({name: np.asarray(rows) for name, rows in part.items()} for part in (outputs, records, after))
    return Result(*parts)
