"""Reads the tables of a folder as untrusted data; `structure` checks that they fit together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from compiler import npz
from compiler.diagnostics import Place, declare, fail

E540 = declare("E540", "the folder holds no core tables, or of another version")
E541 = declare("E541", "a core table does not have the hash in its index")
E542 = declare("E542", "core tables do not fit together")

VERSION = 1
NAMES = ("neurons", "synapses", "axons", "routes", "delays", "biases", "lookups")


@dataclass
class Tables:
    """All tables of a folder. ports: (node index, port) in the order that tables number them."""

    folder: str
    index: dict[str, Any]
    arrays: dict[str, dict[str, np.ndarray]]

    @property
    def nodes(self) -> list[dict[str, Any]]:
        return self.index["nodes"]

    @property
    def ports(self) -> list[tuple[int, dict[str, Any]]]:
        return [(number, port) for number, node in enumerate(self.nodes) for port in node["ports"]]

    def get(self, table: str, name: str) -> np.ndarray:
        """One array, integers as int64."""
        return self.arrays[table][name].astype(np.int64)

    def skew(self, node: int) -> int:
        return int(self.arrays["delays"]["node.skew"][node])


def unfit(folder: str, table: str, message: str, found: object = "", expected: object = ""):
    """The error for tables that contradict each other."""
    place = Place(file=folder, path=table)
    return fail(E542, message, place, found=str(found), expected=str(expected), hint="compile the network again")


def read(folder: Path) -> Tables:
    """The tables below `folder/cores`. Errors: E540, E541, E542 and those of array files."""
    root = Path(folder) / "cores"
    index = _read_index(root / "index.json")
    arrays = {}
    for name in NAMES:
        path = root / f"{name}.npz"
        data = _read_bytes(path)
        if hashlib.sha256(data).hexdigest() != index["tables"].get(path.name):
            raise fail(
                E541,
                "the table is not the one that was compiled",
                Place(file=str(path)),
                found=hashlib.sha256(data).hexdigest()[:16],
                expected=str(index["tables"].get(path.name))[:16],
                hint="compile the network again",
            )
        arrays[name] = npz.read(data, str(path))
    return Tables(str(root), index, arrays)


@contextmanager
def contradictions(folder: str) -> Iterator[None]:
    """Whatever goes wrong inside is the fault of tables that were changed by hand. Errors: E542."""
    try:
        yield
    except (LookupError, ArithmeticError, TypeError, ValueError, AttributeError, StopIteration, MemoryError) as error:
        raise unfit(
            folder, "index.json", "the tables contradict each other", f"{type(error).__name__}: {error}"
        ) from error


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise fail(
            E540,
            "a core table is missing",
            Place(file=str(path)),
            found=error.strerror or "",
            expected=f"{', '.join(NAMES)}",
            hint="compile with a chip of the family `cores`",
        ) from error


def _read_index(path: Path) -> dict[str, Any]:
    try:
        index = json.loads(_read_bytes(path))
    except (ValueError, RecursionError) as error:
        raise fail(
            E540, "the index of the core tables cannot be read", Place(file=str(path)), found=str(error)
        ) from error
    if not isinstance(index, dict) or index.get("version") != VERSION or not isinstance(index.get("tables"), dict):
        found = index.get("version") if isinstance(index, dict) else type(index).__name__
        raise fail(
            E540, "core tables of another version", Place(file=str(path)), found=str(found), expected=str(VERSION)
        )
    return index
