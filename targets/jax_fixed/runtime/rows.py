"""Rows of values over time, [steps, batch, units], and what is remembered of them between runs."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import lax


def joined(state, name, rows):
    """The rows of a port with the remembered ones of earlier steps before them."""
    past = state.get("history." + name)
    return rows if past is None else jnp.concatenate([past.swapaxes(0, 1).astype(rows.dtype), rows])


def remembered(rows, depth):
    """The last `depth` rows as [batch, depth, units], the oldest first: what later steps still need."""
    return rows[rows.shape[0] - depth :].swapaxes(0, 1)


def delayed(rows, steps, delay):
    """What arrives in the last `steps` steps: rows that were emitted `delay` steps before."""
    stop = rows.shape[0] - delay
    return lax.slice_in_dim(rows, stop - steps, stop)


def by_unit(rows_of, delays):
    """One row, or rows, in which every unit has its own delay. rows_of: delay -> those of all units."""
    kinds = [int(delay) for delay in np.unique(delays)]
    mixed = rows_of(kinds[0])
    for delay in kinds[1:]:
        mixed = jnp.where(delays == delay, rows_of(delay), mixed)
    return mixed


def side_by_side(rows_of, kinds):
    """The units once for every delay in `kinds`, side by side. rows_of: delay -> rows."""
    return jnp.concatenate([rows_of(delay) for delay in kinds], axis=-1)



def ring(state, name, depth):
    """The last `depth` remembered rows of a port that its own layer listens to: row t lies at index t % depth."""
    past = state["history." + name]
    return past[:, past.shape[1] - depth :].swapaxes(0, 1)


def ring_row(rows, t, delay):
    """The row that was emitted `delay` steps before step t."""
    return lax.dynamic_index_in_dim(rows, (t - delay) % rows.shape[0], keepdims=False)


def ring_with(rows, t, row):
    """The ring with the row of step t in place of the oldest one."""
    return lax.dynamic_update_index_in_dim(rows, row, t % rows.shape[0], 0)
