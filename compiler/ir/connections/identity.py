"""The identity: y = x, another shape allowed (flatten)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array

from compiler.ir.connections.base import Connection


@dataclass(frozen=True)
class Identity(Connection):
    """Passes every value to the unit of the same index."""

    keyword: ClassVar[str] = "identity"

    def output_shape(self, shape, tensors):
        return (math.prod(shape),)

    def synapses(self, shape, tensors):
        return math.prod(self.output_shape(shape, tensors))

    def matrix(self, shape, tensors):
        count = math.prod(shape)
        ones = np.ones(count, np.int64)
        return csr_array((ones, np.arange(count), np.arange(count + 1)), shape=(count, count))
