"""The identity: nothing to compute."""

from __future__ import annotations

import math

from compiler.ir.connections.identity import Identity
from targets.jax_fixed.connections.base import Chain


def lower(item: Identity, chain: Chain) -> None:
    """Append the link."""
    chain.shape = (math.prod(chain.shape),)


def matrix_text(item: Identity, shape: tuple[int, ...]) -> str:
    """Python text of the matrix [post, pre]."""
    return f"np.eye({math.prod(shape)}, dtype=np.int8)"
