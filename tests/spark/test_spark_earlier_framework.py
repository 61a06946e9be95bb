"""What the earlier framework did wrong, one test for each, named by what is right."""

import numpy as np
import pytest

import spark
from spark.core.config import ConfigError
from spark.core.tree import flatten
from spark.nn.components.delays import N2NDelaysConfig, NDelays, NDelaysConfig
from spark.nn.components.learning_rules import HebbianRuleConfig
from spark.nn.components.somas import IzhikevichSoma, LeakySomaConfig, RefractoryLeakySoma
from spark.nn.components.synapses import TracedSynapsesConfig
from spark.nn.initializers import SparseUniform
from spark.nn.neurons import AdExNeuron, ALIFNeuron, LIFNeuron, LIFNeuronConfig


def one_spike(delays, steps):
    spikes = np.zeros((steps, 1))
    spikes[0] = 1
    return np.nonzero(delays.run(spikes)[0]["out_spikes"].reshape(steps, -1)[:, 0])[0].tolist()


def test_a_delay_of_the_buffers_length_is_not_a_delay_of_zero():
    assert one_spike(NDelays(units=(1,), max_delay=4.0, steps=4).build(1), 8) == [4]


@pytest.mark.parametrize("k", [255, 256, 300, 4095])
def test_delays_above_255_steps_are_kept(k):
    assert one_spike(NDelays(units=(1,), steps=k).build(1), k + 2) == [k]
    drawn = NDelays(units=(1,), max_delay=1000.0).build(500).steps
    assert drawn.max() > 900


def test_a_unit_that_was_silent_for_very_long_is_still_ready():
    soma = RefractoryLeakySoma(units=(1,), cooldown=2.0)
    _, state = soma.run(np.zeros((70_000, 1), np.uint8))
    assert soma.run(np.full((1, 1), 1e5), state=state)[0]["spikes"].sum() == 1


def test_izhikevich_is_silent_at_rest_and_regular_under_current():
    assert IzhikevichSoma(units=(1,)).run(np.zeros((500, 1)))[0]["spikes"].sum() == 0
    spikes = IzhikevichSoma(units=(1,)).run(np.full((1000, 1), 10.0))[0]["spikes"]
    assert np.diff(np.nonzero(spikes[:, 0])[0]).min() > 10


@pytest.mark.parametrize("delays", [None, NDelaysConfig(), N2NDelaysConfig()])
@pytest.mark.parametrize("rule", [None, HebbianRuleConfig()])
def test_every_combination_of_delays_and_rule_runs_and_keeps_both(delays, rule):
    neuron = LIFNeuron(units=(3,), delays=delays, learning_rule=rule, synapses__scale=1e4).build(4)
    assert (neuron.delays is None) == (delays is None) and (neuron.learning_rule is None) == (rule is None)
    assert neuron.run(np.ones((30, 4)))[0]["out_spikes"].any()


def test_different_configurations_are_not_equal():
    assert LIFNeuronConfig(units=3) == LIFNeuronConfig(units=3)
    assert LIFNeuronConfig(units=3) != LIFNeuronConfig(units=4)
    assert LIFNeuronConfig(units=3) != LIFNeuronConfig(units=3, soma__potential_tau=1.0)


def test_none_for_an_optional_field_changes_this_configuration_only():
    LIFNeuronConfig(units=3, delays=NDelaysConfig(), learning_rule=HebbianRuleConfig()).replace(
        delays=None, learning_rule=None)
    LIFNeuronConfig(units=3, soma__cooldown=None)
    fresh = LIFNeuronConfig(units=3)
    assert fresh.soma.cooldown == 2.0 and fresh.soma is not LIFNeuronConfig(units=3).soma
    assert LIFNeuronConfig.fields["delays"].default is None


def test_seed_zero_is_a_seed():
    one, other = (LIFNeuron(units=5, seed=0, delays=NDelaysConfig()).build(5) for _ in range(2))
    np.testing.assert_array_equal(one.params["synapses"]["kernel"], other.params["synapses"]["kernel"])
    assert one.run(np.ones((5, 5)))[0]["out_spikes"].shape == (5, 5)


@pytest.mark.parametrize("keywords", [{"dt": "1"}, {"inhibitory_rate": [0.2]}, {"soma": 3}, {"seed": 0.5},
                                      {"dtype": "int8"}, {"soma__reset_by": "magic"}, {"delays": LeakySomaConfig()}])
