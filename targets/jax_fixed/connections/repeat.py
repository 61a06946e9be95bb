"""All units several times over: a copy."""

from __future__ import annotations

import math

from compiler.ir.connections.repeat import Repeat
from targets.jax_fixed.connections.base import Chain


def lower(item: Repeat, chain: Chain) -> None:
    """Append the link."""
    chain.put(item, f"jnp.concatenate([{chain.text}] * {item.times}, axis=-1)")


def matrix_text(item: Repeat, shape: tuple[int, ...]) -> str:
    """Python text of the matrix [post, pre]."""
    return f"np.tile(np.eye({math.prod(shape)}, dtype=np.int8), ({item.times}, 1))"
