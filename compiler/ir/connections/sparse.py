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

    def check(self, shape, tensors):
        weight, starts, sources = (tensors[ref.name].data for ref in (self.weight, self.starts, self.sources))
        if [weight.ndim, starts.ndim, sources.ndim] != [1, 1, 1] or {starts.dtype.kind, sources.dtype.kind} - {*"iu"}:
            raise ValueError("weights, starts and sources are lists, the last two of whole numbers")
        if weight.size != sources.size:
            raise ValueError(f"{weight.size} weights for {sources.size} sources")
        ends = starts.astype(np.int64)
        if not ends.size or ends[0] != 0 or ends[-1] != sources.size or (np.diff(ends) < 0).any():
            raise ValueError(f"starts do not rise from 0 to the number of synapses, {sources.size}")
        steps = np.diff(sources.astype(np.int64))
        steps[ends[(ends > 0) & (ends < sources.size)] - 1] = 1
        if sources.size and (sources.min() < 0 or (steps <= 0).any()):
            raise ValueError("sources of a unit are not sorted, or one stands twice")
        self.output_shape(shape, tensors)

    def synapses(self, shape, tensors):
        return tensors[self.sources.name].data.size

    def matrix(self, shape, tensors):
        data = exact(tensors[self.weight.name])
        sources, starts = tensors[self.sources.name].data, tensors[self.starts.name].data
        return csr_array((data, sources, starts), shape=(len(starts) - 1, math.prod(shape)))

    def channels(self, shape, tensors):
        starts = tensors[self.starts.name].data.astype(np.int64)
        units = np.arange(len(starts) - 1)
        return np.repeat(units, np.diff(starts)), units
