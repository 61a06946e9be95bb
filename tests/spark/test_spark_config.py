"""Configurations: keywords, inheritance, validation, equality."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark.core.config import ConfigError, SparkConfig, above, integer, nested, quantity
from spark.nn.components.delays import NDelaysConfig
from spark.nn.components.somas import LeakySoma, LeakySomaConfig, RefractoryLeakySomaConfig
from spark.nn.components.synapses import TracedSynapsesConfig
from spark.nn.initializers import Uniform
from spark.nn.neurons import LIFNeuron, LIFNeuronConfig


def faults_of(make):
    with pytest.raises(ConfigError) as caught:
        make()
    return {fault.path: fault for fault in caught.value.faults}


def test_double_underscore_sets_a_field_of_a_nested_configuration():
    assert LIFNeuronConfig(units=3, soma__potential_tau=7.0).soma.potential_tau == 7.0


def test_shared_keyword_sets_the_field_at_every_level():
    config = LIFNeuronConfig(units=3, _s_dt=0.25, delays=NDelaysConfig())
    assert {config.dt, config.soma.dt, config.synapses.dt, config.delays.dt} == {0.25}


def test_the_nearer_keyword_wins():
    config = SparkConfigPair(_s_x=1, x=2, inner__x=3)
    assert (config.x, config.inner.x) == (2, 3)


def test_a_nested_configuration_replaces_the_default_one():
    config = LIFNeuronConfig(units=3, soma=LeakySomaConfig(potential_tau=9.0))
    assert type(config.soma) is LeakySomaConfig
    assert config.soma.potential_tau == 9.0


def test_dt_dtype_units_and_seed_reach_every_component():
    config = LIFNeuronConfig(units=(2, 3), dt=0.5, dtype="float64", seed=7, delays=NDelaysConfig(max_delay=4.0))
    for part in config.children().values():
        assert (part.units, part.dt, part.dtype, part.seed) == ((2, 3), 0.5, "float64", 7)


def test_a_component_that_says_otherwise_keeps_its_value():
    config = LIFNeuronConfig(units=3, seed=1, soma=RefractoryLeakySomaConfig(seed=5), synapses__seed=6)
    assert (config.soma.seed, config.synapses.seed) == (5, 6)


def test_components_with_another_time_step_are_a_fault():
    faults = faults_of(lambda: LIFNeuronConfig(units=3, dt=1.0, soma__dt=0.5))
    assert "1.0" in faults["soma.dt"].bound


def test_replace_hands_down_again_and_leaves_the_original():
    first = LIFNeuronConfig(units=3)
    second = first.replace(dt=0.1)
    assert (first.soma.dt, second.soma.dt) == (1.0, 0.1)


def test_giving_a_config_to_a_neuron_does_not_change_that_config():
    soma = LeakySomaConfig()
    LIFNeuron(units=3, dt=0.1, soma=soma)
    assert soma.dt == 1.0 and soma.units is None


def test_all_faults_come_at_once_with_path_value_and_bound():
    faults = faults_of(lambda: LIFNeuronConfig(
        units=(0,), dt=-1.0, inhibitory_rate=1.5, soma__potential_tau=0.0, synapses__tau=-2.0, soma__typo=1))
    assert set(faults) == {"units", "dt", "inhibitory_rate", "soma.potential_tau", "synapses.tau", "soma.typo"}
    assert faults["soma.potential_tau"].value == 0.0
    assert faults["soma.potential_tau"].bound == ">= 0.0001 and <= 1e+07 ms"
    assert "<= 1" in faults["inhibitory_rate"].bound


def test_message_names_field_value_bound_and_hint():
    with pytest.raises(ConfigError) as caught:
        LIFNeuronConfig(units=3, inhibitory_rat=0.1, soma__potential_tau=-1)
    text = str(caught.value)
    assert "LIFNeuronConfig: 2 faults" in text
    assert "inhibitory_rat = 0.1: must be a known field; did you mean 'inhibitory_rate'?" in text
    assert "soma.potential_tau = -1.0: must be >= 0.0001 and <= 1e+07 ms" in text


@pytest.mark.parametrize("keywords, path", [
    ({"unitz": 3}, "unitz"), ({"soma__tau_x": 1.0}, "soma.tau_x"), ({"dt__x": 1}, "dt__x"), ({"_s_nothing": 1},
                                                                                            "_s_nothing"),
    ({"delays__max_delay": 3.0}, "delays.max_delay"),
])
def test_unknown_keywords_are_errors(keywords, path):
    assert path in faults_of(lambda: LIFNeuronConfig(units=3, **keywords))


@pytest.mark.parametrize("value", ["1", True, None, object(), [[1], [2, 3]], float("nan"), float("inf")])
def test_wrong_kinds_of_values_are_errors(value):
    assert "potential_tau" in faults_of(lambda: LeakySomaConfig(potential_tau=value))


@pytest.mark.parametrize("value", [0, -1, (), (2, 0), "3", 2.5, True])
def test_wrong_units_are_errors(value):
    assert "units" in faults_of(lambda: LIFNeuronConfig(units=value))


def test_units_are_required():
    assert "units" in faults_of(LIFNeuronConfig)


def test_an_array_must_have_the_shape_of_the_units():
    faults = faults_of(lambda: LIFNeuronConfig(units=3, soma__potential_tau=np.ones(4)))
    assert "(3,)" in faults["soma.potential_tau"].bound


def test_an_entry_out_of_bounds_is_named_by_index():
    faults = faults_of(lambda: LeakySomaConfig(potential_tau=np.array([1.0, 2.0, -3.0])))
    assert repr(faults["potential_tau"].value) == "-3.0 at [2]"


def test_skipping_validation_skips_bounds_but_not_unknown_keywords():
    assert LeakySomaConfig(__skip_validation__=True, potential_tau=-1.0).potential_tau == -1.0
    with pytest.raises(ConfigError):
        LeakySomaConfig(__skip_validation__=True, potential_tauu=-1.0)


def test_reset_above_threshold_is_a_fault():
    assert "potential_reset" in faults_of(lambda: LeakySomaConfig(potential_reset=-30.0))


def test_a_config_of_the_wrong_family_is_a_fault():
    assert "soma" in faults_of(lambda: LIFNeuronConfig(units=3, soma=TracedSynapsesConfig()))
    with pytest.raises(ConfigError):
        LIFNeuron(LeakySomaConfig(units=(3,)))


def test_a_drawn_number_out_of_bounds_is_an_error():
    with pytest.raises(ConfigError, match="potential_tau"):
        LeakySoma(units=(50,), potential_tau=Uniform(low=-1.0, high=1.0))


def test_configurations_do_not_change():
    with pytest.raises(AttributeError, match="replace"):
        LeakySomaConfig().potential_tau = 3.0
    with pytest.raises(ValueError, match="read-only"):
        LeakySomaConfig(potential_tau=np.ones(2)).potential_tau[0] = 2.0


def test_an_array_handed_in_is_copied():
    taus = np.ones(3)
    config = LeakySomaConfig(potential_tau=taus)
    taus[:] = 5.0
    assert config.potential_tau.tolist() == [1.0, 1.0, 1.0]


def test_a_part_without_units_is_an_error():
    with pytest.raises(ConfigError, match="units"):
        LeakySoma()


def test_signature_lists_the_fields():
    import inspect

    parameters = inspect.signature(LIFNeuronConfig).parameters
    assert parameters["units"].default is inspect.Parameter.empty
    assert parameters["inhibitory_rate"].default == 0.2


class Inner(SparkConfig):
    x: int = integer(0)
    y: float = quantity(1.0, bound=above(0))


class SparkConfigPair(SparkConfig):
    x: int = integer(0)
    inner: Inner = nested(Inner, base=Inner)


@given(st.integers(-5, 5), st.integers(-5, 5), st.floats(1e-3, 1e3))
def test_equal_exactly_when_values_are(a, b, y):
    one, other = SparkConfigPair(inner__x=a, inner__y=y), SparkConfigPair(inner__x=b, inner__y=y)
    assert (one == other) == (a == b)
    assert one.replace(inner__x=b) == other


def test_arrays_and_classes_take_part_in_equality():
    assert LeakySomaConfig(potential_tau=np.ones(2)) == LeakySomaConfig(potential_tau=np.ones(2))
    assert LeakySomaConfig(potential_tau=np.ones(2)) != LeakySomaConfig(potential_tau=np.full(2, 2.0))
    assert LeakySomaConfig(potential_tau=np.ones(2)) != LeakySomaConfig(potential_tau=1.0)
    assert LeakySomaConfig() != RefractoryLeakySomaConfig()
    assert LeakySomaConfig(potential_tau=Uniform(low=1.0, high=2.0)) != LeakySomaConfig(
        potential_tau=Uniform(low=1.0, high=3.0))
