"""A range of units: a slice."""

from __future__ import annotations

import math

from compiler.ir.connections.select import Select
from targets.jax_fixed.connections.base import Chain


def lower(item: Select, chain: Chain) -> None:
    """Append the link."""
    chain.put(item, f"{chain.text}[..., {item.start}:{item.stop}]")


def matrix_text(item: Select, shape: tuple[int, ...]) -> str:
    """Python text of the matrix [post, pre]."""
    return f"np.eye({math.prod(shape)}, dtype=np.int8)[{item.start}:{item.stop}]"
