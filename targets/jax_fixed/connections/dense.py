"""All-to-all: one product of bytes."""

from __future__ import annotations

from compiler.ir.connections.dense import Dense
from targets.jax_fixed.connections.base import Chain
from targets.jax_fixed.writer import quoted


def lower(item: Dense, chain: Chain) -> None:
    """Append the link."""
    weights = chain.weigh(f"weight_digits({matrix_text(item, chain.shape)})")
    chain.put(item, f"product({chain.text}, {weights}, {chain.ends})")


def matrix_text(item: Dense, shape: tuple[int, ...]) -> str:
    """Python text of the matrix [post, pre]."""
    return f"TENSORS[{quoted(item.weight.name)}]"
