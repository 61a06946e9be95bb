"""Weights that change: what arrives at every synapse, and sums with the weights of the moment."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np


def at_synapses(values, post):
    """What arrives at each synapse [..., post * pre] from values [..., pre], as int32."""
    return jnp.tile(values.astype(jnp.int32), post)


def at_synapses_late(values, delays, kinds):
    """The same from the values of every delay in `kinds`, side by side. delays: [post, pre]."""
    late = values.reshape(*values.shape[:-1], len(kinds), -1)
    late = late[..., np.searchsorted(kinds, delays), np.arange(delays.shape[1])]
    return late.reshape(*values.shape[:-1], -1).astype(jnp.int32)


def weighed(weights, values, post):
    """Sums [batch, post] of weights times values, both [batch, post * pre], modulo 2**32."""
    return (weights * values).reshape(weights.shape[0], post, -1).sum(axis=-1, dtype=jnp.int32)
