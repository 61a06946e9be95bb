"""Payloads and initializers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spark.core.config import ConfigError
from spark.core.payloads import CurrentArray, SpikeArray
from spark.nn.initializers import Constant, NormalizedSparseUniform, SparseUniform, Uniform

RNG = np.random.default_rng


def test_spikes_are_boolean_and_values_are_signed():
    spikes = SpikeArray([0, 1, 1], [True, True, False])
    assert spikes.spikes.tolist() == [False, True, True]
    assert spikes.value.tolist() == [0.0, -1.0, 1.0]
    assert spikes.shape == (3,) and spikes.dtype == np.float32


def test_signed_values_make_spikes_and_back():
    values = np.array([1.0, 0.0, -1.0], np.float32)
    np.testing.assert_array_equal(SpikeArray.from_value(values).value, values)


def test_payloads_take_part_in_expressions_and_transformations():
    current = CurrentArray(np.array([1.0, 2.0]))
    assert np.sum(current) == 3.0 and float(jnp.sum(current)) == 3.0
    doubled = jax.jit(lambda payload: jax.tree.map(lambda leaf: leaf * 2, payload))(current)
    assert isinstance(doubled, CurrentArray) and doubled.value.tolist() == [2.0, 4.0]
    kept = jax.jit(lambda spikes: spikes)(SpikeArray([1, 0], [False, True]))
    assert isinstance(kept, SpikeArray) and kept.value.tolist() == [1.0, 0.0]


def test_initializers_draw_what_they_say():
    assert Constant(value=3.0).sample(RNG(0), (2, 2)).tolist() == [[3.0, 3.0], [3.0, 3.0]]
    drawn = Uniform(low=2.0, high=3.0).sample(RNG(0), (1000,))
    assert drawn.min() >= 2.0 and drawn.max() < 3.0 and abs(drawn.mean() - 2.5) < 0.05


@pytest.mark.parametrize("density", [0.0, 0.3, 1.0])
def test_density_is_the_share_of_synapses(density):
    drawn = SparseUniform(density=density).sample(RNG(1), (100, 100))
    assert abs((drawn != 0).mean() - density) < 0.02


def test_normalized_weights_into_a_unit_sum_to_the_total():
    drawn = NormalizedSparseUniform(low=-1.0, total=3.0).sample(RNG(1), (4, 5, 6, 7), fan=2)
    np.testing.assert_allclose(np.abs(drawn).sum(axis=(2, 3)), 3.0)
    empty = NormalizedSparseUniform(density=0.0).sample(RNG(1), (4, 5))
    assert not empty.any() and np.isfinite(empty).all()


@pytest.mark.parametrize("make", [lambda: Uniform(low=1.0, high=0.0), lambda: SparseUniform(density=1.5),
                                  lambda: NormalizedSparseUniform(total=0.0), lambda: Constant(value="x")])
def test_impossible_initializers_are_errors(make):
    with pytest.raises(ConfigError):
        make()
