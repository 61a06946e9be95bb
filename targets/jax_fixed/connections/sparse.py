"""A list of synapses: as a dense product of bytes where that is small or not very empty, else synapse by synapse."""

from __future__ import annotations

import math

from compiler.ir.connections.sparse import Sparse
from targets.jax_fixed.connections.base import Chain
from targets.jax_fixed.writer import quoted

SMALL, LARGEST = 1 << 16, 1 << 26
"""Bytes of a matrix that is always, or never, filled."""

WORTH = 64
"""Products of bytes that take as long as one synapse of a list."""


def lower(item: Sparse, chain: Chain) -> None:
    """Append the link."""
    tensors = chain.network.tensors
    size = (len(tensors[item.starts.name].data) - 1) * math.prod(chain.shape)
    synapses = len(tensors[item.sources.name].data)
    if synapses == 0 or size <= min(max(SMALL, WORTH * synapses), LARGEST):
        weights = chain.weigh(f"weight_digits({matrix_text(item, chain.shape)})")
        chain.put(item, f"product({chain.text}, {weights}, {chain.ends})")
        return
    weights = chain.weigh(f"padded({_arrays(item)})")
    chain.hold(4 * math.prod(chain.shape))
    chain.put(item, f"sparse_product({chain.text}, {weights})")


def matrix_text(item: Sparse, shape: tuple[int, ...]) -> str:
    """Python text of the matrix [post, pre]."""
    return f"filled({_arrays(item)}, {math.prod(shape)})"


def _arrays(item: Sparse) -> str:
    return ", ".join(f"TENSORS[{quoted(name.name)}]" for name in (item.weight, item.starts, item.sources))
