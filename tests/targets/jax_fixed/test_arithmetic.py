"""The arithmetic that programs are made of, against Python's integers."""

from __future__ import annotations

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from targets.jax_fixed.runtime import arithmetic, wide

LEAST, MOST = -(1 << 31), (1 << 31) - 1
EDGES = [LEAST, LEAST + 1, -65537, -65536, -65535, -3, -2, -1, 0, 1, 2, 3, 65535, 65536, 65537, MOST - 1, MOST]
NUMBERS = np.array(EDGES + np.random.default_rng(0).integers(LEAST, MOST, 400).tolist(), np.int32)
WIDE = [int(a) * int(b) for a, b in zip(NUMBERS, NUMBERS[::-1], strict=True)] + [-(1 << 62), (1 << 62) - 1]


def nearest(x: Fraction, away: bool) -> int:
    floor = x.numerator // x.denominator
    rest = x - floor
    up = rest > Fraction(1, 2) or (rest == Fraction(1, 2) and (x > 0 if away else floor % 2 == 1))
    return floor + up


ROUNDINGS = {
    "floor": lambda x: x.numerator // x.denominator,
    "zero": int,
    "even": lambda x: nearest(x, away=False),
    "away": lambda x: nearest(x, away=True),
}


def pairs(values) -> tuple:
    return (jnp.asarray([v >> 32 for v in values], jnp.int32),
            jnp.asarray(np.array([v & 0xFFFFFFFF for v in values], np.uint32)))  # fmt: skip


def integers(pair) -> list[int]:
    return [(int(high) << 32) + int(low) for high, low in zip(*map(np.asarray, pair), strict=True)]


@pytest.mark.parametrize("rounding", ["zero", "even", "away"])
def test_rounding_an_int32_is_rounding_the_exact_quotient(rounding):
    shifts = range(1, 32)
    function = getattr(arithmetic, f"round_{rounding}")
    found = jax.jit(lambda x: [function(x, bits) for bits in shifts])(NUMBERS)
    for bits, row in zip(shifts, found, strict=True):
        assert row.tolist() == [ROUNDINGS[rounding](Fraction(int(x), 1 << bits)) for x in NUMBERS], bits


def test_rounding_up_is_the_negated_floor_of_the_negated_number():
    found = jax.jit(lambda x: [arithmetic.round_up(x, bits) for bits in range(1, 32)])(NUMBERS)
    for bits, row in zip(range(1, 32), found, strict=True):
        assert row.tolist() == [-(-int(x) >> bits) for x in NUMBERS]


def test_wrapping_keeps_the_low_bits_as_twos_complement():
    for width in (2, 7, 31):
        expected = [(int(x) + (1 << (width - 1))) % (1 << width) - (1 << (width - 1)) for x in NUMBERS]
        assert arithmetic.wrap_signed(jnp.asarray(NUMBERS), width).tolist() == expected


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_a_split_product_is_the_exact_product_rounded(rounding):
    """20 by 24 bits, cut at 11: neither part nor result leaves 32 bits."""
    function = getattr(arithmetic, f"split_{rounding}")
    x, y = NUMBERS >> 12, NUMBERS[::-1] >> 8
    for cut, bits in ((11, 24), (12, 24), (11, 11), (12, 13), (11, 30), (11, 31), (10, 10)):
        found = jax.jit(function, static_argnums=(2, 3))(x, y, cut, bits)
        expected = [ROUNDINGS[rounding](Fraction(int(a) * int(b), 1 << bits)) for a, b in zip(x, y, strict=True)]
        room = 1 << (bits - cut)
        inside = np.array([LEAST < (int(a) * int(b)) >> cut <= MOST - room for a, b in zip(x, y, strict=True)])
        assert inside.sum() > 50
        assert np.array_equal(np.asarray(found)[inside], np.array(expected)[inside]), (cut, bits)


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_a_product_of_two_split_factors_is_the_exact_product_rounded(rounding):
    """24 by 26 bits, both cut: a factor of 24 fraction bits times a membrane."""
    function = getattr(arithmetic, f"split_{rounding}")
    x, y = NUMBERS >> 8, NUMBERS[::-1] >> 6
    for cut, bits in ((12, 24), (13, 25), (14, 24), (15, 22), (12, 21), (15, 29)):
        found = jax.jit(lambda x, y, cut=cut, bits=bits: function(x, y, cut, bits, both=True))(x, y)
        products = [Fraction(int(a) * int(b), 1 << bits) for a, b in zip(x, y, strict=True)]
        expected = np.array([ROUNDINGS[rounding](item) for item in products])
        inside = (expected >= LEAST) & (expected <= MOST)
        assert inside.sum() > 300
        assert np.array_equal(np.asarray(found)[inside], expected[inside]), (cut, bits)


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_rounding_a_pair_is_rounding_the_exact_quotient(rounding):
    shifts = (1, 2, 5, 31, 32, 33, 40, 61, 62, 63)
    function = getattr(wide, f"pair_{rounding}")
    found = jax.jit(lambda a: [function(a, bits) for bits in shifts])(pairs(WIDE))
    for bits, row in zip(shifts, found, strict=True):
        assert integers(row) == [ROUNDINGS[rounding](Fraction(v, 1 << bits)) for v in WIDE], bits


