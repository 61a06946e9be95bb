"""Convolution over one axis: the same weights at every place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from compiler.ir.connections.convolution import Convolution


@dataclass(frozen=True)
class Conv1d(Convolution):
    """Cross-correlation: y[o, p] = sum of weight[o, c, k] * x[c, p * stride + k * dilation - padding].

    weight: [out, in / groups, *kernel]. shape: of the input, (channels, extent); any shape of as many units is taken.
    padding: zeros before and after each axis.
    """

    keyword: ClassVar[str] = "conv1d"
    shape: tuple[int, int]
    stride: tuple[int]
    padding: tuple[int, int]
    dilation: tuple[int]
