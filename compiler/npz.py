"""Array files (`.npz`) from anywhere: read as untrusted, written the same way every time.

Nothing is unpickled, no size is believed before it agrees with the file, and every refusal is a diagnostic.
"""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from compiler.diagnostics import DiagnosticError, Place, declare, fail
from compiler.files import replacing

LIMIT = 1 << 33
"""Bytes that one file may unpack to (8 GiB)."""

MEMBERS = 1 << 16
"""Arrays that one file may hold."""

E150 = declare("E150", "a file cannot be read")
E151 = declare("E151", "not an array file (.npz), or a damaged one")
E152 = declare("E152", "an array file holds pickled objects or fields")
E153 = declare("E153", "an array claims a size that its file does not have")


@dataclass(frozen=True)
class _Header:
    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype


def read(source: Path | bytes, name: str = "", limit: int = LIMIT) -> dict[str, np.ndarray]:
    """Every array of a file or of its bytes, by name. `name` is what diagnostics call it.

    Errors: E150 missing or unreadable; E151 damaged; E152 pickled; E153 a size that cannot be true, or
    more than `limit` bytes in all.
    """
    where = name or str(source)
    try:
        with zipfile.ZipFile(io.BytesIO(source) if isinstance(source, bytes) else source) as archive:
            return _read_members(archive, where, limit)
    except OSError as error:
        raise fail(E150, "cannot read the file", Place(file=where), found=_reason(error)) from error
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise _damaged(where, str(error) or type(error).__name__) from error
    except DiagnosticError:
        raise
    except Exception as error:  # zlib and struct errors of a damaged archive
        raise _damaged(where, f"{type(error).__name__}: {error}") from error


def _read_members(archive: zipfile.ZipFile, where: str, limit: int) -> dict[str, np.ndarray]:
    members = archive.infolist()
    total = sum(item.file_size for item in members)
    if len(members) > MEMBERS or total > limit:
        raise fail(E153, "the file claims more than may be read", Place(file=where),
                   found=f"{len(members)} arrays, {total} bytes", expected=f"at most {MEMBERS} arrays, {limit} bytes")
    arrays: dict[str, np.ndarray] = {}
    for item in members:
        name = item.filename.removesuffix(".npy")
        if name == item.filename or name in arrays:
            raise _damaged(where, f"member {item.filename!r}")
        with archive.open(item) as stream:
            arrays[name] = _read_array(stream, item.file_size, Place(file=where, path=name))
    return arrays


def _read_array(stream: IO[bytes], size: int, place: Place) -> np.ndarray:
    header = _read_header(stream, place)
    if header.dtype.hasobject or header.dtype.kind not in "biufcU" or header.dtype.subdtype:
        raise fail(E152, "the array is not plain numbers", place, found=f"dtype {header.dtype}",
                   expected="numbers, stored without pickle", hint="convert it, e.g. `array.astype(float)`")
    claimed, available = math.prod(header.shape) * header.dtype.itemsize, size - stream.tell()
    if claimed != available or any(extent < 0 for extent in header.shape):
        raise fail(E153, "the array's size does not agree with its file", place,
                   found=f"shape {header.shape} of {header.dtype} ({claimed} bytes)", expected=f"{available} bytes")
    flat = np.empty(claimed, np.uint8)
    if _fill(stream, flat) != claimed:
        raise _damaged(place.file, f"array {place.path} ends early")
    return flat.view(header.dtype).reshape(header.shape, order="F" if header.fortran else "C")


def _read_header(stream: IO[bytes], place: Place) -> _Header:
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    try:
        return _Header(*readers[np.lib.format.read_magic(stream)](stream))
    except Exception as error:
        raise _damaged(place.file, f"header of array {place.path}: {error}") from error


def _fill(stream: IO[bytes], flat: np.ndarray) -> int:
    position = 0
    while position < flat.size:
        block = stream.read(min(1 << 24, flat.size - position))
        if not block:
            break
        flat[position : position + len(block)] = np.frombuffer(block, np.uint8)
        position += len(block)
    return position


def write(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays in the order given, complete or not at all; equal arrays give equal bytes.

    Errors: E154 where the path cannot be written.
    """
    with replacing(path) as temporary, open(temporary, "wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)


def packed(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The bytes that `write` would write."""
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def _damaged(where: str, found: str) -> DiagnosticError:
    return fail(E151, "not an array file, or a damaged one", Place(file=where), found=found,
                expected="an uncompressed or deflated .npz", hint="write it with `numpy.savez(file, input=array)`")


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
