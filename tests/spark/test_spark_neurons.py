"""Neurons: their parts, their order, their signs."""

import numpy as np
import pytest

from spark.core.config import ConfigError
from spark.core.payloads import SpikeArray
from spark.nn.components.delays import NDelays, NDelaysConfig
from spark.nn.components.somas import LeakyIntegratorSomaConfig, LeakySoma, LeakySomaConfig
from spark.nn.components.synapses import LinearSynapses, LinearSynapsesConfig
from spark.nn.initializers import Uniform
from spark.nn.neurons import ALIFNeuron, LIFNeuron, LIFNeuronConfig, LINeuron, NeuronConfig

RNG = np.random.default_rng(8)


def test_a_step_is_delays_then_synapses_then_soma():
    spikes = RNG.integers(0, 2, (50, 4))
    neuron = LIFNeuron(units=(3,), inhibitory_rate=0.0, synapses__scale=500.0, delays=NDelaysConfig(steps=2)).build(4)
    arriving = neuron.delays.run(spikes)[0]["out_spikes"]
    current = neuron.synapses.run(arriving)[0]["current"]
    expected = neuron.soma.run(current)[0]["spikes"]
    assert np.any(expected)
    np.testing.assert_allclose(neuron.run(spikes)[0]["out_spikes"], expected)


@pytest.mark.parametrize("units, rate, inhibitory", [(10, 0.2, 2), (10, 0.3, 3), (7, 0.5, 3), ((3, 3), 1.0, 9),
                                                     (5, 0.0, 0), (4, 0.24, 0)])
def test_the_share_of_inhibitory_units_is_rounded_down(units, rate, inhibitory):
    neuron = LIFNeuron(units=units, inhibitory_rate=rate)
    assert neuron.inhibition_mask.sum() == inhibitory
    assert neuron.inhibition_mask.shape == neuron.units


def test_inhibitory_units_emit_negative_spikes_and_the_payload_knows_them():
    neuron = LIFNeuron(units=(10,), inhibitory_rate=0.4, synapses__scale=1e5).build(3)
    values = neuron.run(np.ones((30, 3)))[0]["out_spikes"]
    mask = neuron.inhibition_mask
    assert set(np.unique(values[:, mask])) == {-1.0, 0.0} and set(np.unique(values[:, ~mask])) == {0.0, 1.0}
    payload = neuron([1, 1, 1])["out_spikes"]
    np.testing.assert_array_equal(payload.inhibition_mask, mask)
    assert payload.spikes.dtype == bool


def test_presynaptic_sign_multiplies_the_weight():
    neuron = LIFNeuron(units=(1,), synapses=LinearSynapsesConfig(kernel=[[2.0, 2.0]])).build(2)
    run = neuron.run(np.array([[1, -1], [1, 0], [0, -1]]), record=("synapses.current",))
    assert run.recorded["synapses.current"][:, 0].tolist() == [0.0, 2.0, -2.0]


def test_negative_weights_with_inhibitory_units_are_an_error_wherever_they_come_from():
    signed = LinearSynapsesConfig(kernel=Uniform(low=-1.0, high=1.0))
    with pytest.raises(ConfigError, match="inhibitory_rate=0"):
        LIFNeuron(units=(10,), synapses=signed).build(5)
    neuron = LIFNeuron(units=(10,)).build(5)
    params = neuron.params
    params["synapses"]["kernel"] = -np.ones((10, 5))
    with pytest.raises(ConfigError, match=">= 0"):
        neuron.params = params
    LIFNeuron(units=(10,), inhibitory_rate=0.0, synapses=signed).build(5)


def test_equal_seeds_give_equal_neurons_and_zero_is_a_seed():
    def drawn(seed):
        neuron = LIFNeuron(units=(20,), seed=seed, delays=NDelaysConfig()).build(10)
        return neuron.params["synapses"]["kernel"], neuron.delays.steps, neuron.inhibition_mask

    for one, other in zip(drawn(0), drawn(0), strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(drawn(0), drawn(1), strict=True):
        assert not np.array_equal(one, other)


def test_parts_drawn_from_one_seed_are_not_the_same_numbers():
    neuron = LIFNeuron(units=(50,), synapses__kernel=Uniform(), soma__potential_tau=Uniform(low=0.5, high=1.5)).build(1)
    kernel, tau = neuron.params["synapses"]["kernel"][:, 0], neuron.params["soma"]["tau"] - 0.5
    assert abs(np.corrcoef(kernel, tau)[0, 1]) < 0.5


def test_a_neuron_has_the_documented_attributes():
    neuron = LIFNeuron(units=(3,), soma=LeakySomaConfig(), synapses=LinearSynapsesConfig(), delays=NDelaysConfig())
    assert isinstance(neuron.soma, LeakySoma) and isinstance(neuron.synapses, LinearSynapses)
    assert isinstance(neuron.delays, NDelays) and neuron.learning_rule is None
    assert isinstance(neuron.config, LIFNeuronConfig) and neuron.units == (3,)


def test_a_configuration_object_and_keywords_can_be_mixed():
    config = LIFNeuronConfig(units=(3,), dt=0.5)
    neuron = LIFNeuron(config, soma__potential_tau=5.0)
    assert (neuron.config.dt, neuron.config.soma.potential_tau, config.soma.potential_tau) == (0.5, 5.0, 20.0)


def test_a_leaky_integrator_reads_spikes_out_as_potentials():
    neuron = LINeuron(units=(2,), synapses__kernel=[[1.0], [-3.0]], soma__resistance=1.0, soma__potential_tau=2.0,
                      dtype="float64").build(1)
    values = neuron.run(np.array([[1], [0], [0]]))[0]["out_potentials"]
    decay = np.exp(-np.arange(3) / 2.0)
    np.testing.assert_allclose(values, (1 - np.exp(-0.5)) * decay[:, None] * [[1.0, -3.0]], rtol=1e-12)


def test_base_configurations_cannot_be_built():
    with pytest.raises(ConfigError):
        NeuronConfig(units=3)
    with pytest.raises(ConfigError):
        LINeuron(units=(2,), inhibitory_rate=0.2)


def test_a_soma_of_the_wrong_kind_is_an_error():
    with pytest.raises(ConfigError, match="spikes"):
        LIFNeuron(units=(2,), soma=LeakyIntegratorSomaConfig())
    with pytest.raises(ConfigError, match="potential"):
        LINeuron(units=(2,), soma=LeakySomaConfig())


@pytest.mark.parametrize("neuron_class", [LIFNeuron, ALIFNeuron])
def test_signed_payloads_and_plain_arrays_are_the_same_input(neuron_class):
    one, other = (neuron_class(units=(4,)).build(3) for _ in range(2))
    for row in RNG.integers(-1, 2, (20, 3)):
        left = one(SpikeArray(row != 0, row < 0))
        right = other(in_spikes=row)
        np.testing.assert_array_equal(left["out_spikes"].value, right["out_spikes"].value)
