"""Running a network over time: in blocks of steps, so that what a block computes stays in the processor's caches."""

from __future__ import annotations

import jax
from jax import lax


def steps_of_block(steps, batch, rows):
    """Steps that are computed together: about `rows` rows of all samples, and if possible a divisor of all steps."""
    most = max(1, min(steps, -(-rows // batch)))
    return next((size for size in range(most, most // 2, -1) if steps % size == 0), most)


def in_blocks(block, state, inputs, rows):
    """Run all steps of inputs [batch, steps, units] block after block.

    block: (state, {name: [steps, batch, units]}) -> (state, {name: rows alike}). Returns the state and
    {name: [batch, steps, units]}.
    """
    batch, steps, _ = next(iter(inputs.values())).shape
    size = steps_of_block(steps, batch, rows)
    whole = steps // size * size
    parts = []
    if whole > size:
        cut = jax.tree.map(lambda x: x[:, :whole].reshape(batch, -1, size, x.shape[2]).transpose(1, 2, 0, 3), inputs)
        state, found = lax.scan(block, state, cut)
        parts.append(jax.tree.map(lambda x: x.reshape(whole, batch, x.shape[3]), found))
    else:
        whole = 0
    for start in range(whole, steps, size):
        state, found = block(state, jax.tree.map(lambda x, t=start: x[:, t : t + size].swapaxes(0, 1), inputs))
        parts.append(found)
    joined_parts = jax.tree.map(lambda *rows: jax.numpy.concatenate(rows), *parts) if len(parts) > 1 else parts[0]
    return state, jax.tree.map(lambda x: x.swapaxes(0, 1), joined_parts)
