"""A range of units: a slice."""

from __future__ import annotations

import math

from compiler.ir.connections.select import Select
from targets.jax_fixed.connections.base import Chain


def lower(item: Select, chain: Chain) -> None:
    """Append the link."""
    units = slice(item.start, item.stop)
    text = f"{chain.text}[..., {item.start}:{item.stop}]"
    chain.put(text, (item.stop - item.start,), chain.low[units], chain.high[units])


def matrix_text(item: Select, shape: tuple[int, ...]) -> str:
    """Python text of the matrix [post, pre]."""
    return f"np.eye({math.prod(shape)}, dtype=np.int8)[{item.start}:{item.stop}]"