def test_pairs_add_subtract_multiply_and_compare_like_integers():
    a, b = [v >> 1 for v in WIDE], [v >> 2 for v in WIDE[::-1]]
    found = jax.jit(lambda a, b: {
        "add": wide.pair_add(a, b), "sub": wide.pair_subtract(a, b), "neg": wide.pair_negate(a),
        "abs": wide.pair_absolute(a), "min": wide.pair_minimum(a, b), "max": wide.pair_maximum(a, b),
    })(pairs(a), pairs(b))  # fmt: skip
    expected = {
        "add": [x + y for x, y in zip(a, b, strict=True)], "sub": [x - y for x, y in zip(a, b, strict=True)],
        "neg": [-x for x in a], "abs": [abs(x) for x in a],
        "min": [min(x, y) for x, y in zip(a, b, strict=True)], "max": [max(x, y) for x, y in zip(a, b, strict=True)],
    }  # fmt: skip
    assert {name: integers(value) for name, value in found.items()} == expected
    assert wide.pair_less(pairs(a), pairs(b)).tolist() == [x < y for x, y in zip(a, b, strict=True)]
    assert wide.pair_equal(pairs(a), pairs(a[:-1] + [0])).tolist() == [True] * (len(a) - 1) + [False]
    assert wide.pair_sign(pairs(a)).tolist() == [(x > 0) - (x < 0) for x in a]


def test_products_of_pairs_are_exact_up_to_64_bits():
    a, b = NUMBERS.tolist(), NUMBERS[::-1].tolist()
    assert integers(wide.pair_multiply(wide.pair(NUMBERS), wide.pair(NUMBERS[::-1]))) == WIDE[: len(a)]
    c = [x >> 20 for x in b]
    wider = [x << 8 for x in a]
    assert integers(wide.pair_multiply(pairs(wider), pairs(c))) == [x * y for x, y in zip(wider, c, strict=True)]


def test_pairs_shift_left_and_wrap_like_integers():
    for bits in (0, 1, 7, 31, 32, 33, 45):
        small = [v >> (bits + 1) for v in WIDE]
        assert integers(wide.pair_left(pairs(small), bits)) == [v << bits for v in small]
    for width, signed in ((40, True), (33, True), (32, False), (40, False), (20, False)):
        low = -(1 << (width - 1)) if signed else 0
        expected = [(v - low) % (1 << width) + low for v in WIDE]
        assert integers(wide.pair_wrap(pairs(WIDE), width, signed)) == expected


def test_an_int32_becomes_a_pair_and_back():
    assert integers(wide.pair(NUMBERS)) == NUMBERS.tolist()
    assert integers(wide.pair_unsigned(NUMBERS)) == [int(x) & 0xFFFFFFFF for x in NUMBERS]
    assert wide.narrow(wide.pair(NUMBERS)).tolist() == NUMBERS.tolist()
    assert [int(part) for part in wide.pair_constant(-5)] == [-1, (1 << 32) - 5]
