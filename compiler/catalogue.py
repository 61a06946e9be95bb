"""What there is: neurons, passes, targets, chips, error codes; found by file, never listed by hand.

`sparkc list` prints it, the documentation is generated from it.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from compiler import chips as chip_files
from compiler import discovery
from compiler.diagnostics import CODES

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Entry:
    """One thing there is: name, one sentence, the file it lives in (relative to the packages), details in columns."""

    name: str
    summary: str
    file: str
    details: dict[str, str]

    def as_json(self) -> dict[str, object]:
        return {"name": self.name, "summary": self.summary, "file": self.file, "details": self.details}


def neurons() -> list[Entry]:
    """Every neuron of spark that can be built."""
    registry = importlib.import_module("spark.core.registry")
    return [_documented(name, kind, {}) for name, kind in sorted(registry.neurons().items())]


def passes() -> list[Entry]:
    """Every pass, with the levels it works on, in name order."""
    return [
        _documented(name, module, {"levels": ", ".join(getattr(module, "LEVELS", ()))})
        for name, module in discovery.passes().items()
    ]


def targets() -> list[Entry]:
    """Every target family, with the engine its artifacts run as."""
    return [_documented(name, module, {"engine": module.ENGINE}) for name, module in discovery.targets().items()]


def chips() -> list[Entry]:
    """Every chip of every family."""
    found = []
    for name, path in discovery.chip_files().items():
        chip = chip_files.load(name)
        size = f"{chip.width} x {chip.height}"
        details = {"family": chip.family, "cores": size, "neurons per core": str(chip.neurons)}
        found.append(Entry(name, chip.description, _relative(path), details))
    return found


def errors() -> list[Entry]:
    """Every diagnostic code with its meaning. Imports every module: codes are declared beside the checks."""
    for package in ("compiler", "targets"):
        for item in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            importlib.import_module(item.name)
    return [Entry(code, meaning, "", {}) for code, meaning in sorted(CODES.items())]


KINDS: dict[str, Callable[[], list[Entry]]] = {
    "neurons": neurons,
    "passes": passes,
    "targets": targets,
    "chips": chips,
    "errors": errors,
}


def _documented(name: str, item: object, details: dict[str, str]) -> Entry:
    """An entry whose summary is the first sentence of a docstring."""
    text = inspect.getdoc(item) or ""
    summary = " ".join(text.split("\n\n")[0].split())
    return Entry(name, summary, _relative(Path(inspect.getfile(item))), details)  # pyright: ignore[reportArgumentType]


def _relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
