"""A list of synapses: as a dense product of bytes where that is small or not very empty, else synapse by synapse."""

from __future__ import annotations

import math

from compiler.ir.connections.sparse import Sparse
from targets.jax_fixed.connections.base import Chain, sum_ends
from targets.jax_fixed.writer import quoted

SMALL, LARGEST = 1 << 16, 1 << 26
"""Bytes of a matrix that is always, or never, filled."""

WORTH = 256
"""Products of bytes that take as long as one synapse of a list."""


def lower(item: Sparse, chain: Chain) -> None:
    """Append the link."""
    matrix = item.matrix(chain.shape, chain.network.tensors)
    posts, pres = len(chain.network.tensor(item.starts).data) - 1, math.prod(chain.shape)
    synapses = len(chain.network.tensor(item.sources).data)
    ends = sum_ends(matrix, chain.low, chain.high)
    if synapses == 0 or posts * pres <= min(max(SMALL, WORTH * synapses), LARGEST):
        weights = chain.weigh(f"weight_digits({matrix_text(item, chain.shape)})")
        least, most = chain.ends()
        chain.put(f"product({chain.text}, {weights}, {least}, {most})", (posts,), *ends)
        return
    weights = chain.weigh(f"padded({_arrays(item)})")
    chain.put(f"sparse_product({chain.text}, {weights})", (posts,), *ends)


def matrix_text(item: Sparse, shape: tuple[int, ...]) -> str:
    """Python text of the matrix [post, pre]."""
    return f"filled({_arrays(item)}, {math.prod(shape)})"


def _arrays(item: Sparse) -> str:
    return ", ".join(f"TENSORS[{quoted(name.name)}]" for name in (item.weight, item.starts, item.sources))


