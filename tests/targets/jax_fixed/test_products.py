"""Weighted sums from bytes, against NumPy's integers, in both forms that processors favour."""

from __future__ import annotations

import numpy as np
import pytest

from targets.jax_fixed.runtime import products

RANGES = [(0, 1), (-1, 1), (0, 127), (0, 255), (-128, 127), (0, 256), (-300, 40), (-32768, 32767)]
RANGES += [(-(1 << 31), (1 << 31) - 1)]
WEIGHTS = {"s8": (-128, 127), "u8": (0, 255), "s16": (-32768, 32767), "edge": (32640, 32767)}


def wrapped(exact: np.ndarray) -> np.ndarray:
    """Sums modulo 2**32, as an int32."""
    return (exact & 0xFFFFFFFF).astype(np.uint32).view(np.int32)


@pytest.mark.parametrize("unsigned", [True, False])
@pytest.mark.parametrize("kind", WEIGHTS)
def test_sums_of_any_range_are_exact_modulo_32_bits(monkeypatch, unsigned, kind):
    monkeypatch.setattr(products, "multiplies_unsigned", lambda: unsigned)
    rng = np.random.default_rng(3)
    matrix = rng.integers(*WEIGHTS[kind], (9, 21), endpoint=True)
    weights = products.weight_digits(matrix)
    for low, high in RANGES:
        values = rng.integers(low, high, (2, 3, 21), endpoint=True)
        values[0, 0, :2] = low, high
        found = products.product(values.astype(np.int32), weights, low, high)
        assert np.array_equal(found, wrapped(values @ matrix.T)), (low, high)


def test_weights_of_eight_bits_stay_one_byte():
    matrix = np.arange(-128, 128).reshape(16, 16)
    assert products.weight_digits(matrix)[0].shape == (1, 16, 16)
    assert products.weight_digits(matrix * 256)[0].dtype == np.int8


def test_both_forms_keep_bytes_up_to_the_product():
    import jax

    for unsigned, byte in ((True, "ui8"), (False, "i8")):
        weights = products.weight_digits(np.ones((16, 32), np.int64))
        products_only = jax.jit(lambda x, w=weights: products.product(x, w, 0, 1))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(products, "multiplies_unsigned", lambda unsigned=unsigned: unsigned)
            text = products_only.lower(np.ones((8, 32), np.uint8)).as_text()
        dot = next(line for line in text.splitlines() if "dot_general" in line)
        assert f"tensor<8x32x{byte}>, tensor<16x32xi8>) -> tensor<8x16xi32>" in dot


def test_a_list_of_synapses_gives_the_sums_of_its_matrix():
    rng = np.random.default_rng(5)
    starts, sources = np.array([0, 3, 3, 4, 8]), np.array([0, 2, 6, 1, 0, 1, 4, 5])
    weights = rng.integers(-128, 128, 8).astype(np.int8)
    values = rng.integers(-9, 9, (3, 2, 7))
    matrix = products.filled(weights, starts, sources, 7)
    found = products.sparse_product(values.astype(np.int32), products.padded(weights, starts, sources))
    assert np.array_equal(found, values @ matrix.T.astype(np.int64))


def test_weights_side_by_side_for_every_delay_add_up_to_the_matrix():
    matrix, delays = np.arange(12).reshape(3, 4), np.array([[1, 2, 1, 3]] * 3)
    parts = np.split(products.by_delay(matrix, delays, (1, 2, 3)), 3, axis=1)
    assert np.array_equal(sum(parts), matrix)
    assert np.array_equal(parts[1] != 0, (delays == 2) & (matrix != 0))