def test_values_of_the_wrong_type_are_errors(keywords):
    with pytest.raises(ConfigError):
        LIFNeuronConfig(units=3, **keywords)


def test_unknown_keywords_are_errors_everywhere():
    for make in (lambda: LIFNeuron(units=3, tau=1.0), lambda: LeakySomaConfig(tau=1.0),
                 lambda: LIFNeuronConfig(units=3).replace(tau=1.0), lambda: SparseUniform(densty=0.3)):
        with pytest.raises(ConfigError, match="known field"):
            make()


def test_dt_and_units_of_a_neuron_reach_its_components_and_act_there():
    fine = LIFNeuron(units=(2, 3), dt=0.1, delays=NDelaysConfig(max_delay=2.0)).build(4)
    assert fine.soma.units == fine.synapses.units == (2, 3)
    assert float(fine.params["soma"]["dt"]) == float(fine.params["synapses"]["dt"]) == 0.1
    assert fine.delays.config.depth == 20 and int(fine.initial_state()["soma"]["n"].max()) == 21


@pytest.mark.parametrize("mask", [SparseUniform(density=0.3), SparseUniform(density=0.0)])
def test_learning_never_makes_a_synapse_that_does_not_exist(mask):
    neuron = LIFNeuron(units=(10,), synapses__kernel=mask, synapses__scale=1e4,
                       learning_rule=HebbianRuleConfig(eta=1.0)).build(10)
    before = neuron.params["synapses"]["kernel"] != 0
    after = np.asarray(neuron.run(np.ones((50, 10)))[1]["kernel"]) != 0
    np.testing.assert_array_equal(after & ~before, False)


def test_building_takes_no_steps():
    neuron = LIFNeuron(units=(2,), delays=NDelaysConfig())
    neuron.build(3)
    for path, leaf in flatten(neuron.state).items():
        np.testing.assert_array_equal(leaf, flatten(neuron.initial_state())[path])
    brain = spark.nn.brain.Sequential([neuron], input_shape=3)
    assert not brain.state["layer_0"]["delays"]["cursor"]


def test_the_default_number_type_is_float32_and_a_decay_that_rounds_to_one_is_an_error():
    assert LIFNeuronConfig(units=1).dtype == "float32"
    assert str(LIFNeuron(units=1).build(1).run(np.ones((2, 1)))[1]["soma"]["v"].dtype) == "float32"
    with pytest.raises(ConfigError, match="still differs from 1 in float16"):
        LIFNeuronConfig(units=1, dt=0.001, dtype="float16")
    LIFNeuronConfig(units=1, dt=0.001, dtype="float64")


@pytest.mark.parametrize("dt", [1.0, 0.1])
@pytest.mark.parametrize("neuron_class", [LIFNeuron, ALIFNeuron, AdExNeuron])
def test_defaults_fire_at_plausible_rates_under_plausible_input(neuron_class, dt):
    assert 2 < rate_of(neuron_class, dt) < 40


@pytest.mark.parametrize("neuron_class", [LIFNeuron, ALIFNeuron, AdExNeuron])
def test_default_rates_hardly_depend_on_the_time_step(neuron_class):
    rates = [rate_of(neuron_class, dt) for dt in (1.0, 0.1)]
    assert max(rates) < 1.5 * min(rates)


def rate_of(neuron_class, dt, seconds=3.0):
    """Mean rate (Hz) of 64 default units under 100 Poisson inputs of 20 Hz."""
    spikes = np.random.default_rng(0).random((round(seconds * 1e3 / dt), 100)) < 0.02 * dt
    outputs, _ = neuron_class(units=(64,), dt=dt).build(100).run(spikes)
    return float(np.abs(outputs["out_spikes"]).sum()) / 64 / seconds


@pytest.mark.parametrize("delays", [None, NDelaysConfig(), N2NDelaysConfig()])
def test_reset_keeps_every_shape(delays):
    neuron = ALIFNeuron(units=(2, 3), delays=delays, learning_rule=HebbianRuleConfig(),
                        synapses=TracedSynapsesConfig(tau=[[[3.0, 4.0]]], scale=1e4)).build(2)
    shapes = {path: np.shape(leaf) for path, leaf in flatten(neuron.state).items()}
    for _ in range(3):
        neuron([1, 1])
    neuron.reset()
    assert {path: np.shape(leaf) for path, leaf in flatten(neuron.state).items()} == shapes
