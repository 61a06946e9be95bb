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


def split_product(x, y, cut):
    """(x * y / 2**cut rounded down, the bits dropped), where x * y may need more than 32 bits.

    y is cut into a high part and `cut` low bits. It is known that x times the low bits fits, and so does the result.
    """
    low = x * (y & ((1 << cut) - 1))
    return x * (y >> cut) + (low >> cut), low & ((1 << cut) - 1)


def split_floor(x, y, cut, bits):
    """x * y / 2**bits, rounded down."""
    high, _ = split_product(x, y, cut)
    return high >> (bits - cut)


def split_zero(x, y, cut, bits):
    """x * y / 2**bits, rounded toward zero."""
    high, rest = split_product(x, y, cut)
    floor, dropped = high >> (bits - cut), rest | (high & ((1 << (bits - cut)) - 1))
    return floor + ((floor < 0) & (dropped != 0))


def split_nearest(x, y, cut, bits):
    """(x * y / 2**bits rounded down, whether the rest is above one half, whether it is exactly one half)."""
    high, rest = split_product(x, y, cut)
    if bits == cut:
        return high, rest > (1 << (bits - 1)), rest == (1 << (bits - 1))
    kept = bits - cut
    excess = (high & ((1 << kept) - 1)) - (1 << (kept - 1))
    return high >> kept, (excess > 0) | ((excess == 0) & (rest != 0)), (excess == 0) & (rest == 0)


def split_even(x, y, cut, bits):
    """x * y / 2**bits, to the nearest integer, ties to even."""
    floor, above, tie = split_nearest(x, y, cut, bits)
    return floor + (above | (tie & (floor & 1 == 1)))


def split_away(x, y, cut, bits):
    """x * y / 2**bits, to the nearest integer, ties away from zero."""
    floor, above, tie = split_nearest(x, y, cut, bits)
    return floor + (above | (tie & (floor >= 0)))


def spread(x, batch, units):
    """A value that is the same in every sample, or in every unit, as [batch, units]."""
    return jnp.broadcast_to(jnp.asarray(x), (batch, units))
