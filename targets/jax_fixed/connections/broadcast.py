"""One unit to all: a repetition."""

from __future__ import annotations

from compiler.ir.connections.broadcast import Broadcast
from targets.jax_fixed.connections.base import Chain


def lower(item: Broadcast, chain: Chain) -> None:
    """Append the link."""
    chain.put(item, f"jnp.repeat({chain.text}, {item.units}, axis=-1)")


def matrix_text(item: Broadcast, shape: tuple[int, ...]) -> str:
    """Python text of the matrix [post, pre]."""
    return f"np.ones(({item.units}, 1), np.int8)"
