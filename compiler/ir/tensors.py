"""The tensors of a network as one array file beside its text, and the hashes that bind the two."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from compiler import npz
from compiler.ir.network import Tensor


def tensor_hash(tensor: Tensor) -> str:
    """SHA-256 over type, shape and data (little endian, C order)."""
    shape = ",".join(str(extent) for extent in tensor.data.shape)
    digest = hashlib.sha256(f"{tensor.type}[{shape}]".encode())
    digest.update(_portable(tensor.data).tobytes())
    return digest.hexdigest()


def to_bytes(tensors: Mapping[str, Tensor]) -> bytes:
    """The bytes of an array file with the raw data of every tensor; equal tensors give equal bytes.

    Any tensor name will do, as none of them becomes a keyword; members carry no time and are not compressed.
    """
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(tensors):
            member = zipfile.ZipInfo(f"{name}.npy", date_time=(1980, 1, 1, 0, 0, 0))
            member.create_system, member.external_attr = 3, 0o644 << 16
            with archive.open(member, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, _portable(tensors[name].data), version=(1, 0), allow_pickle=False)
    return stream.getvalue()


def read_tensors(source: Path | bytes, name: str = "") -> dict[str, np.ndarray]:
    """Raw arrays by tensor name, from anywhere; `parse` checks them against the text.

    Errors: E150–E153 of damaged, pickled or absurd files.
    """
    return npz.read(source, name)


def _portable(data: np.ndarray) -> np.ndarray:
    return data.astype(data.dtype.newbyteorder("<"), order="C", copy=False)
