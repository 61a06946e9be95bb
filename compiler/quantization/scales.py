"""One scale for each postsynaptic unit: what makes its largest weight the largest integer.

Where bits are few, the scale clips: the factor with the least squared error of a grid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from compiler.ir.network import Network, Projection
from compiler.ir.program import TensorRef
from compiler.options import Options
from compiler.quantization.weights import bits_of, largest_integer

_CLIPS = np.linspace(1.0, 0.3, 15)
_CLIPPED_BELOW = 6
"""Bits above which clipping never pays: the largest weight costs less than one level."""
_FINER = 2.0**10
"""How many times more steps a unit's threshold may have than those of the usual unit."""
_FINEST = 2.0**28
"""The most steps of a threshold."""


@dataclass
class Incoming:
    """One projection into the population, with its last weights by channel."""

    projection: Projection
    weight_channel: np.ndarray
    unit_channel: np.ndarray

    @property
    def weight(self) -> TensorRef:
        return self.projection.chain[-1].weights  # pyright: ignore[reportReturnType]


def shared_scales(incoming: list[Incoming], size: int, one_scale: bool) -> np.ndarray:
    """Units that must share a scale have the same label."""
    if one_scale:
        return np.zeros(size, np.int64)
    rows, columns, offset = [], [], size
    for item in incoming:
        rows.append(np.arange(size))
        columns.append(item.unit_channel + offset)
        offset += int(item.unit_channel.max()) + 1
    links = np.concatenate(rows), np.concatenate(columns)
    graph = coo_array((np.ones(len(links[0])), links), shape=(offset, offset))
    return connected_components(graph, directed=False)[1][:size]


def best_scales(network: Network, incoming: list[Incoming], labels: np.ndarray, options: Options,
                levels: np.ndarray) -> np.ndarray:
    """Scale per unit: what makes the largest weight that is kept the largest integer.

    levels: by unit, the largest number that the scale divides beside weights, such as a threshold. Weights that are
    nothing beside it are rounded away, so that one dead unit does not make the membranes of all others coarse.
    """
    need = np.zeros(labels.size)
    for item in incoming:
        largest = _largest(network, item, options) / largest_integer(bits_of(item.projection, options))
        need = np.maximum(need, largest[item.unit_channel])
    shared = np.zeros(int(labels.max()) + 1)
    np.maximum.at(shared, labels, need)
    scale = shared[labels]
    present = scale[scale > 0]
    scale = np.where(scale > 0, scale, np.median(present) if present.size else 1.0)
    np.maximum.at(shared, labels, _least(levels, scale))
    scale = np.maximum(scale, shared[labels])
    if options.weight_scale == "power-of-two":
        return _power_of_two(network, incoming, labels, scale, options)
    return scale


def _least(levels: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """The smallest scale of each unit that leaves its levels a sensible number of steps."""
    steps = levels / scale
    if not steps.any():
        return np.zeros_like(scale)
    return levels / min(float(np.quantile(steps[steps > 0], 0.1)) * _FINER, _FINEST)


def _power_of_two(network: Network, incoming: list[Incoming], labels: np.ndarray, scale: np.ndarray,
                  options: Options) -> np.ndarray:
    """The power of two next to each scale, above or below, that has the least squared error."""
    above = 2.0 ** np.ceil(np.log2(scale))
    errors = [np.bincount(labels, sum(_error_by_unit(network, item, trial, options) for item in incoming)) for trial in
              (above, above / 2)]
    return np.where((errors[1] < errors[0])[labels], above / 2, above)


def _error_by_unit(network: Network, item: Incoming, scale: np.ndarray, options: Options) -> np.ndarray:
    """Squared error of one projection's weights at these scales, by unit."""
    weights = np.abs(np.asarray(network.tensor(item.weight).values, np.float64))
    count, levels = int(item.unit_channel.max()) + 1, largest_integer(bits_of(item.projection, options))
    kept = np.zeros(count)
    kept[item.unit_channel] = scale * levels
    channel = np.broadcast_to(item.weight_channel, weights.shape)
    return _error(weights, channel, kept, levels, count)[item.unit_channel]


def _largest(network: Network, item: Incoming, options: Options) -> np.ndarray:
    """Largest magnitude kept per channel: the maximum, or less where clipping has the least squared error."""
    weights = np.abs(np.asarray(network.tensor(item.weight).values, np.float64))
    channel = np.broadcast_to(item.weight_channel, weights.shape)
    count = int(item.unit_channel.max()) + 1
    largest = _largest_by(channel, weights, count)
    bits = bits_of(item.projection, options)
    if bits > _CLIPPED_BELOW:
        return largest
    errors = [_error(weights, channel, largest * clip, largest_integer(bits), count) for clip in _CLIPS]
    return largest * _CLIPS[np.argmin(errors, axis=0)]


def _largest_by(channel: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
    """Maximum of values by channel."""
    if values.ndim == 2 and count == len(values) and (channel[:, :1] == np.arange(count)[:, None]).all():
        return values.max(axis=1, initial=0.0)
    largest = np.zeros(count)
    np.maximum.at(largest, channel.ravel(), values.ravel())
    return largest


def _error(weights: np.ndarray, channel: np.ndarray, kept: np.ndarray, levels: int, count: int) -> np.ndarray:
    """Squared rounding and clipping error by channel when `kept` becomes the largest integer."""
    step = np.where(kept > 0, kept / levels, 1.0)[channel]
    rounded = np.clip(np.rint(weights / step), -levels, levels) * step
    return np.bincount(channel.ravel(), ((weights - rounded) ** 2).ravel(), minlength=count)
