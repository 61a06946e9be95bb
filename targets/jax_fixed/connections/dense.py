"""All-to-all: one product of bytes."""

from __future__ import annotations

from compiler.ir.connections.dense import Dense
from targets.jax_fixed.connections.base import Chain, sum_ends
from targets.jax_fixed.writer import quoted


def lower(item: Dense, chain: Chain) -> None:
    """Append the link."""
    matrix = chain.network.tensor(item.weight).data
    weights = chain.weigh(f"weight_digits({matrix_text(item, chain.shape)})")
    least, most = chain.ends()
    text = f"product({chain.text}, {weights}, {least}, {most})"
    chain.put(text, (matrix.shape[0],), *sum_ends(matrix, chain.low, chain.high))


def matrix_text(item: Dense, shape: tuple[int, ...]) -> str:
    """Python text of the matrix [post, pre]."""
    return f"TENSORS[{quoted(item.weight.name)}]"
