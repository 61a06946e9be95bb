"""A recorded case as it lies in its file: every entry checked before it is used."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from compiler import npz
from compiler.diagnostics import DiagnosticError, Place, declare, fail

E140 = declare("E140", "a recorded case lacks something, or holds something that does not fit")

LARGEST = 1 << 28
"""Bytes that one case may unpack to."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True)
class CaseFile:
    """Arrays by name, and the description that stands in `meta`."""

    path: Path
    arrays: Mapping[str, np.ndarray]
    meta: Mapping[str, Any]

    def fault(self, where: str, message: str, found: object = "", expected: object = "") -> DiagnosticError:
        return fail(E140, message, Place(file=str(self.path), path=where), found=str(found), expected=str(expected))

    def entries(self, key: str) -> list[Entry]:
        """The objects of a list in `meta`."""
        found = self.meta.get(key)
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise self.fault(f"meta.{key}", "the description has no such list", found, "a list of objects")
        return [Entry(self, f"meta.{key}[{index}]", item) for index, item in enumerate(found)]

    def require_different_names(self, *keys: str) -> None:
        """Demand that no name of these lists stands twice. Errors: E140."""
        names = [(item.where, item.name) for key in keys for item in self.entries(key)]
        for index, (where, name) in enumerate(names):
            earlier = [other for other, taken in names[:index] if taken == name]
            if earlier:
                raise self.fault(f"{where}.name", "a name stands twice", name, f"another than {earlier[0]} has")

    def integers(self, name: str, *shapes: tuple[int, ...], default: int | None = None) -> np.ndarray:
        """An array of whole numbers (int64) with one of these shapes; `default` everywhere where there is none."""
        if name not in self.arrays and default is not None:
            return np.full(shapes[0], default, np.int64)
        array = self.arrays.get(name)
        if array is None or not _is_whole(array):
            raise self.fault(name, "there is no such array of integers", "nothing" if array is None else array.dtype)
        if array.shape not in shapes:
            raise self.fault(name, "the array has another shape", array.shape, " or ".join(map(str, shapes)))
        return array.astype(np.int64)


def _is_whole(array: np.ndarray) -> bool:
    """Whether an array holds whole numbers of at most 53 bits, whatever its type."""
    if array.dtype.kind in "bi" or array.dtype.kind == "u" and array.dtype.itemsize < 8:
        return True
    if array.dtype.kind not in "uf":
        return False
    return bool((np.abs(array.astype(np.float64)) < 2**53).all() and (array == np.rint(array)).all())


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


@dataclass(frozen=True)
class Entry:
    """One object of the description."""

    file: CaseFile
    where: str
    values: Mapping[str, Any]

    @property
    def name(self) -> str:
        return self.text("name")

    def text(self, key: str) -> str:
        """A name. Errors: E140."""
        value = self.values.get(key)
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            raise self.file.fault(f"{self.where}.{key}", "a name is needed", value, "letters, digits, _")
        return value

    def integer(self, key: str, low: int, high: int, default: int | None = None) -> int:
        """A whole number between bounds. Errors: E140."""
        value = self.values.get(key)
        value = default if value is None else value
        if not _is_number(value) or value != int(value):
            raise self.file.fault(f"{self.where}.{key}", "a whole number is needed", value)
        if not low <= value <= high:
            raise self.file.fault(f"{self.where}.{key}", "the number is out of range", value, f"{low}..{high}")
        return int(value)

    def choice(self, key: str, options: Mapping[Any, Any]) -> Any:
        """What one of several words stands for. Errors: E140."""
        value = self.values.get(key)
        value = value.lower() if isinstance(value, str) else value
        if isinstance(value, dict | list) or value not in options:
            raise self.file.fault(f"{self.where}.{key}", "an unknown word", value, ", ".join(map(str, options)))
        return options[value]


def read(path: Path) -> CaseFile:
    """Open a file. Errors: E140, E150 to E153."""
    arrays = npz.read(path, limit=LARGEST)
    try:
        meta = json.loads(str(arrays["meta"]))
    except (KeyError, ValueError, RecursionError) as error:
        raise fail(E140, "the case does not describe itself", Place(file=str(path), path="meta"),
                   found=f"{type(error).__name__}: {error}", expected="a JSON object") from error
    if not isinstance(meta, dict):
        raise fail(E140, "the case does not describe itself", Place(file=str(path), path="meta"),
                   found=type(meta).__name__, expected="a JSON object")
    return CaseFile(path, arrays, meta)
