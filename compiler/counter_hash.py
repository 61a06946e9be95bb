"""The random bits of stochastic rounding (semantics 13): a hash of where and when, the same on every engine.

On unsigned 32-bit integers with wrap-around:

    mix(h): h ^= h >> 16; h *= 0x7FEB352D; h ^= h >> 15; h *= 0x846CA68B; h ^= h >> 16      (C. Wellons' lowbias32)
    noise = mix(mix(mix(mix(seed ^ crc32(name of the site)) ^ unit) ^ step) ^ sample)
    bits  = mix(noise ^ number of the rounding site)

A value that loses k bits is rounded down, and then up by 1 if the upper m = min(k, 24) of these, as an unsigned
integer, are greater than the lower m bits of `bits`: up with the probability of what was lost, to 2**-24.
"""

from __future__ import annotations

import zlib

import numpy as np

MOST = 24
"""Bits of what is lost that count."""


def mix(h: np.ndarray) -> np.ndarray:
    """Scramble unsigned 32-bit integers."""
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x7FEB352D)
    h = (h ^ (h >> np.uint32(15))) * np.uint32(0x846CA68B)
    return h ^ (h >> np.uint32(16))


def noise(seed: int, name: str, units: int, step: int, samples: int) -> np.ndarray:
    """What all roundings of a site share in one step, uint32 [samples, units]."""
    begun = mix(np.array([(seed & 0xFFFFFFFF) ^ zlib.crc32(name.encode())], np.uint32))
    now = mix(mix(begun ^ np.arange(units, dtype=np.uint32)) ^ np.array([step], np.int64).astype(np.uint32))
    return mix(now ^ np.arange(samples, dtype=np.uint32)[:, None])


def raised(rest: np.ndarray, dropped: int, noise: np.ndarray, site: int) -> np.ndarray:
    """Whether what is lost, 0 … 2**dropped - 1, rounds up."""
    kept = min(dropped, MOST)
    bits = mix(noise ^ np.uint32(site)) & np.uint32((1 << kept) - 1)
    return (rest >> (dropped - kept)) > bits.astype(np.int64)
