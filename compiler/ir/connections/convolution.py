"""What the convolutions of one and of two axes share: their fields are the same, only their number differs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from compiler.ir.connections.base import Connection, exact
from compiler.ir.connections.windows import Windows
from compiler.ir.program import TensorRef


@dataclass(frozen=True)
class Convolution(Connection):
    """Weights [out, in / groups, *kernel] over an input of `shape`, channels first."""

    weight: TensorRef
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int = 1

    def output_shape(self, shape, tensors):
        data = tensors[self.weight.name].data
        fault = self._fault(data, math.prod(shape))
        if fault:
            raise ValueError(fault)
        return (len(data), *self.windows(data).positions)

    def synapses(self, shape, tensors):
        data = tensors[self.weight.name].data
        return data.size * math.prod(self.windows(data).positions)

    def matrix(self, shape, tensors):
        data = exact(tensors[self.weight.name])
        return self.windows(data).synapses(data, self.shape[0], self.groups)

    def reach(self, low, high, shape, tensors):
        """Bounds of every sum, without a list of the synapses."""
        data = exact(tensors[self.weight.name])
        windows, positive, negative = self.windows(data), np.maximum(data, 0), np.minimum(data, 0)
        least, most = (np.asarray(end).reshape(self.shape) for end in (low, high))

        def total(with_positive: np.ndarray, with_negative: np.ndarray) -> np.ndarray:
            return (windows.correlate(with_positive, positive, self.groups)
                    + windows.correlate(with_negative, negative, self.groups)).reshape(-1)

        return total(least, most), total(most, least)

    def channels(self, shape, tensors):
        """One channel of weights, and of units, for every output channel."""
        data = tensors[self.weight.name].data
        outs = np.arange(len(data))
        return outs.reshape(-1, *[1] * (data.ndim - 1)), np.repeat(outs, math.prod(self.windows(data).positions))

    def windows(self, weight: np.ndarray) -> Windows:
        """Where the kernel of these weights stands."""
        return Windows(self.shape[1:], weight.shape[2:], self.stride, self.padding, self.dilation)

    def _fault(self, data: np.ndarray, pre: int) -> str:
        """What does not fit, '' if everything does."""
        if data.ndim != len(self.shape) + 1:
            return f"weights with {data.ndim} dimensions, they need {len(self.shape) + 1}: [out, in / groups, *kernel]"
        if self.groups < 1 or len(data) % self.groups or data.shape[1] * self.groups != self.shape[0]:
            return f"weights {list(data.shape)} in {self.groups} groups for {self.shape[0]} channels"
        if math.prod(self.shape) != pre:
            return f"an input of shape {list(self.shape)} has {math.prod(self.shape)} units, there are {pre}"
        return next(self.windows(data).faults(), "")
