"""Synapses against sums written out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark.core.config import ConfigError
from spark.nn.components.delays import N2NDelays
from spark.nn.components.synapses import (
    LinearSynapses,
    Synanpses,
    SynanpsesConfig,
    Synapses,
    SynapsesConfig,
    TracedSynapses,
)

RNG = np.random.default_rng(3)


def traced_by_hand(kernel, taus, spikes, scale):
    """One trace per synapse, summed: the definition."""
    z = np.zeros(kernel.shape)
    currents = []
    for s in spikes:
        z = np.exp(-1.0 / taus) * z + scale * kernel * s
        currents.append(z.sum(axis=1))
    return np.array(currents)


def test_linear_current_is_the_weighted_sum_of_signed_spikes():
    kernel = RNG.normal(size=(3, 5))
    spikes = RNG.integers(-1, 2, (20, 5))
    synapses = LinearSynapses(units=(3,), kernel=kernel, scale=7.0, dtype="float64").build(5)
    outputs, state = synapses.run(spikes)
    np.testing.assert_allclose(outputs["current"], 7.0 * spikes @ kernel.T, rtol=1e-12, atol=1e-12)
    assert state == {} and synapses.site is None


@pytest.mark.parametrize("tau, site", [
    (4.0, "post"), (np.array([2.0, 4.0, 8.0]), "post"), (np.array([[2.0], [4.0], [8.0]]), "post"),
    (np.array([1.0, 2.0, 3.0, 4.0, 5.0]), "pre"), (np.array([[1.0, 2.0, 3.0, 4.0, 5.0]]), "pre"),
    (RNG.uniform(1, 9, (3, 5)), "synapse"),
])
def test_the_filter_lives_where_its_time_constants_allow_and_the_current_is_the_same(tau, site):
    kernel = RNG.normal(size=(3, 5))
    spikes = RNG.integers(0, 2, (40, 5))
    synapses = TracedSynapses(units=(3,), kernel=kernel, scale=2.0, tau=tau, dtype="float64").build(5)
    assert synapses.site == site
    full = np.broadcast_to(tau[:, None] if np.shape(tau) == (3,) else tau, (3, 5))
    outputs, state = synapses.run(spikes)
    np.testing.assert_allclose(outputs["current"], traced_by_hand(kernel, full, spikes, 2.0), rtol=1e-11, atol=1e-11)
    assert state["z"].shape == {"post": (3,), "pre": (5,), "synapse": (3, 5)}[site]


def test_equal_pre_and_post_shapes_mean_per_post_unless_written_as_a_row():
    tau = np.array([1.0, 2.0])
    assert TracedSynapses(units=(2,), tau=tau).build(2).site == "post"
    assert TracedSynapses(units=(2,), tau=tau[None, :]).build(2).site == "pre"


@given(st.integers(1, 12), st.floats(0.5, 30.0), st.sampled_from([1.0, 0.5, 0.1]))
@settings(max_examples=8, deadline=None)
def test_the_trace_of_a_regular_train_is_a_geometric_series(period, tau, dt):
    synapses = TracedSynapses(units=(1,), kernel=[[1.0]], tau=tau, dt=dt, dtype="float64").build(1)
    spikes = (np.arange(30 * period) % period == 0).astype(int)[:, None]
    outputs, _ = synapses.run(spikes)
    decay = np.exp(-dt / tau)
    count = 1 + np.arange(30 * period) // period
    phase = np.arange(30 * period) % period
    expected = decay**phase * (1 - decay**(period * count)) / (1 - decay**period)
    np.testing.assert_allclose(outputs["current"][:, 0], expected, rtol=1e-9)


@pytest.mark.parametrize("tau", [4.0, np.array([[1.0, 2.0, 3.0]]), RNG.uniform(1, 9, (2, 3))])
def test_spikes_that_arrive_per_synapse_give_the_same_as_one_synapse_at_a_time(tau):
    kernel = RNG.normal(size=(2, 3))
    steps = RNG.integers(1, 6, (2, 3))
    spikes = RNG.integers(0, 2, (40, 3))
    arriving = N2NDelays(units=(2,), steps=steps).build(3).run(spikes)[0]["out_spikes"]
    synapses = TracedSynapses(units=(2,), kernel=kernel, tau=tau, dtype="float64")
    synapses.build_paired((3,))
    outputs, _ = synapses.run(arriving)
    expected = traced_by_hand(kernel, np.broadcast_to(tau, (2, 3)), np.asarray(arriving), 1.0)
    np.testing.assert_allclose(outputs["current"], expected, rtol=1e-11, atol=1e-11)


def test_shapes_of_any_rank_flatten_alike():
    kernel = RNG.normal(size=(2, 3, 4, 5))
    spikes = RNG.integers(0, 2, (10, 4, 5))
    outputs, _ = LinearSynapses(units=(2, 3), kernel=kernel, dtype="float64").build((4, 5)).run(spikes)
    np.testing.assert_allclose(outputs["current"], np.einsum("abcd,tcd->tab", kernel, spikes), rtol=1e-12)


def test_scale_may_differ_between_postsynaptic_units():
    outputs, _ = LinearSynapses(units=(2,), kernel=np.ones((2, 3)), scale=[1.0, 10.0]).build(3).run(np.ones((1, 3)))
    assert outputs["current"].tolist() == [[3.0, 30.0]]


@pytest.mark.parametrize("keywords", [{"kernel": np.ones((3, 4))}, {"kernel": np.full((3, 5), np.nan)},
                                      {"tau": np.ones((7,))}, {"tau": np.zeros((3,))}])
def test_wrong_kernels_and_time_constants_are_errors(keywords):
    with pytest.raises(ConfigError, match=next(iter(keywords))):
        TracedSynapses(units=(3,), **keywords).build(5)


def test_the_documented_spelling_is_an_alias():
    assert Synanpses is Synapses and SynanpsesConfig is SynapsesConfig


def test_weights_then_filter_is_the_step():
    synapses = TracedSynapses(units=(3,), seed=2).build(5)
    spikes = RNG.integers(0, 2, 5).astype(np.float32)
    state, params = {"z": np.ones(3, np.float32)}, synapses.params
    current = {"current": np.asarray(synapses.weights(params)) @ spikes}
    expected = synapses.filter(state, current, params)
    got = synapses.step(state, {"spikes": spikes}, params)
    np.testing.assert_allclose(got[1]["current"], expected[1]["current"], rtol=1e-6)
