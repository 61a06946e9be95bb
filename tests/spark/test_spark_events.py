"""Sums over few spikes are those of the product of matrix and vector."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from spark.nn.components.learning_rules import HebbianRuleConfig
from spark.nn.components.synapses.base import ROWS
from spark.nn.components.synapses.events import CHUNK, WORTHWHILE, event_sum
from spark.nn.neurons import AdExNeuron, LIFNeuron

SIZE = 320
SUM = jax.jit(event_sum)


def wide(neuron_class=LIFNeuron, **keywords):
    return neuron_class(units=(SIZE,), inhibitory_rate=0.0, synapses__scale=400.0, **keywords).build((2, SIZE // 2))


def spikes(steps=40, density=0.02, seed=0):
    return (np.random.default_rng(seed).random((steps, 2, SIZE // 2)) < density).astype(np.float32)


@pytest.mark.parametrize("count", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, SIZE // 4, SIZE // 4 + 1, SIZE])
def test_any_number_of_spikes_of_any_size_adds_up(count):
    generator = np.random.default_rng(count)
    rows, values = generator.normal(size=(SIZE, 7)), np.zeros(SIZE)
    values[generator.permutation(SIZE)[:count]] = generator.normal(size=count)
    found = SUM(jnp.asarray(rows, jnp.float32), jnp.asarray(values, jnp.float32))
    np.testing.assert_allclose(found, values @ rows, rtol=1e-4, atol=1e-4)


def test_spikes_that_are_no_numbers_are_not_lost():
    values = jnp.zeros(SIZE).at[3].set(jnp.nan)
    assert np.isnan(SUM(jnp.ones((SIZE, 2)), values)).all()


@pytest.mark.parametrize("density", [0.0, 0.02, 0.6])
@pytest.mark.parametrize("neuron_class", [LIFNeuron, AdExNeuron])
def test_a_run_of_one_sample_equals_that_sample_in_a_batch(neuron_class, density):
    neuron, inputs = wide(neuron_class, dtype="float64"), spikes(density=density)
    assert ROWS in neuron.prepared(neuron.device_params())["synapses"]
    one = neuron.run(inputs, record=("synapses.current", "soma.v"))
    batch = neuron.run(inputs[None], record=("synapses.current", "soma.v"))
    assert density == 0 or one.outputs["out_spikes"].any()
    np.testing.assert_array_equal(one.outputs["out_spikes"], batch.outputs["out_spikes"][0])
    for path, rows in one.recorded.items():
        np.testing.assert_allclose(rows, batch.recorded[path][0], rtol=1e-12, atol=1e-9)


def test_a_gradient_reaches_the_weights_through_a_run():
    neuron, inputs = wide(), spikes()

    def total(kernel):
        params = neuron.device_params()
        return jnp.sum(neuron.run(inputs, params=params | {"synapses": params["synapses"] | {"kernel": kernel}})[0][
            "out_spikes"])

    gradient = jax.grad(total)(neuron.device_params()["synapses"]["kernel"])
    assert np.all(np.isfinite(gradient)) and np.any(gradient != 0)


def test_weights_that_learn_are_read_as_they_are_now():
    neuron = wide(learning_rule=HebbianRuleConfig(eta=0.1))
    one, batch = neuron.run(spikes())[1]["kernel"], neuron.run(spikes()[None])[1]["kernel"][0]
    assert np.any(one != neuron.params["synapses"]["kernel"])
    np.testing.assert_allclose(one, batch, rtol=1e-4, atol=1e-5)


def test_small_layers_and_short_numbers_stay_products():
    small = LIFNeuron(units=(4,)).build(4)
    assert ROWS not in small.prepared(small.device_params())["synapses"]
    half = wide(dtype="float16")
    assert ROWS not in half.prepared(half.device_params())["synapses"]
    assert SIZE * SIZE >= WORTHWHILE
