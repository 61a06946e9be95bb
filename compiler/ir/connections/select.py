"""A range of units: y = x[start:stop] (a column block of a concatenated port)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array

from compiler.ir.connections.base import Connection


@dataclass(frozen=True)
class Select(Connection):
    """Units start..stop of the flattened presynaptic shape."""

    keyword: ClassVar[str] = "select"
    start: int
    stop: int

    def output_shape(self, shape, tensors):
        if not 0 <= self.start < self.stop <= math.prod(shape):
            raise ValueError(f"units {self.start}:{self.stop} of {math.prod(shape)}")
        return (self.stop - self.start,)

    def synapses(self, shape, tensors):
        return math.prod(self.output_shape(shape, tensors))

    def matrix(self, shape, tensors):
        count = self.stop - self.start
        columns = np.arange(self.start, self.stop)
        return csr_array((np.ones(count, np.int64), columns, np.arange(count + 1)), shape=(count, math.prod(shape)))
