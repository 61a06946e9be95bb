"""All-to-all: y = W x."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

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

    def matrix(self, shape, tensors):
        return exact(tensors[self.weight.name])
