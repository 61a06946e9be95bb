"""Running a network over time: in blocks of steps, so that what a block computes stays in the processor's caches."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax


def steps_of_block(steps, batch, rows):
    """Steps that are computed together: about `rows` rows of all samples, and if possible a divisor of all steps."""
    most = max(1, min(steps, -(-rows // batch)))
    return next((size for size in range(most, most // 2, -1) if steps % size == 0), most)


def in_blocks(block, state, inputs, rows):
    """Run all steps of inputs [batch, steps, units] block after block, about `rows` steps times samples in each.

    block: (state, {name: [steps, batch, units]}) -> (state, {name: rows alike}). Returns the state and
    {name: [batch, steps, units]}.
    """
    batch, steps, _ = next(iter(inputs.values())).shape
    size = steps_of_block(steps, batch, rows)

    def run_block(state, start, size=size):
        cut = jax.tree.map(lambda x: lax.dynamic_slice_in_dim(x, start, size, 1).swapaxes(0, 1), inputs)
        return block(state, cut)

    state, found = lax.scan(run_block, state, jnp.arange(0, steps - size + 1, size))
    found = jax.tree.map(lambda x: x.reshape(-1, batch, x.shape[3]), found)
    rest = steps % size
    if rest:
        state, last = run_block(state, steps - rest, rest)
        found = jax.tree.map(lambda x, y: jnp.concatenate([x, y]), found, last)
    return state, jax.tree.map(lambda x: x.swapaxes(0, 1), found)
