"""Weighted sums, exactly, from products of bytes: the fastest exact product that processors have.

A sum is right whenever it fits 32 bits, whatever its parts do, for everything is added modulo 2**32.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


def multiplies_unsigned():
    """Whether this processor multiplies unsigned by signed bytes (AVX-512 VNNI), four products in one go."""
    try:
        with open("/proc/cpuinfo") as description:
            return jax.default_backend() == "cpu" and "avx512_vnni" in description.read()
    except OSError:
        return False


def weight_digits(matrix):
    """Integer weights [post, pre] as (signed bytes [digits, post, pre] to base 256, row sums [post]).

    Weights of eight signed bits have one digit, wider ones more.
    """
    rest, digits = matrix.astype(np.int64), []
    while not digits or rest.any():
        digits.append(((rest + 128) & 255) - 128)
        rest = (rest - digits[-1]) >> 8
    sums = matrix.sum(axis=1, dtype=np.int64) & 0xFFFFFFFF
    return jnp.asarray(np.stack(digits).astype(np.int8)), jnp.asarray(sums.astype(np.uint32).view(np.int32))


def value_digits(values, low, high):
    """Values in low … high as bytes to base 256, and the constant to be added to what they stand for."""
    unsigned = multiplies_unsigned()
    byte, least, most = (jnp.uint8, 0, 255) if unsigned else (jnp.int8, -128, 127)
    if least <= low and high <= most:
        return [values.astype(byte)], 0
    count = next(n for n in (1, 2, 3, 4) if high - low < 256**n)
    raised = values.astype(jnp.int32).astype(jnp.uint32) - np.uint32(low & 0xFFFFFFFF)
    digits = [(raised >> (8 * n)) & np.uint32(255) for n in range(count)]
    if unsigned:
        return [digit.astype(jnp.uint8) for digit in digits], low
    centred = [(digit.astype(jnp.int32) - 128).astype(jnp.int8) for digit in digits]
    return centred, low + sum(128 * 256**n for n in range(count))


def product_of_bytes(values, matrix):
    """Sums over pre of matrix [post, pre] times values [..., pre], both of bytes, as int32 [..., post]."""
    rows = values.reshape(-1, values.shape[-1])
    if len(rows) == 1:  # products of matrices are fast, those of vectors are not
        return product_of_bytes(jnp.concatenate([rows, rows]), matrix)[:1].reshape(*values.shape[:-1], -1)
    # With its precision spelled out the product keeps the byte types of both sides.
    sums = lax.dot_general(
        rows, matrix, (((1,), (1,)), ((), ())),
        precision=lax.DotAlgorithmPreset.DEFAULT, preferred_element_type=jnp.int32,
    )
    return sums.reshape(*values.shape[:-1], -1)


def product(values, weights, low, high):
    """Sums over pre of weights [post, pre] times values [..., pre] in low … high, as int32 [..., post]."""
    matrix, sums = weights
    digits, constant = value_digits(values, low, high)
    posts, parts = matrix.shape[1], []
    for place, digit in enumerate(digits):
        sums_of_digits = product_of_bytes(digit, matrix.reshape(-1, matrix.shape[2]))
        for own in range(min(matrix.shape[0], 4 - place)):
            part = sums_of_digits[..., own * posts : (own + 1) * posts]
            parts.append(part << 8 * (place + own) if place + own else part)
    if constant:
        parts.append(jnp.int32((constant + (1 << 31)) % (1 << 32) - (1 << 31)) * sums)
    return sum(parts[1:], parts[0])


def by_delay(matrix, delays, kinds):
    """Weights [post, pre] for sources that stand side by side, once for every delay in `kinds`."""
    return np.concatenate([np.where(delays == delay, matrix, 0) for delay in kinds], axis=1)


def filled(weights, starts, sources, pres):
    """The matrix [post, pre] of a list of synapses."""
    matrix = np.zeros((len(starts) - 1, pres), weights.dtype)
    matrix[np.repeat(np.arange(len(starts) - 1), np.diff(starts)), sources] = weights
    return matrix


def padded(weights, starts, sources):
    """A list of synapses as (weights, sources), both [most synapses of a unit, post]; missing ones weigh 0."""
    counts = np.diff(starts)
    place = np.arange(len(sources)) - np.repeat(starts[:-1], counts), np.repeat(np.arange(len(counts)), counts)
    shape = (int(counts.max(initial=0)), len(counts))
    table, index = np.zeros(shape, np.int32), np.zeros(shape, np.int32)
    table[place], index[place] = weights, sources
    return jnp.asarray(table), jnp.asarray(index)


def sparse_product(values, synapses):
    """Sums over the synapses of every post unit of weight times values [..., pre], as int32 [..., post]."""
    table, index = synapses
    columns = jnp.asarray(values, jnp.int32).reshape(-1, values.shape[-1]).T
    start = jnp.zeros((table.shape[1], columns.shape[1]), jnp.int32)

    def add_synapse(k, total):
        return total + table[k][:, None] * columns[index[k]]

    total = lax.fori_loop(0, table.shape[0], add_synapse, start)
    return total.T.reshape(*values.shape[:-1], table.shape[1])
