"""Stochastic rounding: random bits from a counter hash of seed, site, unit, step and sample."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from targets.jax_fixed.runtime.wide import narrow, pair, pair_add, pair_floor


def mix(h):
    """Scramble unsigned 32-bit integers (C. Wellons' lowbias32)."""
    h = (h ^ (h >> 16)) * np.uint32(0x7FEB352D)
    h = (h ^ (h >> 15)) * np.uint32(0x846CA68B)
    return h ^ (h >> 16)


def drawn(begun, units, step, batch):
    """What all roundings of a site share in one step, [batch, units]. begun: the hash of seed and site."""
    per_unit = mix(np.uint32(begun) ^ jnp.arange(units, dtype=jnp.uint32))
    return mix(mix(per_unit ^ step.astype(jnp.uint32)) ^ jnp.arange(batch, dtype=jnp.uint32)[:, None])


def rises(lost, counted, noise, site):
    """Whether the `counted` upper bits of what is lost are more than as many random ones."""
    return lost > (mix(noise ^ np.uint32(site)) & np.uint32((1 << counted) - 1)).astype(jnp.int32)


def round_stochastic(x, bits, noise, site):
    """x / 2**bits, rounded down, or up with the probability of what is lost (to 24 bits)."""
    counted = min(bits, 24)
    lost = (x >> (bits - counted)) & ((1 << counted) - 1)
    return (x >> bits) + rises(lost, counted, noise, site)


def pair_stochastic(a, bits, noise, site):
    """a / 2**bits, rounded down, or up with the probability of what is lost (to 24 bits)."""
    counted = min(bits, 24)
    lost = narrow(pair_floor(a, bits - counted)) & ((1 << counted) - 1)
    floor = pair_floor(a, bits)
    return pair_add(floor, pair(rises(lost, counted, noise, site).astype(jnp.int32)))
