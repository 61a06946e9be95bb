"""The leaky family against closed forms."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark.nn.components.somas import (
    AdaptiveLeakySoma,
    LeakyIntegratorSoma,
    LeakySoma,
    RefractoryLeakySoma,
    StrictRefractoryLeakySoma,
)

EXACT = {"dtype": "float64"}


def spike_steps(soma, current, steps):
    """Steps (from 0) at which the first unit fires."""
    outputs, _ = soma.run(np.full((steps, 1), current))
    return np.nonzero(outputs["spikes"][:, 0])[0]


def test_the_potential_decays_exponentially_without_input():
    soma = LeakySoma(units=(1,), dt=0.5, potential_tau=8.0, **EXACT)
    run = soma.run(np.zeros((100, 1)), state={"v": np.array([5.0])}, record=("v",))
    time = 0.5 * np.arange(1, 101)
    np.testing.assert_allclose(run.recorded["v"][:, 0], 5.0 * np.exp(-time / 8.0), rtol=1e-12)


def test_a_constant_current_charges_towards_resistance_times_current():
    soma = LeakySoma(units=(1,), dt=0.1, **EXACT)
    run = soma.run(np.full((1000, 1), 150.0), record=("v",))
    time = 0.1 * np.arange(1, 1001)
    np.testing.assert_allclose(run.recorded["v"][:, 0], 15.0 * (1 - np.exp(-time / 20.0)), rtol=1e-11)


@given(st.floats(205.0, 5000.0), st.sampled_from([1.0, 0.5, 0.1]), st.floats(2.0, 50.0))
@settings(max_examples=12, deadline=None)
def test_firing_intervals_follow_the_f_i_curve(current, dt, tau):
    soma = LeakySoma(units=(1,), dt=dt, potential_tau=tau, **EXACT)
    drive, theta, reset = 0.1 * current, 20.0, 10.0
    first = tau / dt * math.log(drive / (drive - theta))
    period = tau / dt * math.log((drive - reset) / (drive - theta))
    if min(abs(x - round(x)) for x in (first, period)) < 1e-6:
        return
    spikes = spike_steps(soma, current, 4 + math.ceil(first) + 2 * math.ceil(period))
    assert spikes[0] == math.ceil(first) - 1
    assert set(np.diff(spikes)) == {math.ceil(period)}


def test_below_rheobase_nothing_fires_and_at_threshold_nothing_fires():
    assert len(spike_steps(LeakySoma(units=(1,), **EXACT), 199.0, 2000)) == 0
    soma = LeakySoma(units=(1,), **EXACT)
    _, outputs = soma.step({"v": np.array([20.0])}, {"current": np.array([200.0])}, soma.params)
    assert float(outputs["spikes"][0]) == 0.0


@given(st.integers(0, 12), st.sampled_from([1.0, 0.5, 0.1]))
@settings(max_examples=8, deadline=None)
def test_refractory_intervals_are_at_least_c_plus_two_and_strict_ones_c_plus_one(steps, dt):
    cooldown = steps * dt
    for soma_class, interval in ((RefractoryLeakySoma, steps + 2), (StrictRefractoryLeakySoma, steps + 1)):
        spikes = spike_steps(soma_class(units=(1,), dt=dt, cooldown=cooldown), 1e6, 60)
        assert spikes[0] == 0, "the counter starts saturated"
        assert set(np.diff(spikes)) == {interval}


def test_without_cooldown_there_is_no_counter_and_every_step_can_fire():
    for soma_class in (RefractoryLeakySoma, StrictRefractoryLeakySoma, AdaptiveLeakySoma):
        soma = soma_class(units=(1,), cooldown=None)
        assert "n" not in soma.initial_state() and "cooldown" not in soma.params
    assert len(spike_steps(RefractoryLeakySoma(units=(1,), cooldown=None), 1e6, 50)) == 50


def test_a_refractory_unit_leaks_but_does_not_listen():
    soma = RefractoryLeakySoma(units=(1,), cooldown=3.0, **EXACT)
    run = soma.run(np.full((6, 1), 1e4), record=("v",))
    held = 10.0 * np.exp(-np.arange(5) / 20.0)
    np.testing.assert_allclose(run.recorded["v"][:5, 0], held, rtol=1e-12)


def test_a_strictly_refractory_unit_is_clamped_for_exactly_c_steps():
    soma = StrictRefractoryLeakySoma(units=(1,), cooldown=3.0, **EXACT)
    run = soma.run(np.array([[1e4]] + [[50.0]] * 6), record=("v",))
    v = run.recorded["v"][:, 0]
    assert v[:4].tolist() == [10.0] * 4
    assert v[4] == pytest.approx(10.0 * math.exp(-1 / 20) + (1 - math.exp(-1 / 20)) * 5.0)


def test_the_counter_saturates_one_above_its_limit():
    soma = RefractoryLeakySoma(units=(1,), cooldown=3.0)
    _, state = soma.run(np.zeros((70_000, 1), np.uint8))
    assert state["n"].tolist() == [4] and str(state["n"].dtype) == "int32"


def test_the_moving_threshold_follows_its_closed_form_and_acts_one_step_later():
    soma = AdaptiveLeakySoma(units=(1,), cooldown=None, threshold_delta=50.0, threshold_tau=10.0, **EXACT)
    run = soma.run(np.full((30, 1), 2000.0), record=("theta", "v", "spikes"))
    spikes, theta, v = (run.recorded[name][:, 0] for name in ("spikes", "theta", "v"))
    fired = np.nonzero(spikes)[0]
    assert len(fired) >= 2
    for step in range(30):
        past = fired[fired <= step]
        assert theta[step] == pytest.approx(20.0 + 50.0 * np.exp(-(step - past) / 10.0).sum(), rel=1e-12)
    unspiked = np.nonzero(spikes == 0)[0]
    before = np.concatenate([[20.0], theta[:-1]])
    assert np.all(v[unspiked] <= before[unspiked])


def test_reset_by_subtraction_keeps_what_is_above_threshold():
    soma = LeakySoma(units=(1,), reset_by="subtraction", potential_reset=-60.0, **EXACT)
    run = soma.run(np.array([[1000.0 / (1 - math.exp(-1 / 20))]]), record=("v",))
    assert run.recorded["v"][0, 0] == pytest.approx(80.0)


def test_a_leaky_integrator_never_fires_and_puts_out_its_potential():
    soma = LeakyIntegratorSoma(units=(1,), **EXACT)
    outputs, state = soma.run(np.full((2000, 1), 1e4))
    assert outputs["potential"][-1, 0] == pytest.approx(1000.0)
    assert state["v"][0] == outputs["potential"][-1, 0]


def test_parameters_may_be_arrays_and_units_do_not_see_each_other():
    taus = np.array([5.0, 10.0, 40.0])
    together = RefractoryLeakySoma(units=(3,), potential_tau=taus, cooldown=[0.0, 2.0, 5.0])
    current = np.random.default_rng(0).uniform(0, 1500, (300, 3))
    outputs, _ = together.run(current)
    for unit, (tau, cooldown) in enumerate(zip(taus, (0.0, 2.0, 5.0), strict=True)):
        alone = RefractoryLeakySoma(units=(1,), potential_tau=tau, cooldown=cooldown)
        np.testing.assert_array_equal(alone.run(current[:, [unit]])[0]["spikes"][:, 0], outputs["spikes"][:, unit])


@pytest.mark.parametrize("soma_class", [LeakySoma, RefractoryLeakySoma, StrictRefractoryLeakySoma, AdaptiveLeakySoma])
def test_rest_only_shifts_the_scale(soma_class):
    current = np.random.default_rng(1).uniform(0, 1000, (200, 4))
    shifted = soma_class(units=(4,), potential_rest=0.0, potential_reset=10.0, threshold=20.0)
    assert np.array_equal(shifted.run(current)[0]["spikes"], soma_class(units=(4,)).run(current)[0]["spikes"])
