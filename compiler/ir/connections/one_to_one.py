"""Unit to unit: y[i] = w[i] x[i]."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array

from compiler.ir.connections.base import Connection, exact
from compiler.ir.program import TensorRef


@dataclass(frozen=True)
class OneToOne(Connection):
    """Each unit to its namesake; weight: one per unit."""

    keyword: ClassVar[str] = "one_to_one"
    weight: TensorRef

    def output_shape(self, shape, tensors):
        count = tensors[self.weight.name].data.size
        if count != math.prod(shape):
            raise ValueError(f"{count} weights for {math.prod(shape)} units")
        return shape

    def synapses(self, shape, tensors):
        return math.prod(self.output_shape(shape, tensors))

    def matrix(self, shape, tensors):
        data = exact(tensors[self.weight.name]).reshape(-1)
        return csr_array((data, np.arange(data.size), np.arange(data.size + 1)), shape=(data.size,) * 2)

    def channels(self, shape, tensors):
        weights = tensors[self.weight.name].data
        return np.arange(weights.size).reshape(weights.shape), np.arange(weights.size)
