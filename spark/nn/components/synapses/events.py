"""Weighted sums of few spikes: only the weights of those that are there are read."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

CHUNK = 32
"""Spikes that are searched for at once."""
FEW = 4
"""From one spike in so many units on, reading all weights is faster."""
WORTHWHILE = 1 << 16
"""Weights below which nothing is gained."""


def is_worthwhile(weights: Any) -> bool:
    """Whether sums over these weights [*post, *pre] gain from few spikes.

    On processors only: elsewhere whole products are faster than loops of unknown length. Not for short numbers, whose
    products are added up in longer ones.
    """
    return jax.default_backend() == "cpu" and weights.size >= WORTHWHILE and weights.dtype.itemsize >= 4


def event_sum(rows: Any, spikes: Any) -> Any:
    """Σ_j rows[j]·spikes[j]: rows [pre, post], spikes [pre], any numbers. Not differentiable in reverse.

    The time it takes grows with the number of spikes that are not 0, up to a quarter of the units; then it is that of
    a product of matrix and vector.
    """
    there = spikes != 0
    count = jnp.sum(there)
    return lax.cond(count * FEW > spikes.size, _product, _chunks, rows, spikes, there.astype(jnp.float32), count)


def _product(rows: Any, spikes: Any, there: Any, count: Any) -> Any:
    return lax.dot_general(spikes, rows, (((0,), (0,)), ((), ())), precision=lax.Precision.HIGHEST)


def _chunks(rows: Any, spikes: Any, there: Any, count: Any) -> Any:
    size = min(CHUNK, spikes.size)

    def add(carry: Any) -> Any:
        total, waiting, left = carry
        _, index = lax.top_k(waiting, size)

        def one(k: Any, total: Any) -> Any:
            return total + spikes[index[k]] * lax.dynamic_index_in_dim(rows, index[k], keepdims=False)

        return lax.fori_loop(0, jnp.minimum(left, size), one, total), waiting.at[index].set(0), left - size

    start = jnp.zeros(rows.shape[1], rows.dtype), there, count
    return lax.while_loop(lambda carry: carry[2] > 0, add, start)[0]
