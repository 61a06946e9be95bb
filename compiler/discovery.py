"""Finds passes, targets, chips and frontends by their files: the file name is the registration."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from pathlib import Path
from types import ModuleType


def modules(package: str) -> dict[str, ModuleType]:
    """Every module or subpackage of a package, by its short name, in name order."""
    root = importlib.import_module(package)
    names = sorted(item.name for item in pkgutil.iter_modules(root.__path__) if not item.name.startswith("_"))
    return {name: importlib.import_module(f"{package}.{name}") for name in names}


def targets() -> dict[str, ModuleType]:
    """Every target family by name: the folders of `targets/`."""
    return modules("targets")


def target(name: str) -> ModuleType | None:
    """One target family, None where there is no folder of that name."""
    package = f"targets.{name}"
    there = name.isidentifier() and importlib.util.find_spec(package) is not None
    return importlib.import_module(package) if there else None


def passes() -> dict[str, ModuleType]:
    """Every pass by name: the files of `compiler/passes/`, and of `passes/` in the folders of targets."""
    found = modules("compiler.passes")
    for name, target in targets().items():
        if any((Path(root) / "passes").is_dir() for root in target.__path__):
            found |= modules(f"targets.{name}.passes")
    return dict(sorted(found.items()))


def chip_files() -> dict[str, Path]:
    """Every chip file by chip name: `targets/*/chips/*.toml`."""
    root = Path(next(iter(importlib.import_module("targets").__path__)))
    return {path.stem: path for path in sorted(root.glob("*/chips/*.toml"))}
