"""What every connection is: a linear map from presynaptic to postsynaptic units, kept symbolic.

A connection is a frozen dataclass; its fields are its text form: tensor references first, then keywords.
Its meaning is `matrix`, the plain list of synapses; code generators have their own lowering for speed.
"""

from __future__ import annotations

import functools
import importlib
import math
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import scipy.sparse as sparse

from compiler.ir.program import TensorRef

if TYPE_CHECKING:
    from compiler.ir.network import Tensor


@dataclass(frozen=True)
class Connection:
    """A linear map. Subclasses set `keyword` (its name in text) and give `output_shape` and `matrix`."""

    keyword: ClassVar[str] = ""

    def references(self) -> tuple[str, ...]:
        """Names of the tensors used."""
        values = (getattr(self, item.name) for item in fields(self))
        return tuple(value.name for value in values if isinstance(value, TensorRef))

    @property
    def weights(self) -> TensorRef | None:
        """The tensor of weights, None where every weight is 1 (pooling, identity)."""
        return getattr(self, "weight", None)

    def output_shape(self, shape: tuple[int, ...], tensors: Mapping[str, Tensor]) -> tuple[int, ...]:
        """Shape of the result for an input shape; only its size must match the target.

        Raises ValueError with both shapes where the input does not fit.
        """
        raise NotImplementedError

    def check(self, shape: tuple[int, ...], tensors: Mapping[str, Tensor]) -> None:
        """Demand that the tensors are well formed and fit the input. Raises ValueError with what does not."""
        self.output_shape(shape, tensors)

    def synapses(self, shape: tuple[int, ...], tensors: Mapping[str, Tensor]) -> int:
        """How many synapses there are at most, without listing them."""
        return math.prod(shape) * math.prod(self.output_shape(shape, tensors))

    def matrix(self, shape: tuple[int, ...], tensors: Mapping[str, Tensor]) -> np.ndarray | sparse.csr_array:
        """The synapses as a matrix [post, pre]: raw integers (int64) at fixed level, float64 at model level.

        A stored entry of a sparse matrix is a synapse even where its weight is 0.
        """
        raise NotImplementedError

    def reach(
        self, low: np.ndarray, high: np.ndarray, shape: tuple[int, ...], tensors: Mapping[str, Tensor]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of the raw weighted sum [post] when the raw presynaptic values [pre] lie in [low, high]."""
        matrix = self.matrix(shape, tensors)
        positive, negative = _parts(matrix)
        return positive @ low + negative @ high, positive @ high + negative @ low

    def channels(self, shape: tuple[int, ...], tensors: Mapping[str, Tensor]) -> tuple[np.ndarray, np.ndarray]:
        """Channel of every weight (broadcastable to the weights' shape) and of every postsynaptic unit.

        Weights of one channel may be scaled by one factor, which scales exactly the units of that channel.
        """
        raise NotImplementedError


def _parts(matrix):
    """The positive and the negative part of a matrix."""
    if isinstance(matrix, np.ndarray):
        return np.maximum(matrix, 0), np.minimum(matrix, 0)
    return matrix.maximum(0), matrix.minimum(0)


def exact(tensor: Tensor) -> np.ndarray:
    """Tensor data widened for exact arithmetic: integers to int64, floats to float64."""
    return tensor.data.astype(np.float64 if tensor.data.dtype.kind == "f" else np.int64)


@functools.cache
def find() -> dict[str, type[Connection]]:
    """Every connection class by its keyword, found by importing the files of this folder."""
    package = importlib.import_module("compiler.ir.connections")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
    return {kind.keyword: kind for kind in _below(Connection) if kind.keyword}


def _below(kind: type[Connection]) -> Iterator[type[Connection]]:
    """All subclasses, theirs included."""
    for found in kind.__subclasses__():
        yield found
        yield from _below(found)
