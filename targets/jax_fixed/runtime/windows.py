"""Sums over windows that slide over the last axes: convolution and pooling, exactly."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from targets.jax_fixed.runtime.products import product


def window_places(values, kernel, shape, stride, padding, dilation):
    """For each place in the window what all windows see there: [rows, channels, *windows] of values [..., units].

    shape: (channels, *extent) of the units. padding: zeros before and after each axis.
    """
    around = [(0, 0), (0, 0), *zip(padding[::2], padding[1::2], strict=True)]
    values = jnp.pad(values.reshape(-1, *shape), around)
    counts = [
        (extent - step * (width - 1) - 1) // hop + 1
        for extent, width, hop, step in zip(values.shape[2:], kernel, stride, dilation, strict=True)
    ]
    found = []
    for place in np.ndindex(*kernel):
        starts = [index * step for index, step in zip(place, dilation, strict=True)]
        cut = (
            slice(start, start + hop * (count - 1) + 1, hop)
            for start, hop, count in zip(starts, stride, counts, strict=True)
        )
        found.append(values[(slice(None), slice(None), *cut)])
    return found


def convolution(values, weights, kernel, shape, stride, padding, dilation, low, high):
    """Windows of values [..., units] in low … high times weights [out, channels * places], as int32 [..., units]."""
    seen = jnp.stack(window_places(values, kernel, shape, stride, padding, dilation), axis=2)
    rows, channels, places = seen.shape[:3]
    patches = seen.reshape(rows, channels * places, -1).swapaxes(1, 2)
    sums = product(patches, weights, low, high)
    return sums.swapaxes(1, 2).reshape(*values.shape[:-1], -1)


def convolves_floats():
    """Whether convolutions in float32 are plain sums of products, exact as long as these are below 2**24.

    Processors compute them so; elsewhere transforms may be used that round.
    """
    return jax.default_backend() == "cpu"


def kernel(weights):
    """Weights [out, channels / groups, *kernel] whose sums are below 2**24, for `convolution_of_floats`.

    Channels stand last, where processors want them: otherwise a loop over blocks is ten times slower.
    """
    if not convolves_floats():
        return jnp.asarray(weights.astype(np.int32))
    return jnp.asarray(np.moveaxis(weights, (0, 1), (-1, -2)).astype(np.float32))


def convolution_of_floats(values, weights, shape, stride, padding, dilation, groups):
    """The same in groups of channels, of values and weights whose sums are below 2**24. weights: of `kernel`."""
    if weights.dtype != jnp.float32:
        return convolution_in_groups(values, weights, shape, stride, padding, dilation, groups)
    axes = "HW"[-len(stride) :]
    sums = lax.conv_general_dilated(
        jnp.moveaxis(values.reshape(-1, *shape), 1, -1).astype(jnp.float32), weights, stride,
        tuple(zip(padding[::2], padding[1::2], strict=True)), rhs_dilation=dilation,
        dimension_numbers=(f"N{axes}C", f"{axes}IO", f"N{axes}C"), feature_group_count=groups,
        precision=lax.Precision.HIGHEST,
    )
    return jnp.moveaxis(sums.astype(jnp.int32), -1, 1).reshape(*values.shape[:-1], -1)


def convolution_in_groups(values, weights, shape, stride, padding, dilation, groups):
    """The same in groups of channels. weights: int32 [out, channels / groups, *kernel]."""
    outs, ins, *kernel = weights.shape
    seen = window_places(values.astype(jnp.int32), kernel, shape, stride, padding, dilation)
    flat = weights.reshape(outs, ins, -1)
    sums = 0
    for channel in range(ins):
        sources = np.arange(outs) // (outs // groups) * ins + channel
        for place, part in enumerate(seen):
            own = flat[:, channel, place].reshape(outs, *[1] * (part.ndim - 2))
            sums = sums + own * part[:, sources]
    return jnp.asarray(sums).reshape(*values.shape[:-1], -1)


def pooled(values, kernel, shape, stride, padding):
    """Sums of windows, channel by channel, of values [..., units], as int32 [..., units]."""
    places = window_places(values.astype(jnp.int32), kernel, shape, stride, padding, [1] * len(kernel))
    return sum(places[1:], places[0]).reshape(*values.shape[:-1], -1)
