"""Convolution: a product of bytes over what every window sees; in groups, place by place of the window."""

from __future__ import annotations

import math
from typing import Any

from targets.jax_fixed.connections.base import Chain
from targets.jax_fixed.writer import quoted


def lower(item: Any, chain: Chain) -> None:
    """Append the link."""
    data = chain.network.tensors[item.weight.name].data
    weights = chain.weigh(_weights(item, data))
    text = _text(item, data, chain.text, weights, chain.ends)
    before = math.prod(item.shape)
    chain.put(item, text)
    places = math.prod(data.shape[1:])
    chain.hold(len(chain.low) // len(data) * places if item.groups == 1 else 4 * before * math.prod(data.shape[2:]))


def matrix_text(item: Any, shape: tuple[int, ...]) -> str:
    """Python text of the matrix [post, pre]: what the convolution makes of every single unit."""
    tensor = f"TENSORS[{quoted(item.weight.name)}]"
    units = f"jnp.eye({math.prod(shape)}, dtype=jnp.int32)"
    geometry = _geometry(item)
    return f"np.asarray(convolution_in_groups({units}, {tensor}.astype(np.int32), {geometry}, {item.groups})).T"


def _weights(item: Any, data: Any) -> str:
    tensor = f"TENSORS[{quoted(item.weight.name)}]"
    if item.groups > 1:
        return f"jnp.asarray({tensor}.astype(np.int32))"
    return f"weight_digits({tensor}.reshape({len(data)}, -1))"


def _text(item: Any, data: Any, values: str, weights: str, ends: str) -> str:
    if item.groups > 1:
        return f"convolution_in_groups({values}, {weights}, {_geometry(item)}, {item.groups})"
    return f"convolution({values}, {weights}, {data.shape[2:]}, {_geometry(item)}, {ends})"


def _geometry(item: Any) -> str:
    return f"{item.shape}, {item.stride}, {item.padding}, {item.dilation}"
