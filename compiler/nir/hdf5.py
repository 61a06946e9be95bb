"""Reads an HDF5 file that nobody vouches for into nested dictionaries of arrays and texts.

Nothing is followed out of the file, no group twice on one path, and sizes are checked before anything is read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from compiler.diagnostics import DiagnosticError, Place, declare, fail

E130 = declare("E130", "a NIR file cannot be read")

DEEPEST = 64
"""Groups inside one another."""
MOST = 200_000
"""Entries of a file."""
PLENTY = 1 << 30
"""Bytes of arrays that any file may hold."""
PACKED = 256
"""How many times its own size a larger file may unpack to."""

Tree = dict[str, Any]


def read_tree(path: Path) -> Tree:
    """Groups as dictionaries, data as arrays, texts as str. Errors: E130."""
    try:
        with h5py.File(path, "r") as file:
            return _Reader(path).group(file, "", ())
    except DiagnosticError:
        raise
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, MemoryError, OverflowError) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise fail(E130, "the file is damaged, or no HDF5 file", Place(file=str(path)), found=text[:200],
                   expected="an HDF5 file as `nir.write` makes it") from error


class _Reader:
    def __init__(self, path: Path):
        self.path = path
        self.entries = 0
        self.bytes_left = max(PLENTY, PACKED * os.path.getsize(path))

    def fault(self, where: str, message: str, found: str, expected: str, hint: str = "") -> DiagnosticError:
        return fail(E130, message, Place(file=str(self.path), path=where), found=found, expected=expected, hint=hint)

    def group(self, group: h5py.Group, where: str, above: tuple[Any, ...]) -> Tree:
        """above: identities of the groups that this one lies in."""
        identity = _identity(group)
        if identity in above:
            raise self.fault(where, "a group lies inside itself", "a cycle of groups", "groups that nest finitely")
        if len(above) >= DEEPEST:
            raise self.fault(where, "groups lie too deep inside one another", f"more than {DEEPEST} levels",
                             f"at most {DEEPEST}")
        return {name: self.entry(group, name, f"{where}/{name}", (*above, identity)) for name in self._names(group)}

    def _names(self, group: h5py.Group) -> Iterator[str]:
        for name in group:
            self.entries += 1
            if self.entries > MOST:
                raise self.fault("", "the file has too many entries", f"more than {MOST}", f"at most {MOST}")
            yield str(name)

    def entry(self, group: h5py.Group, name: str, where: str, above: tuple[Any, ...]) -> Any:
        link = group.get(name, getlink=True)
        if not isinstance(link, h5py.HardLink):
            raise self.fault(where, "the file refers to something by a path", type(link).__name__, "data of its own",
                             "write the file again with `nir.write`")
        item = group[name]
        if isinstance(item, h5py.Group):
            return self.group(item, where, above)
        if isinstance(item, h5py.Dataset):
            return self.dataset(item, where)
        raise self.fault(where, "the file holds something else than groups and arrays", type(item).__name__,
                         "a group or an array")

    def dataset(self, item: h5py.Dataset, where: str) -> Any:
        text = h5py.check_string_dtype(item.dtype) is not None or item.dtype.kind == "S"
        if item.shape is None or item.is_virtual or item.external or not text and item.dtype.kind not in "biuf":
            found = "data of other files" if item.is_virtual or item.external else f"type {item.dtype}"
            raise self.fault(where, "an array is not made of numbers or texts", found, "numbers or texts")
        self.bytes_left -= int(np.prod(item.shape, dtype=object)) * max(item.dtype.itemsize, 1)
        if self.bytes_left < 0:
            allowed = max(PLENTY, PACKED * os.path.getsize(self.path))
            raise self.fault(where, "the arrays of the file are too large for its size",
                             f"shape {item.shape} of {item.dtype}", f"at most {allowed} bytes in all")
        return _plain(item[()])


def _identity(group: h5py.Group) -> Any:
    info = h5py.h5o.get_info(group.id)  # type: ignore[attr-defined]
    return info.fileno, info.addr


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    array = np.asarray(value)
    if array.dtype.kind in "OS":
        texts = [item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item) for item in array.ravel()]
        return np.array(texts, dtype=object).reshape(array.shape)
    return array
