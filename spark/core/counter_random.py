"""Random bits that depend on where and when, not on what was drawn before: a counter hash.

The specification, on unsigned 32-bit integers with wrap-around:

    mix(h):  h ^= h >> 16; h *= 0x7FEB352D; h ^= h >> 15; h *= 0x846CA68B; h ^= h >> 16
    bits = mix(mix(mix(mix(seed ^ crc32(role)) ^ unit) ^ step) ^ sample)

(`mix` is C. Wellons' lowbias32.) The same integers on every machine and in every number type.
"""

from __future__ import annotations

import zlib
from typing import Any

import jax.numpy as jnp
import numpy as np


def mix(h: Any) -> Any:
    """Scramble unsigned 32-bit integers."""
    h = (h ^ (h >> 16)) * np.uint32(0x7FEB352D)
    h = (h ^ (h >> 15)) * np.uint32(0x846CA68B)
    return h ^ (h >> 16)


def start(seed: int, role: str) -> np.ndarray:
    """The part of the hash that does not change: of the seed (its low 32 bits) and the role."""
    # An array of one: NumPy warns of a scalar's wrap-around, not of an array's.
    return mix(np.array([(seed & 0xFFFFFFFF) ^ zlib.crc32(role.encode())], dtype=np.uint32))[0]


def random_bits(begun: Any, size: int, step: Any, sample: Any) -> Any:
    """`size` unsigned 32-bit integers, one for each unit, of this step and sample."""
    per_unit = mix(jnp.asarray(begun, jnp.uint32) ^ jnp.arange(size, dtype=jnp.uint32))
    return mix(mix(per_unit ^ jnp.asarray(step).astype(jnp.uint32)) ^ jnp.asarray(sample).astype(jnp.uint32))


def uniform(bits: Any, dtype: Any) -> Any:
    """Numbers in [0, 1) from the upper 24 bits, exact in float32 (fewer digits are kept in narrower types)."""
    return (bits >> 8).astype(dtype) * jnp.asarray(2.0**-24, dtype)
