"""Convolution over two axes: the same weights at every place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from compiler.ir.connections.convolution import Convolution


@dataclass(frozen=True)
class Conv2d(Convolution):
    """Cross-correlation: y[o, p] = sum of weight[o, c, k] * x[c, p * stride + k * dilation - padding].

    weight: [out, in / groups, *kernel]. shape: of the input, (channels, height, width); any shape of as many units is
    taken. padding: zeros before and after each axis.
    """

    keyword: ClassVar[str] = "conv2d"
    shape: tuple[int, int, int]
    stride: tuple[int, int]
    padding: tuple[int, int, int, int]
    dilation: tuple[int, int]
