"""Convolutions: the same weights at every place."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from jax import lax

from spark.core.config import Fault, Quantity, above, integer, quantity
from spark.nn.components.connections.base import Connection, ConnectionConfig, Shape, shape_fault
from spark.nn.components.connections.windows import WindowField, positions, sides, window_faults


class ConvolutionConfig(ConnectionConfig):
    """Fields of all convolutions."""

    weight: Quantity = quantity(extent="any", doc="Weights [out, in / groups, *kernel].")
    bias: Quantity = quantity(0.0, extent="any", doc="What is added, one for each output channel or a scalar.")
    groups: int = integer(1, bound=above(0), doc="Groups of channels that do not see each other.")

    def check(self) -> list[Fault]:
        axes, shape = self.fields["stride"].axes, np.shape(self.weight)  # type: ignore[attr-defined]
        if len(shape) != axes + 2 or 0 in shape:
            return [Fault("weight", f"array of shape {shape}", f"{axes + 2} axes: [out, in / groups, *kernel]")]
        faults = []
        if np.shape(self.bias) not in ((), shape[:1]):
            faults.append(Fault("bias", f"array of shape {np.shape(self.bias)}", f"of shape {shape[:1]} or a scalar"))
        if shape[0] % self.groups:
            faults.append(Fault("groups", self.groups, f"a divisor of the {shape[0]} output channels"))
        if self.padding == "same" and set(self.stride) != {1}:  # type: ignore[attr-defined]
            faults.append(Fault("padding", "same", "a number where the stride is not 1",  # type: ignore[arg-type]
                                "'same' says nothing about where a stride starts"))
        return faults


class Conv1dConfig(ConvolutionConfig):
    """Parameters of Conv1d."""

    stride: Any = WindowField((1,), axes=1, low=1, doc="Steps of the window.")
    padding: Any = WindowField((0,), axes=1, low=0, words=("same", "valid"), doc="Zeros put at both ends.")
    dilation: Any = WindowField((1,), axes=1, low=1, doc="Distance of the weights.")


class Conv2dConfig(ConvolutionConfig):
    """Parameters of Conv2d."""

    stride: Any = WindowField((1, 1), axes=2, low=1, doc="Steps of the window.")
    padding: Any = WindowField((0, 0), axes=2, low=0, words=("same", "valid"), doc="Zeros put at both ends.")
    dilation: Any = WindowField((1, 1), axes=2, low=1, doc="Distance of the weights.")


class Convolution(Connection[ConvolutionConfig]):
    """Base of the convolutions: cross-correlation over the axes after the channels, as in PyTorch."""

    config: Any

    @property
    def kernel(self) -> Shape:
        return np.shape(self.config.weight)[2:]

    @property
    def padding(self) -> tuple[tuple[int, int], ...]:
        """Zeros before and after every axis."""
        return sides(self.config.padding, self.kernel, self.config.dilation)

    def misfits(self, shape: Shape) -> list[Fault]:
        weight, groups = np.shape(self.config.weight), self.config.groups
        channels = weight[1] * groups
        if len(shape) != len(self.kernel) + 1 or shape[0] != channels:
            expected = f"{len(self.kernel) + 1} axes, {channels} channels first: the weight has shape {weight}"
            return [shape_fault(shape, expected + (f", groups {groups}" if groups > 1 else ""))]
        return window_faults(shape, self.kernel, self.config.stride, self.padding, self.config.dilation)

    def output_shape(self, shape: Shape) -> Shape:
        config = self.config
        return (np.shape(config.weight)[0], *positions(shape[1:], self.kernel, config.stride, self.padding,
                                                       config.dilation))

    def params_for(self, shape: Shape) -> dict[str, np.ndarray]:
        weight = np.asarray(self.config.weight, np.float64)
        return {"weight": weight, "bias": np.broadcast_to(np.asarray(self.config.bias, np.float64), weight.shape[:1])}

    def apply(self, signal: Any, params: Any) -> Any:
        config, axes = self.config, "HW"[-len(self.kernel) :]
        # Channels last: in a loop over time XLA convolves ten times slower otherwise.
        result = lax.conv_general_dilated(
            jnp.moveaxis(signal[None], 1, -1), jnp.moveaxis(params["weight"], (0, 1), (-1, -2)), config.stride,
            self.padding, rhs_dilation=config.dilation, feature_group_count=config.groups,
            dimension_numbers=(f"N{axes}C", f"{axes}IO", f"N{axes}C"), precision=lax.Precision.HIGHEST)
        return jnp.moveaxis(result[0] + params["bias"], -1, 0)


class Conv1d(Convolution):
    """Cross-correlation over one axis: y[o, x] = b[o] + Σ W[o, c, k]·x[c, x·stride + k·dilation − padding].

    Parameters: weight [out, in / groups, kernel], bias [out]; stride, padding (a number, 'same' or 'valid'), dilation,
    groups. Input signal [in, extent]; output current [out, windows]. State: none. Errors: ConfigError.
    Source: NIR, primitive Conv1d; conventions of PyTorch.

    >>> Conv1d(weight=[[[1.0, 1.0]]]).build((1, 4)).run(np.ones((1, 1, 4)))[0]["current"].tolist()
    [[[2.0, 2.0, 2.0]]]
    """

    config_class = Conv1dConfig


class Conv2d(Convolution):
    """Cross-correlation over two axes (channels, height, width).

    Parameters: weight [out, in / groups, height, width], bias [out]; stride, padding (a number, two, 'same' or
    'valid'), dilation, groups. Input signal [in, height, width]; output current [out, windows, windows]. State: none.
    Errors: ConfigError. Source: NIR, primitive Conv2d; conventions of PyTorch.

    >>> Conv2d(weight=np.ones((3, 2, 5, 5)), stride=2, padding=1).build((2, 34, 34)).output_specs["current"].shape
    (3, 16, 16)
    """

    config_class = Conv2dConfig
