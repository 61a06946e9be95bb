"""What the convolutions of one and of two axes share: their fields are the same, only their number differs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from compiler.ir.connections.base import exact
from compiler.ir.connections.windows import Windows


def windows_of(item: Any, weight: np.ndarray) -> Windows:
    return Windows(item.shape[1:], weight.shape[2:], item.stride, item.padding, item.dilation)


def faults_of(item: Any, data: np.ndarray, pre: int) -> str:
    """What does not fit, '' if everything does."""
    if data.ndim != len(item.shape) + 1:
        return f"weights with {data.ndim} dimensions, they need {len(item.shape) + 1}: [out, in / groups, *kernel]"
    if item.groups < 1 or len(data) % item.groups or data.shape[1] * item.groups != item.shape[0]:
        return f"weights {list(data.shape)} in {item.groups} groups for {item.shape[0]} channels"
    if math.prod(item.shape) != pre:
        return f"an input of shape {list(item.shape)} has {math.prod(item.shape)} units, there are {pre}"
    return next(windows_of(item, data).faults(), "")


def output_shape(item: Any, shape: tuple[int, ...], data: np.ndarray) -> tuple[int, ...]:
    fault = faults_of(item, data, math.prod(shape))
    if fault:
        raise ValueError(fault)
    return (len(data), *windows_of(item, data).positions)


def synapses(item: Any, data: np.ndarray) -> int:
    return data.size * math.prod(windows_of(item, data).positions)


def reach(item: Any, low: np.ndarray, high: np.ndarray, tensor: Any) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of every sum, without a list of the synapses."""
    data = exact(tensor)
    windows, positive, negative = windows_of(item, data), np.maximum(data, 0), np.minimum(data, 0)
    least, most = (np.asarray(end).reshape(item.shape) for end in (low, high))

    def total(with_positive: np.ndarray, with_negative: np.ndarray) -> np.ndarray:
        return (windows.correlate(with_positive, positive, item.groups)
                + windows.correlate(with_negative, negative, item.groups)).reshape(-1)

    return total(least, most), total(most, least)


def channels(item: Any, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One channel of weights, and of units, for every output channel."""
    outs = np.arange(len(data))
    return outs.reshape(-1, *[1] * (data.ndim - 1)), np.repeat(outs, math.prod(windows_of(item, data).positions))
