"""Pooling: sums and means of windows."""

from __future__ import annotations

from typing import Any

import numpy as np
from jax import lax

from spark.core.config import Fault
from spark.nn.components.connections.base import Connection, ConnectionConfig, Shape, shape_fault
from spark.nn.components.connections.windows import WindowField, positions, sides, window_faults


class SumPool2dConfig(ConnectionConfig):
    """Parameters of SumPool2d."""

    kernel_size: Any = WindowField((2, 2), axes=2, low=1, doc="Height and width of the window.")
    stride: Any = WindowField((2, 2), axes=2, low=1, doc="Steps of the window.")
    padding: Any = WindowField((0, 0), axes=2, low=0, doc="Zeros put at both ends.")


class SumPool2d(Connection[SumPool2dConfig]):
    """Sums of windows over the last two axes; windows that do not fit in whole are left out.

    Parameters: kernel_size, stride, padding (a number or two). Input signal [channels, height, width]; output current
    [channels, windows, windows]. State: none. Errors: ConfigError. Source: NIR, primitive SumPool2d.

    >>> SumPool2d(kernel_size=2, stride=2).build((1, 4, 5)).run(np.ones((1, 1, 4, 5)))[0]["current"].tolist()
    [[[[4.0, 4.0], [4.0, 4.0]]]]
    """

    config_class = SumPool2dConfig

    @property
    def padding(self) -> tuple[tuple[int, int], ...]:
        """Zeros before and after every axis."""
        return sides(self.config.padding, self.config.kernel_size, (1, 1))

    def misfits(self, shape: Shape) -> list[Fault]:
        if len(shape) != 3:
            return [shape_fault(shape, "3 axes: channels, height, width")]
        return window_faults(shape, self.config.kernel_size, self.config.stride, self.padding, (1, 1))

    def output_shape(self, shape: Shape) -> Shape:
        config = self.config
        return (shape[0], *positions(shape[1:], config.kernel_size, config.stride, self.padding, (1, 1)))

    def apply(self, signal: Any, params: Any) -> Any:
        config = self.config
        # Zero of the signal's own type: a Python zero would choose another one under vmap.
        zero = np.zeros((), signal.dtype)
        return lax.reduce_window(signal, zero, lax.add, (1, *config.kernel_size), (1, *config.stride),
                                 ((0, 0), *self.padding))


class AvgPool2dConfig(SumPool2dConfig):
    """Parameters of AvgPool2d."""


class AvgPool2d(SumPool2d):
    """Means of windows; zeros of the padding count.

    Parameters, ports, state and errors as SumPool2d. Source: NIR, primitive AvgPool2d.

    >>> AvgPool2d(kernel_size=2, stride=2).build((1, 2, 2)).run(np.ones((1, 1, 2, 2)))[0]["current"].tolist()
    [[[[1.0]]]]
    """

    config_class = AvgPool2dConfig

    def apply(self, signal: Any, params: Any) -> Any:
        return super().apply(signal, params) / float(np.prod(self.config.kernel_size))
