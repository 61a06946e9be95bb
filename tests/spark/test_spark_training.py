"""Surrogate gradients and the training loop."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from spark.core.simulation import scan_steps
from spark.nn.brain import Brain, ModuleSpecs, PortMap, Sequential
from spark.nn.components.delays import NDelaysConfig
from spark.nn.components.somas import LeakySomaConfig
from spark.nn.components.synapses import LinearSynapsesConfig
from spark.nn.initializers import Uniform
from spark.nn.neurons import ALIFNeuron, LIFNeuron
from spark.training import SURROGATES, Differentiable, accuracy, count_mean_square, fire, fit


def layer(units, seed=0, low=-0.5, **keywords):
    return LIFNeuron(units=units, inhibitory_rate=0.0, seed=seed, soma=LeakySomaConfig(
        potential_rest=0.0, potential_reset=0.0, threshold=1.0, resistance=1.0, potential_tau=10.0),
        synapses=LinearSynapsesConfig(kernel=Uniform(low=low, high=1.0), scale=5.0), **keywords)


def patterns(count=120, steps=25, inputs=12, classes=3):
    """Samples whose class is the block of inputs that fires often."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, classes, count)
    rates = np.full((count, inputs), 0.1)
    width = inputs // classes
    for row, label in enumerate(labels):
        rates[row, label * width:(label + 1) * width] = 0.5
    return rng.random((count, steps, inputs)) < rates[:, None, :], labels


@pytest.mark.parametrize("name", SURROGATES)
def test_a_spike_is_exactly_the_comparison_and_its_gradient_is_the_surrogate(name):
    v = jnp.linspace(-3, 3, 101)
    np.testing.assert_array_equal(fire(v, 1.0, name), (v > 1.0).astype(jnp.float32))
    assert fire(v.astype(jnp.float16), 1.0, name).dtype == jnp.float16
    for theta in (1.0, -2.0, 0.0):
        gradient = jax.vmap(jax.grad(lambda x, theta=theta: fire(x, theta, name, 4.0)))(v)
        scale = abs(theta) or 1.0
        np.testing.assert_allclose(gradient, SURROGATES[name](4.0 * (v - theta) / scale) / scale, rtol=1e-5, atol=1e-7)
        assert np.all(np.isfinite(gradient)) and np.max(gradient) > 0


def test_the_gradient_with_respect_to_the_threshold_is_the_negative():
    by_v, by_theta = jax.grad(fire, (0, 1))(jnp.float32(1.1), jnp.float32(1.0))
    assert float(by_v) == -float(by_theta) != 0


@pytest.mark.parametrize("make", [
    lambda: layer(4), lambda: layer(4, delays=NDelaysConfig(max_delay=3.0)),
    lambda: ALIFNeuron(units=4, inhibitory_rate=0.0, synapses__scale=500.0)])
def test_gradients_through_time_are_finite_and_not_all_zero(make):
    neuron = make().build(3)
    spikes = np.random.default_rng(0).integers(0, 2, (30, 3)).astype(np.float32)
    state, params = jax.tree.map(jnp.asarray, (neuron._device_state(), neuron.device_params()))

    def count(kernel):
        held = params | {"synapses": params["synapses"] | {"kernel": kernel}}
        return jnp.sum(scan_steps(neuron.step, state, {"in_spikes": spikes}, held)[1]["out_spikes"])

    gradient = jax.grad(count)(params["synapses"]["kernel"])
    assert np.all(np.isfinite(gradient)) and np.any(gradient != 0)


def test_training_learns_and_the_module_holds_the_result():
    inputs, labels = patterns(128)
    net = Sequential([layer(16), layer(3, 1)], input_shape=12)
    before = float(accuracy(net.run(inputs)[0], labels))
    result = fit(net, (inputs, labels), epochs=12, optimizer=optax.adam(1e-2), validation=(inputs, labels),
                 metric=accuracy)
    assert result.history[-1]["loss"] < result.history[0]["loss"]
    assert result.history[-1]["metric"] > max(0.9, before)
    assert float(accuracy(net.run(inputs)[0], labels)) == pytest.approx(result.history[-1]["metric"])


def test_training_depends_on_its_seed_alone():
    inputs, labels = patterns(24, steps=10)

    def trained(seed):
        return fit(Sequential([layer(3)], input_shape=12), (inputs, labels), epochs=1, seed=seed,
                   batch_size=8).params["layer_0"]["synapses"]["kernel"]

    np.testing.assert_array_equal(trained(0), trained(0))
    assert not np.array_equal(trained(0), trained(1))


def test_only_what_is_chosen_is_trained():
    inputs, labels = patterns(32)
    net = Sequential([layer(4), layer(3, 1)], input_shape=12)
    before = net.params
    fit(net, (inputs, labels), epochs=1, trainable=lambda path: path == "layer_1.soma.tau")
    after = net.params
    assert after["layer_1"]["soma"]["tau"] != before["layer_1"]["soma"]["tau"]
    np.testing.assert_array_equal(after["layer_1"]["synapses"]["kernel"], before["layer_1"]["synapses"]["kernel"])


def test_any_pure_step_can_be_trained():
    def step(state, inputs, params):
        return state, {"y": params["gain"] * inputs["input"]}

    task = Differentiable(step, {}, {"gain": np.float32(0.0)})
    inputs = np.ones((32, 5, 1))
    result = fit(task, (inputs, np.full((32, 1), 15.0)), loss=count_mean_square(), trainable=("gain",), epochs=120,
                 optimizer=optax.adam(0.2))
    assert result.params["gain"] == pytest.approx(3.0, abs=0.05)


def test_a_recurrent_brain_can_be_trained():
    inputs, labels = patterns(64)
    brain = Brain(inputs={"input": 12}, outputs={"output": ("out", "out_spikes")}, modules=[
        ModuleSpecs("hid", layer(8), {"in_spikes": [PortMap("__call__", "input"), PortMap("hid", "out_spikes")]}),
        ModuleSpecs("out", layer(3, 1), {"in_spikes": PortMap("hid", "out_spikes", 0)})])
    before = brain.params["hid"]["synapses"]["kernel"]
    history = fit(brain, (inputs, labels), epochs=3, optimizer=optax.adam(1e-2)).history
    assert history[-1]["loss"] < history[0]["loss"]
    assert np.any(brain.params["hid"]["synapses"]["kernel"][:, 12:] != before[:, 12:])


def test_mistakes_are_errors():
    inputs, labels = patterns(20)
    net = Sequential([layer(3)], input_shape=12)
    with pytest.raises(ValueError, match="nothing to train"):
        fit(net, (inputs, labels), trainable=("weights",))
    with pytest.raises(ValueError, match="differ in length"):
        fit(net, (inputs, labels[:5]))
    with pytest.raises(FloatingPointError, match="learning rate"):
        fit(net, (inputs, labels), loss=lambda outputs, targets: jnp.nan * jnp.sum(outputs["output"]), epochs=1)


def test_no_bar_is_shown_unless_on_a_terminal(capsys):
    inputs, labels = patterns(20)
    fit(Sequential([layer(3)], input_shape=12), (inputs, labels), epochs=1)
    assert capsys.readouterr().err == ""
