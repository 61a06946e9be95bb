"""Unit to unit: elementwise, in int32."""

from __future__ import annotations

from compiler.ir.connections.one_to_one import OneToOne
from targets.jax_fixed.connections.base import Chain
from targets.jax_fixed.writer import quoted


def lower(item: OneToOne, chain: Chain) -> None:
    """Append the link."""
    weights = chain.weigh(f"jnp.asarray(TENSORS[{quoted(item.weight.name)}].reshape(-1).astype(np.int32))")
    chain.put(item, f"{chain.text}.astype(jnp.int32) * {weights}")


def matrix_text(item: OneToOne, shape: tuple[int, ...]) -> str:
    """Python text of the matrix [post, pre]."""
    return f"np.diag(TENSORS[{quoted(item.weight.name)}].reshape(-1))"
