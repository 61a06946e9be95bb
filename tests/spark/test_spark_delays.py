"""Delays: every k up to the deepest, exactly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark.core.config import ConfigError
from spark.nn.components.delays import N2NDelays, NDelays, NDelaysConfig
from spark.nn.neurons import LIFNeuron


@given(st.integers(1, 9), st.integers(0, 2**31), st.integers(1, 4))
@settings(max_examples=5, deadline=None)
def test_each_unit_comes_out_exactly_k_steps_later(deepest, seed, pre):
    delays = NDelays(units=(1,), max_delay=float(deepest), seed=seed).build(pre)
    spikes = np.random.default_rng(seed).integers(0, 2, (30, pre))
    outputs, _ = delays.run(spikes)
    for unit, k in enumerate(delays.steps):
        np.testing.assert_array_equal(outputs["out_spikes"][k:, unit], spikes[:-k, unit])
        assert not outputs["out_spikes"][:k, unit].any()


@given(st.integers(1, 6), st.integers(0, 2**31))
@settings(max_examples=4, deadline=None)
def test_each_pair_comes_out_exactly_k_steps_later(deepest, seed):
    delays = N2NDelays(units=(3,), max_delay=float(deepest), seed=seed).build(2)
    spikes = np.random.default_rng(seed).integers(0, 2, (20, 2))
    outputs, _ = delays.run(spikes)
    for post in range(3):
        for pre in range(2):
            k = delays.steps[post, pre]
            np.testing.assert_array_equal(outputs["out_spikes"][k:, post, pre], spikes[:-k, pre])


@pytest.mark.parametrize("deepest", [1, 2, 8, 255, 256, 257, 4095])
def test_the_deepest_delay_is_not_zero(deepest):
    delays = NDelays(units=(1,), steps=deepest).build(1)
    spikes = np.zeros((deepest + 2, 1), np.uint8)
    spikes[0] = 1
    outputs, _ = delays.run(spikes)
    assert np.nonzero(outputs["out_spikes"][:, 0])[0].tolist() == [deepest]
    assert delays.initial_state()["buffer"].shape == (deepest + 1, 1)


def test_delay_zero_acts_within_the_step():
    outputs, _ = NDelays(units=(1,), steps=[0, 3]).build(2).run(np.eye(4, 2))
    assert outputs["out_spikes"].tolist() == [[1, 0], [0, 0], [0, 0], [0, 0]]


@pytest.mark.parametrize("max_delay, dt, depth", [(8.0, 1.0, 8), (0.3, 0.1, 3), (0.8, 0.1, 8), (0.25, 0.1, 3),
                                                  (0.05, 0.1, 1), (409.5, 0.1, 4095)])
def test_depth_is_the_ceiling_of_delay_over_step(max_delay, dt, depth):
    assert NDelaysConfig(max_delay=max_delay, dt=dt).depth == depth


def test_drawn_delays_cover_one_to_the_deepest_evenly():
    steps = NDelays(units=(1,), max_delay=4.0, seed=0).build(4000).steps
    counts = np.bincount(steps, minlength=5)
    assert counts[0] == 0 and len(counts) == 5 and counts[1:].min() > 900


def test_signs_travel_with_the_spikes():
    outputs, _ = NDelays(units=(1,), steps=1).build(2).run([[1, -1], [0, 0]])
    assert outputs["out_spikes"][1].tolist() == [1.0, -1.0]


@pytest.mark.parametrize("keywords", [{"max_delay": 4096.0}, {"max_delay": 410.0, "dt": 0.1}, {"max_delay": 0.0},
                                      {"steps": 4096}, {"steps": -1}, {"steps": [0.5]}])
def test_delays_that_cannot_be_are_errors(keywords):
    with pytest.raises(ConfigError):
        NDelays(units=(1,), **keywords)


def test_delays_of_the_wrong_shape_are_an_error():
    with pytest.raises(ConfigError, match=r"\(3,\)"):
        NDelays(units=(1,), steps=[1, 2]).build(3)


def test_a_neuron_with_delay_k_does_what_it_does_k_steps_earlier_without():
    spikes = np.random.default_rng(0).integers(0, 2, (60, 4))
    plain = LIFNeuron(units=(8,), synapses__scale=300.0).build(4)
    for kind in (NDelays, N2NDelays):
        late = LIFNeuron(units=(8,), synapses__scale=300.0, delays=kind.config_class(steps=5)).build(4)
        early = plain.run(spikes)[0]["out_spikes"]
        assert early.any()
        np.testing.assert_array_equal(late.run(spikes)[0]["out_spikes"][5:], early[:-5])
