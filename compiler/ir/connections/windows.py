"""Windows that slide over the last axes of an array: the geometry that convolution and pooling share.

Nothing here unrolls a connection but `synapses`; sums over windows are taken for one place in the window at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.sparse import csr_array

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Windows:
    """Windows over `extent`; padding: zeros before each axis and after it, flat (before, after, before, after …)."""

    extent: Shape
    kernel: Shape
    stride: Shape
    padding: Shape
    dilation: Shape

    def faults(self) -> Iterator[str]:
        axes = len(self.extent)
        sizes = {"kernel": len(self.kernel), "stride": len(self.stride), "padding": len(self.padding) // 2,
                 "dilation": len(self.dilation)}
        if set(sizes.values()) != {axes} or len(self.padding) != 2 * axes:
            yield f"{axes} axes, but {', '.join(f'{count} of {name}' for name, count in sizes.items())}"
        elif min(*self.kernel, *self.stride, *self.dilation, *self.extent) < 1 or min(self.padding) < 0:
            yield "sizes, strides and dilations are at least 1, paddings at least 0"
        elif min(self.positions) < 1:
            yield f"no window of {list(self.kernel)} fits into {list(self.extent)}"

    @property
    def positions(self) -> Shape:
        """How many windows there are along every axis."""
        before, after = self.padding[::2], self.padding[1::2]
        sizes = zip(self.extent, self.kernel, self.stride, before, after, self.dilation, strict=True)
        return tuple((size + left + right - step * (width - 1) - 1) // hop + 1
                     for size, width, hop, left, right, step in sizes)

    def places(self) -> Iterator[tuple[Shape, tuple[slice, ...], tuple[slice, ...]]]:
        """For each place in the window: its index, the windows whose place lies inside, and where it lies."""
        for index in product(*map(range, self.kernel)):
            ranges = [self._range(axis, place) for axis, place in enumerate(index)]
            if all(inside.start < inside.stop for inside, _ in ranges):
                yield index, tuple(inside for inside, _ in ranges), tuple(where for _, where in ranges)

    def _range(self, axis: int, place: int) -> tuple[slice, slice]:
        hop, shift = self.stride[axis], place * self.dilation[axis] - self.padding[2 * axis]
        first = max(0, -(shift // hop))
        last = min(self.positions[axis] - 1, (self.extent[axis] - 1 - shift) // hop)
        start = first * hop + shift
        return slice(first, last + 1), slice(start, last * hop + shift + 1, hop)

    def correlate(self, values: np.ndarray, weight: np.ndarray, groups: int) -> np.ndarray:
        """y[o, window] = sum of weight[o, c, place] * values[c, position], exactly, in the type of both.

        values: [channels, *extent]; weight: [out, channels / groups, *kernel].
        """
        result = np.zeros((weight.shape[0], *self.positions), np.result_type(values, weight))
        ins, outs = len(values) // groups, len(weight) // groups
        for group in range(groups):
            taken, given = values[group * ins : (group + 1) * ins], slice(group * outs, (group + 1) * outs)
            for index, inside, where in self.places():
                part = taken[(slice(None), *where)]
                product_ = weight[(given, slice(None), *index)] @ part.reshape(ins, -1)
                result[(given, *inside)] += product_.reshape(outs, *part.shape[1:])
        return result

    def pool(self, values: np.ndarray) -> np.ndarray:
        """Sums of windows of [channels, *extent], channel by channel."""
        result = np.zeros((len(values), *self.positions), values.dtype)
        for _, inside, where in self.places():
            result[(slice(None), *inside)] += values[(slice(None), *where)]
        return result

    def synapses(self, weight: np.ndarray, channels: int, groups: int) -> csr_array:
        """Every synapse as a matrix [post, pre]; a weight of 0 is one, too. Rows sorted by pre unit."""
        outs, ins = weight.shape[0] // groups, channels // groups
        size, windows = math.prod(self.extent), math.prod(self.positions)
        units, posts = np.arange(size).reshape(self.extent), np.arange(windows).reshape(self.positions)
        pairs = [(posts[inside].reshape(-1), units[where].reshape(-1), index) for index, inside, where in self.places()]
        # Windows may lie in the padding alone, so that there is no synapse at all.
        rows, columns, data = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0, weight.dtype)]
        for out, channel in product(range(weight.shape[0]), range(ins)):
            source = (out // outs) * ins + channel
            for post, pre, index in pairs:
                rows.append(post + out * windows)
                columns.append(pre + source * size)
                data.append(np.full(len(post), weight[(out, channel, *index)]))
        shape = (weight.shape[0] * windows, channels * size)
        return _sorted(np.concatenate(rows), np.concatenate(columns), np.concatenate(data), shape)


def _sorted(rows: np.ndarray, columns: np.ndarray, data: np.ndarray, shape: tuple[int, int]) -> csr_array:
    """A sparse matrix that keeps entries of 0."""
    order = np.lexsort((columns, rows))
    starts = np.zeros(shape[0] + 1, np.int64)
    np.add.at(starts, rows + 1, 1)
    return csr_array((data[order], columns[order], np.cumsum(starts)), shape=shape)
