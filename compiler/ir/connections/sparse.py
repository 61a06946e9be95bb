"""A list of synapses: y[i] = sum over synapses k with post[k] = i of w[k] x[pre[k]]."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array

from compiler.ir.connections.base import Connection, exact
from compiler.ir.program import TensorRef


@dataclass(frozen=True)
class Sparse(Connection):
    """Only the listed synapses exist, sorted by (post, pre).

    weight: [k]. starts: int [post + 1], where each post unit's synapses begin; sources: int [k], pre units.
    """

    keyword: ClassVar[str] = "sparse"
    weight: TensorRef
    starts: TensorRef
    sources: TensorRef

    def output_shape(self, shape, tensors):
        sources = tensors[self.sources.name].data
        if sources.size and int(sources.max()) >= math.prod(shape):
            raise ValueError(f"synapse from unit {int(sources.max())}, there are {math.prod(shape)} presynaptic units")
        return (len(tensors[self.starts.name].data) - 1,)

    def matrix(self, shape, tensors):
        data = exact(tensors[self.weight.name])
        sources, starts = tensors[self.sources.name].data, tensors[self.starts.name].data
        return csr_array((data, sources, starts), shape=(len(starts) - 1, math.prod(shape)))

    def channels(self, shape, tensors):
        starts = tensors[self.starts.name].data.astype(np.int64)
        units = np.arange(len(starts) - 1)
        return np.repeat(units, np.diff(starts)), units
