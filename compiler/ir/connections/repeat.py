"""All units several times over, one after the other: y[i] = x[i mod n]. One unit so reaches all of a population."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array

from compiler.ir.connections.base import Connection


@dataclass(frozen=True)
class Repeat(Connection):
    """The presynaptic units, flattened, `times` times."""

    keyword: ClassVar[str] = "repeat"
    times: int

    def output_shape(self, shape, tensors):
        if self.times < 1:
            raise ValueError(f"{self.times} times, expected at least once")
        return (self.times * math.prod(shape),)

    def synapses(self, shape, tensors):
        return self.times * math.prod(shape)

    def matrix(self, shape, tensors):
        units, count = math.prod(shape), self.times * math.prod(shape)
        columns = np.tile(np.arange(units), self.times)
        return csr_array((np.ones(count, np.int64), columns, np.arange(count + 1)), shape=(count, units))
