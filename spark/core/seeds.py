"""Random numbers from a seed and a role, so that nothing depends on the order of construction."""

from __future__ import annotations

import zlib

import numpy as np

SEED_LIMIT = 2**63


def generator(seed: int, role: str) -> np.random.Generator:
    """The random numbers of one role (`'synapses.kernel'`, say) under one seed; seed 0 is a seed like any other."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, zlib.crc32(role.encode())])))


def derived(seed: int, name: str) -> int:
    """A seed for the part called `name`, so that equal parts of one whole differ."""
    return int(generator(seed, f"part:{name}").integers(2**31))
