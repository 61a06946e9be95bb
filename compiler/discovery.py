"""Finds passes, targets, chips and frontends by their files: the file name is the registration."""

from __future__ import annotations

import importlib
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


def passes() -> dict[str, ModuleType]:
    """Every pass by name: the files of `compiler/passes/`."""
    return modules("compiler.passes")


def chip_files() -> dict[str, Path]:
    """Every chip file by chip name: `targets/*/chips/*.toml`."""
    root = Path(next(iter(importlib.import_module("targets").__path__)))
    return {path.stem: path for path in sorted(root.glob("*/chips/*.toml"))}
