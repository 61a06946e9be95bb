"""One unit to all: y[i] = x[0]."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array

from compiler.ir.connections.base import Connection


@dataclass(frozen=True)
class Broadcast(Connection):
    """A single presynaptic unit to each of `units` postsynaptic units."""

    keyword: ClassVar[str] = "broadcast"
    units: int

    def output_shape(self, shape, tensors):
        if math.prod(shape) != 1 or self.units < 1:
            raise ValueError(f"{math.prod(shape)} units to {self.units}, expected one to at least one")
        return (self.units,)

    def synapses(self, shape, tensors):
        return self.units

    def matrix(self, shape, tensors):
        columns = np.zeros(self.units, np.int64)
        return csr_array((np.ones(self.units, np.int64), columns, np.arange(self.units + 1)), shape=(self.units, 1))
