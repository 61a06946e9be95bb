"""Integers of 64 bits as pairs (high: int32, low: uint32), for exact results that 32 bits cannot hold."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np


def pair(x):
    """An int32 as a pair."""
    x = jnp.asarray(x, jnp.int32)
    return x >> 31, x.astype(jnp.uint32)


def pair_unsigned(x):
    """The bits of an int32 as a pair of value 0 … 2**32 - 1."""
    x = jnp.asarray(x, jnp.int32)
    return jnp.zeros_like(x), x.astype(jnp.uint32)


def pair_constant(value):
    """A Python integer as a pair."""
    return jnp.int32(value >> 32), jnp.uint32(value & 0xFFFFFFFF)


def narrow(a):
    """The low 32 bits of a pair as an int32: its value, where that fits."""
    return jnp.asarray(a[1]).astype(jnp.int32)


def pair_add(a, b):
    """a + b."""
    low = a[1] + b[1]
    return a[0] + b[0] + (low < a[1]), low


def pair_negate(a):
    """-a."""
    low = ~a[1] + np.uint32(1)
    return ~a[0] + (low == 0), low


def pair_subtract(a, b):
    """a - b."""
    low = a[1] - b[1]
    return a[0] - b[0] - (a[1] < b[1]), low


def pair_multiply(a, b):
    """a * b, from products of 16-bit halves of the low parts and the wrapped products of the high ones."""
    half = np.uint32(0xFFFF)
    a0, a1, b0, b1 = a[1] & half, a[1] >> 16, b[1] & half, b[1] >> 16
    middle = (a0 * b0 >> 16) + (a1 * b0 & half) + (a0 * b1 & half)
    high = a1 * b1 + (a1 * b0 >> 16) + (a0 * b1 >> 16) + (middle >> 16)
    crossed = a[0] * b[1].astype(jnp.int32) + a[1].astype(jnp.int32) * b[0]
    return high.astype(jnp.int32) + crossed, a[1] * b[1]


def pair_left(a, bits):
    """a * 2**bits."""
    if bits == 0:
        return a
    if bits >= 32:
        return (a[1] << (bits - 32)).astype(jnp.int32), a[1] & np.uint32(0)
    return (a[0] << bits) | (a[1] >> (32 - bits)).astype(jnp.int32), a[1] << bits


def pair_floor(a, bits):
    """a / 2**bits, rounded down."""
    if bits == 0:
        return a
    if bits >= 32:
        return a[0] >> 31, (a[0] >> (bits - 32)).astype(jnp.uint32)
    return a[0] >> bits, (a[1] >> bits) | (a[0] << (32 - bits)).astype(jnp.uint32)


def pair_dropped(a, bits):
    """(bit bits - 1 of a, whether any bit below it is set): what rounding to nearest must know."""
    half = pair_floor(a, bits - 1)
    below = pair_subtract(a, pair_left(half, bits - 1))
    return half[1] & np.uint32(1) == 1, (below[0] != 0) | (below[1] != 0)


def pair_raise(a, up):
    """a + 1 where up."""
    return pair_add(a, (jnp.zeros_like(a[0]), up.astype(jnp.uint32)))


def pair_zero(a, bits):
    """a / 2**bits, rounded toward zero."""
    half, below = pair_dropped(a, bits)
    return pair_raise(pair_floor(a, bits), (a[0] < 0) & (half | below))


def pair_even(a, bits):
    """a / 2**bits, to the nearest integer, ties to even."""
    floor = pair_floor(a, bits)
    half, below = pair_dropped(a, bits)
    return pair_raise(floor, half & (below | (floor[1] & np.uint32(1) == 1)))


def pair_away(a, bits):
    """a / 2**bits, to the nearest integer, ties away from zero."""
    half, below = pair_dropped(a, bits)
    return pair_raise(pair_floor(a, bits), half & (below | (a[0] >= 0)))


def pair_less(a, b):
    """a < b."""
    return (a[0] < b[0]) | ((a[0] == b[0]) & (a[1] < b[1]))


def pair_equal(a, b):
    """a == b."""
    return (a[0] == b[0]) & (a[1] == b[1])


def pair_select(condition, a, b):
    """a where the condition holds, else b."""
    return jnp.where(condition, a[0], b[0]), jnp.where(condition, a[1], b[1])


def pair_minimum(a, b):
    """The smaller."""
    return pair_select(pair_less(a, b), a, b)


def pair_maximum(a, b):
    """The larger."""
    return pair_select(pair_less(a, b), b, a)


def pair_absolute(a):
    """|a|."""
    return pair_select(a[0] < 0, pair_negate(a), a)


def pair_sign(a):
    """-1, 0 or 1, as an int32."""
    return jnp.where(a[0] < 0, -1, jnp.where((a[0] == 0) & (a[1] == 0), 0, 1)).astype(jnp.int32)


def pair_wrap(a, width, signed):
    """The low `width` bits of a, as two's complement or unsigned."""
    if signed:
        return pair_floor(pair_left(a, 64 - width), 64 - width)
    return a[0] & np.int32((1 << max(width - 32, 0)) - 1), a[1] & np.uint32((1 << min(width, 32)) - 1)
