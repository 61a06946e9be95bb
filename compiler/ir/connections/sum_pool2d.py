"""Pooling: sums of windows, channel by channel."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.sparse import csr_array

from compiler.ir.connections.base import Connection
from compiler.ir.connections.windows import Windows


@dataclass(frozen=True)
class SumPool2d(Connection):
    """y[c, p] = sum of x[c, p * stride + k - padding] over the window.

    shape: of the input, (channels, height, width); any shape of as many units is taken. padding: zeros before and after
    each axis. A mean is this sum and a factor on the weights behind it.
    """

    keyword: ClassVar[str] = "sum_pool2d"
    shape: tuple[int, int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]

    @property
    def windows(self) -> Windows:
        return Windows(self.shape[1:], self.kernel, self.stride, self.padding, (1, 1))

    def output_shape(self, shape, tensors):
        if math.prod(self.shape) != math.prod(shape):
            raise ValueError(f"an input of shape {list(self.shape)} has {math.prod(self.shape)} units, there are "
                             f"{math.prod(shape)}")
        fault = next(self.windows.faults(), "")
        if fault:
            raise ValueError(fault)
        return (self.shape[0], *self.windows.positions)

    def synapses(self, shape, tensors):
        return math.prod(self.output_shape(shape, tensors)) * math.prod(self.kernel)

    def matrix(self, shape, tensors):
        one = self.windows.synapses(np.ones((1, 1, *self.kernel), np.int64), 1, 1)
        posts, pres = math.prod(self.windows.positions), math.prod(self.shape[1:])
        each = np.arange(self.shape[0])
        columns = (np.asarray(one.indices) + pres * each[:, None]).reshape(-1)
        starts = (np.asarray(one.indptr)[:-1] + one.nnz * each[:, None]).reshape(-1)
        data = np.ones(len(columns), np.int64)
        return csr_array((data, columns, np.append(starts, len(columns))), shape=(posts * len(each), pres * len(each)))

    def reach(self, low, high, shape, tensors):
        return tuple(self.windows.pool(np.asarray(end).reshape(self.shape)).reshape(-1) for end in (low, high))
