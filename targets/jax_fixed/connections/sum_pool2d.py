"""Pooling: the places of a window added up, in int32."""

from __future__ import annotations

import math
from typing import Any

from targets.jax_fixed.connections.base import Chain


def lower(item: Any, chain: Chain) -> None:
    """Append the link."""
    chain.put(item, _text(item, chain.text))
    chain.hold(4 * math.prod(item.shape))


def matrix_text(item: Any, shape: tuple[int, ...]) -> str:
    """Python text of the matrix [post, pre]: what pooling makes of every single unit."""
    return f"np.asarray({_text(item, f'jnp.eye({math.prod(shape)}, dtype=jnp.int32)')}).T"


def _text(item: Any, values: str) -> str:
    return f"pooled({values}, {item.kernel}, {item.shape}, {item.stride}, {item.padding})"
