"""All-to-all: y = W x."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from compiler.ir.connections.base import Connection, exact
from compiler.ir.program import TensorRef


@dataclass(frozen=True)
class Dense(Connection):
    """Every presynaptic to every postsynaptic unit; weight: [post, pre] over flattened shapes."""

    keyword: ClassVar[str] = "dense"
    weight: TensorRef

    def output_shape(self, shape, tensors):
        rows, columns = tensors[self.weight.name].data.shape
        if columns != math.prod(shape):
            raise ValueError(f"weights {rows}x{columns} need {columns} presynaptic units, there are {math.prod(shape)}")
        return (rows,)

    def check(self, shape, tensors):
        data = tensors[self.weight.name].data
        if data.ndim != 2:
            raise ValueError(f"weights with {data.ndim} dimensions, they need 2: [post, pre]")
        self.output_shape(shape, tensors)

    def matrix(self, shape, tensors):
        return exact(tensors[self.weight.name])

    def reach(self, low, high, shape, tensors):
        data = tensors[self.weight.name].data
        if low.min() != low.max() or high.min() != high.max():
            return super().reach(low, high, shape, tensors)
        positive, negative = np.maximum(data, 0).sum(1, dtype=np.int64), np.minimum(data, 0).sum(1, dtype=np.int64)
        least, most = int(low[0]), int(high[0])
        return positive * least + negative * most, positive * most + negative * least

    def channels(self, shape, tensors):
        units = np.arange(tensors[self.weight.name].data.shape[0])
        return units[:, None], units
