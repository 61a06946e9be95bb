"""Exact int32 arithmetic: rounding when bits are dropped, fitting, products wider than 32 bits in two halves."""

from __future__ import annotations

import jax.numpy as jnp


def round_zero(x, bits):
    """x / 2**bits, rounded toward zero."""
    return (x + ((x >> 31) & ((1 << bits) - 1))) >> bits


def round_even(x, bits):
    """x / 2**bits, to the nearest integer, ties to even."""
    floor, rest = x >> bits, x & ((1 << bits) - 1)
    return floor + (rest - (1 << (bits - 1)) + (floor & 1) > 0)


def round_away(x, bits):
    """x / 2**bits, to the nearest integer, ties away from zero."""
    floor, rest = x >> bits, x & ((1 << bits) - 1)
    return floor + (rest - (1 << (bits - 1)) + (floor >= 0) > 0)


def round_up(x, bits):
    """x / 2**bits, to the next integer above."""
    return (x >> bits) + (x & ((1 << bits) - 1) != 0)


def wrap_signed(x, width):
    """The low `width` bits of x as two's complement."""
    return (x << (32 - width)) >> (32 - width)


def split_product(x, y, cut, bits, bias, both):
    """((x * y + bias) / 2**bits rounded down, whether nothing was dropped), where x * y may need more than 32 bits.

    y is cut into a high part and `cut` low bits, and so is x if `both`. It is known that the products of the parts fit,
    and so does the result. bias: 0 <= bias < 2**bits.
    """
    mask, kept = (1 << cut) - 1, bits - cut
    if both:
        low = (x & mask) * (y & mask) + (bias & mask)
        middle = (x >> cut) * (y & mask) + (x & mask) * (y >> cut) + (bias >> cut) + (low >> cut)
        whole = ((x >> cut) * (y >> cut) << (cut - kept)) + (middle >> kept)
        return whole, (low & mask | middle & ((1 << kept) - 1)) == 0
    if kept == 0:
        low = x * (y & mask) + bias
        return x * (y >> cut) + (low >> cut), low & mask == 0
    low = x * (y & mask) + (bias & mask)
    high = x * (y >> cut) + (bias >> cut) + (low >> cut)
    return high >> kept, (low & mask | high & ((1 << kept) - 1)) == 0


def split_floor(x, y, cut, bits, both=False):
    """x * y / 2**bits, rounded down."""
    return split_product(x, y, cut, bits, 0, both)[0]


def split_zero(x, y, cut, bits, both=False):
    """x * y / 2**bits, rounded toward zero: down after adding almost 1 to what is negative."""
    return split_product(x, y, cut, bits, (x ^ y) >> 31 & (1 << bits) - 1, both)[0]


def split_even(x, y, cut, bits, both=False):
    """x * y / 2**bits, to the nearest integer, ties to even."""
    rounded, tie = split_product(x, y, cut, bits, 1 << (bits - 1), both)
    return rounded - (tie & (rounded & 1 == 1))


def split_away(x, y, cut, bits, both=False):
    """x * y / 2**bits, to the nearest integer, ties away from zero."""
    return split_product(x, y, cut, bits, (1 << (bits - 1)) + ((x ^ y) >> 31), both)[0]


def spread(x, batch, units):
    """A value that is the same in every sample, or in every unit, as [batch, units]."""
    return jnp.broadcast_to(jnp.asarray(x), (batch, units))
