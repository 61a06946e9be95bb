"""Rules of tensors: stored as their type says, finite, within their format."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from compiler.diagnostics import Diagnostic, Place, declare
from compiler.formats import Format, storage_dtype
from compiler.ir.network import Network, Tensor
from compiler.ir.program import TensorRef
from compiler.ir.rules.base import NUMBERS, TYPES, TensorEntry, rule

E240 = declare("E240", "a tensor holds a value that is not finite")
E241 = declare("E241", "a tensor is not stored as its type says")


def is_whole(tensor: Tensor) -> bool:
    """Whether a tensor holds whole numbers: delays, indices."""
    return isinstance(tensor.type, Format) and tensor.type.fraction == 0


@rule("tensor", stage=TYPES)
def tensors_are_stored_as_their_type_says(network: Network, entry: TensorEntry) -> Iterator[Diagnostic]:
    tensor = network.tensor(TensorRef(entry.name))
    expected = storage_dtype(tensor.type)
    if tensor.data.dtype != expected:
        yield Diagnostic(E241, "the array has another dtype", Place(path=f"tensor #{entry.name}"),
                         str(tensor.data.dtype), f"{expected}, as its type is {tensor.type}")


@rule("tensor", stage=NUMBERS)
def tensors_are_finite(network: Network, entry: TensorEntry) -> Iterator[Diagnostic]:
    data = network.tensor(TensorRef(entry.name)).data
    if data.dtype.kind == "f" and not np.isfinite(data).all():
        yield Diagnostic(E240, "values that are not finite", Place(path=f"tensor #{entry.name}"),
                         _first(data, ~np.isfinite(data)), "finite numbers",
                         "was training stopped after it had diverged?")


@rule("tensor", stage=NUMBERS)
def tensors_keep_within_their_format(network: Network, entry: TensorEntry) -> Iterator[Diagnostic]:
    tensor = network.tensor(TensorRef(entry.name))
    if not isinstance(tensor.type, Format) or not tensor.data.size:
        return
    if int(tensor.data.min()) < tensor.type.low or int(tensor.data.max()) > tensor.type.high:
        outside = (tensor.data < tensor.type.low) | (tensor.data > tensor.type.high)
        yield Diagnostic(E241, "raw values outside their format", Place(path=f"tensor #{entry.name}"),
                         _first(tensor.data, outside),
                         f"{tensor.type.low} to {tensor.type.high}, as its type is {tensor.type}")


def _first(data: np.ndarray, wrong: np.ndarray) -> str:
    index = np.argwhere(wrong)[0]
    return f"{data[tuple(index)]} at {[int(i) for i in index]}, {int(wrong.sum())} in all"
