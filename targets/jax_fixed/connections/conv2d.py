"""Convolution: a product of bytes over what every window sees, or in float32 where that is exact and faster.

Sums of products below 2**24 are exact in float32 whatever their order. Which way is faster on a processor was measured
(benchmarks/nir_cnn.py --layers): bytes as long as what all windows see stays small, floats beyond, and in groups
always. Where neither holds, groups are added up place by place of the window.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from targets.jax_fixed.connections.base import Chain
from targets.jax_fixed.writer import quoted

EXACT = 1 << 24
"""Integers below it are float32 numbers."""

SEEN = 16_000
"""Bytes that all windows of a row see, from which on floats are faster."""


def lower(item: Any, chain: Chain) -> None:
    """Append the link."""
    data = chain.network.tensors[item.weight.name].data
    seen = math.prod(item.windows(data).positions) * math.prod(data.shape[1:])
    floats = (item.groups > 1 or seen > SEEN) and _is_exact(item, data, chain)
    weights = chain.weigh(_weights(item, data, floats))
    text = _text(item, data, chain.text, weights, chain.ends, floats)
    before = math.prod(item.shape)
    chain.put(item, text)
    places = 1 if floats else math.prod(data.shape[2:])
    chain.hold(4 * before * places if item.groups > 1 or floats else seen)


def _is_exact(item: Any, data: np.ndarray, chain: Chain) -> bool:
    """Whether every part of every sum is below 2**24."""
    largest = np.maximum(np.abs(chain.low), np.abs(chain.high)).astype(np.float64).reshape(item.shape)
    weights = np.abs(data.astype(np.float64))
    sums = item.windows(data).correlate(largest, weights, item.groups)
    return max(sums.max(initial=0), largest.max(initial=0), weights.max(initial=0)) < EXACT


def matrix_text(item: Any, shape: tuple[int, ...]) -> str:
    """Python text of the matrix [post, pre]: what the convolution makes of every single unit."""
    tensor = f"TENSORS[{quoted(item.weight.name)}]"
    units = f"jnp.eye({math.prod(shape)}, dtype=jnp.int32)"
    geometry = _geometry(item)
    return f"np.asarray(convolution_in_groups({units}, {tensor}.astype(np.int32), {geometry}, {item.groups})).T"


def _weights(item: Any, data: np.ndarray, floats: bool) -> str:
    tensor = f"TENSORS[{quoted(item.weight.name)}]"
    if floats:
        return f"kernel({tensor})"
    if item.groups > 1:
        return f"jnp.asarray({tensor}.astype(np.int32))"
    return f"weight_digits({tensor}.reshape({len(data)}, -1))"


def _text(item: Any, data: np.ndarray, values: str, weights: str, ends: str, floats: bool) -> str:
    if floats or item.groups > 1:
        function = "convolution_of_floats" if floats else "convolution_in_groups"
        return f"{function}({values}, {weights}, {_geometry(item)}, {item.groups})"
    return f"convolution({values}, {weights}, {data.shape[2:]}, {_geometry(item)}, {ends})"


def _geometry(item: Any) -> str:
    return f"{item.shape}, {item.stride}, {item.padding}, {item.dilation}"
