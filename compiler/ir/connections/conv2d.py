"""Convolution over two axes: the same weights at every place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from compiler.ir.connections import convolution
from compiler.ir.connections.base import Connection, exact
from compiler.ir.program import TensorRef


@dataclass(frozen=True)
class Conv2d(Connection):
    """Cross-correlation: y[o, p] = sum of weight[o, c, k] * x[c, p * stride + k * dilation - padding].

    weight: [out, in / groups, *kernel]. shape: of the input, (channels, height, width); any shape of as many units is
    taken. padding: zeros before and after each axis.
    """

    keyword: ClassVar[str] = "conv2d"
    weight: TensorRef
    shape: tuple[int, int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    dilation: tuple[int, int]
    groups: int = 1

    def output_shape(self, shape, tensors):
        return convolution.output_shape(self, shape, tensors[self.weight.name].data)

    def synapses(self, shape, tensors):
        return convolution.synapses(self, tensors[self.weight.name].data)

    def matrix(self, shape, tensors):
        data = exact(tensors[self.weight.name])
        return convolution.windows_of(self, data).synapses(data, self.shape[0], self.groups)

    def reach(self, low, high, shape, tensors):
        return convolution.reach(self, low, high, tensors[self.weight.name])

    def channels(self, shape, tensors):
        return convolution.channels(self, tensors[self.weight.name].data)
