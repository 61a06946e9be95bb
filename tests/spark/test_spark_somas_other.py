"""Exponential, Izhikevich, integrating and current-based somas."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark.core.config import ConfigError
from spark.core.registry import concrete
from spark.core.tree import flatten
from spark.nn.components.somas import (
    AdaptiveExponentialSoma,
    CubaLeakySoma,
    ExponentialSoma,
    IntegrateSoma,
    IzhikevichSoma,
    RefractoryExponentialSoma,
    SimplifiedAdaptiveExponentialSoma,
    Soma,
)

EXACT = {"dtype": "float64"}
SOMAS = concrete(Soma)
STRUCTURAL = ("integrator", "reset_by", "half_steps", "conductance")
COMPILED: dict = {}


def test_far_below_rheobase_the_exponential_soma_only_leaks():
    soma = ExponentialSoma(units=(1,), dt=0.1, rheobase_threshold=100.0, threshold=110.0, **EXACT)
    run = soma.run(np.full((200, 1), 10.0), record=("v",))
    np.testing.assert_allclose(run.recorded["v"][:, 0], 5.0 * (1 - (1 - 0.1 / 5.0)**np.arange(1, 201)), rtol=1e-9)


@pytest.mark.parametrize("integrator, order", [("euler", 1), ("exponential_euler", 1), ("half_steps", 1)])
def test_each_integrator_converges_at_its_order(integrator, order):
    def end(dt):
        soma = ExponentialSoma(units=(1,), dt=dt, integrator=integrator, **EXACT)
        return float(soma.run(np.full((round(4.0 / dt), 1), 30.0))[1]["v"][0])

    steps = np.array([0.4, 0.2, 0.1, 0.05])
    errors = np.array([abs(end(dt) - end(0.001)) for dt in steps])
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(order, abs=0.2)


def test_half_steps_are_two_steps_of_half_the_length():
    half = ExponentialSoma(units=(1,), dt=0.2, integrator="half_steps", **EXACT)
    fine = ExponentialSoma(units=(1,), dt=0.1, **EXACT)
    v_half = half.run(np.full((20, 1), 30.0), record=("v",)).recorded["v"]
    v_fine = fine.run(np.full((40, 1), 30.0), record=("v",)).recorded["v"]
    np.testing.assert_allclose(v_half, v_fine[1::2], rtol=1e-12)


def test_refractory_exponential_intervals_are_at_least_c_plus_two():
    spikes = RefractoryExponentialSoma(units=(1,), cooldown=4.0).run(np.full((40, 1), 1e5))[0]["spikes"]
    assert set(np.diff(np.nonzero(spikes[:, 0])[0])) == {6}


def test_adaptation_sees_the_potential_of_the_start_of_the_step():
    soma = AdaptiveExponentialSoma(units=(1,), dt=0.1, **EXACT)
    state, _ = soma.step({"v": np.array([4.0]), "w": np.array([3.0])}, {"current": np.array([0.0])}, soma.params)
    assert state["w"][0] == pytest.approx(3.0 + 0.1 / 100.0 * (0.5 * 4.0 - 3.0))
    expected = 4.0 + 0.1 / 5.0 * (-4.0 + 2.0 * np.exp((4.0 - 20.0) / 2.0) - 0.5 * 3.0)
    assert state["v"][0] == pytest.approx(expected)


def test_adaptation_relaxes_to_its_coupling_and_jumps_at_a_spike():
    soma = AdaptiveExponentialSoma(units=(1,), dt=0.1, **EXACT)
    run = soma.run(np.full((3000, 1), 60.0), record=("w", "spikes"))
    w, fired = run.recorded["w"][:, 0], np.nonzero(run.recorded["spikes"][:, 0])[0]
    jumps = np.diff(w)[fired[1:] - 1]
    assert len(fired) > 3 and np.all(np.abs(jumps - 7.0) < 0.1)


def test_the_simplified_soma_is_the_refractory_one_where_the_threshold_never_moves():
    current = np.random.default_rng(0).uniform(0, 120, (500, 3))
    simple = SimplifiedAdaptiveExponentialSoma(units=(3,), dt=0.1, threshold_delta=0.0)
    plain = RefractoryExponentialSoma(units=(3,), dt=0.1)
    spikes = plain.run(current)[0]["spikes"]
    assert np.any(spikes)
    np.testing.assert_array_equal(simple.run(current)[0]["spikes"], spikes)


@pytest.mark.parametrize("keywords, path", [
    ({"dt": 6.0}, "potential_tau"), ({"dt": 1.0, "adaptation_tau": 0.5}, "adaptation_tau"),
    ({"adaptation_subthreshold": -3.0}, "adaptation_subthreshold"),
    ({"adaptation_subthreshold": 500.0}, "adaptation_subthreshold"), ({"spike_slope": 0.1}, "spike_slope"),
    ({"potential_reset": -30.0}, "potential_reset"), ({"integrator": "rk4"}, "integrator"),
])
def test_unstable_or_impossible_exponential_somas_are_errors(keywords, path):
    with pytest.raises(ConfigError) as caught:
        AdaptiveExponentialSoma(units=(1,), **keywords)
    assert [fault.path for fault in caught.value.faults] == [path]


def test_exponential_euler_allows_a_membrane_faster_than_the_step():
    soma = ExponentialSoma(units=(1,), dt=6.0, integrator="exponential_euler")
    assert np.isfinite(soma.run(np.full((100, 1), 20.0))[1]["v"]).all()


def test_izhikevich_takes_both_sides_from_old_values():
    soma = IzhikevichSoma(units=(1,), dt=0.5, **EXACT)
    state, _ = soma.step({"v": np.array([-60.0]), "u": np.array([-10.0])}, {"current": np.array([5.0])}, soma.params)
    assert state["v"][0] == pytest.approx(-60.0 + 0.5 * (0.04 * 3600 - 300 + 140 + 10 + 5))
    assert state["u"][0] == pytest.approx(-10.0 + 0.5 * 0.02 * (0.2 * -60.0 + 10.0))


def test_izhikevich_half_steps_follow_the_published_scheme():
    soma = IzhikevichSoma(units=(1,), half_steps=True, **EXACT)
    v, u, spikes = -65.0, -13.0, []
    for step in range(300):
        for _ in range(2):
            v = v + 0.5 * (0.04 * v * v + 5 * v + 140 - u + 10.0)
        u = u + 0.02 * (0.2 * v - u)
        if v > 30:
            v, u = -65.0, u + 8.0
            spikes.append(step)
    outputs, state = soma.run(np.full((300, 1), 10.0))
    assert np.nonzero(outputs["spikes"][:, 0])[0].tolist() == spikes != []
    assert (state["v"][0], state["u"][0]) == (pytest.approx(v), pytest.approx(u))


def test_izhikevich_does_not_fire_on_every_step():
    spikes = IzhikevichSoma(units=(1,)).run(np.full((1000, 1), 10.0))[0]["spikes"]
    assert 5 < spikes.sum() < 50


def test_integrate_and_fire_counts_charge_and_ignores_dt():
    for dt in (1.0, 0.1):
        soma = IntegrateSoma(units=(1,), dt=dt, threshold=10.0, resistance=1.0)
        spikes = soma.run(np.full((40, 1), 3.0))[0]["spikes"][:, 0]
        assert np.nonzero(spikes)[0].tolist() == list(range(3, 40, 4))


@pytest.mark.parametrize("integrator", ["euler", "exact"])
def test_current_based_soma_uses_the_new_current(integrator):
    soma = CubaLeakySoma(units=(1,), integrator=integrator, potential_rest=0.0, potential_reset=0.0, threshold=1e3,
                         resistance=2.0, current_gain=3.0, **EXACT)
    current = np.random.default_rng(0).uniform(0, 20, 50)
    c, d = (1 - 1 / 5, 1 - 1 / 20) if integrator == "euler" else (np.exp(-1 / 5), np.exp(-1 / 20))
    i = v = 0.0
    expected = []
    for arriving in current:
        i = c * i + (1 - c) * 3.0 * arriving
        v = d * v + (1 - d) * 2.0 * i
        expected.append(v)
    run = soma.run(current[:, None], record=("v",))
    np.testing.assert_allclose(run.recorded["v"][:, 0], expected, rtol=1e-11)


def test_current_goes_on_while_the_potential_is_held():
    soma = CubaLeakySoma(units=(1,), cooldown=3.0, **EXACT)
    run = soma.run(np.full((20, 1), 5e3), record=("v", "i", "spikes"))
    first = int(np.nonzero(run.recorded["spikes"][:, 0])[0][0])
    assert run.recorded["v"][first:first + 4, 0].tolist() == [10.0] * 4
    assert np.all(np.diff(run.recorded["i"][first:first + 4, 0]) > 0)


def drawn(field, data):
    """A value anywhere within the bounds of a field, extremes included."""
    low, high = field.bound.low, field.bound.high
    inner = [value for value in (low, high, 0.0, 1.0, -1.0, low / 1e3, high / 1e3, field.default) if value is not None]
    return data.draw(st.sampled_from(inner) | st.floats(low, high))


@pytest.mark.parametrize("name", SOMAS)
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_nothing_becomes_nan_or_infinite_within_the_declared_bounds(name, data):
    config_class = SOMAS[name].config_class
    keywords = {"dt": data.draw(st.sampled_from([0.1, 1.0])), "units": (3,)}
    for field in config_class.fields.values():
        if field.kind == "a number" and field.name not in ("dt", "surrogate_slope") and data.draw(st.booleans()):
            keywords[field.name] = drawn(field, data)
        elif field.name == "conductance":
            keywords[field.name] = data.draw(st.booleans())
        elif getattr(field, "options", None) and field.name == "integrator":
            keywords[field.name] = data.draw(st.sampled_from(field.options))
    try:
        config = config_class(**keywords)
    except ConfigError:
        return
    soma, params, state = drawn_soma(name, config)
    scale = data.draw(st.sampled_from([1.0, 1e2, 1e4]))
    current = scale * np.random.default_rng(0).normal(size=(200, 3))
    outputs, state = soma.run(current.astype(np.float32), state=state, params=params)
    for path, leaf in flatten(outputs | state).items():
        assert np.all(np.isfinite(leaf)), (path, config)


def drawn_soma(name, config):
    """A soma that is compiled once for all configurations of its kind, and this configuration's numbers."""
    ours = SOMAS[name](config)
    kind = (name, *(str(getattr(config, option)) for option in STRUCTURAL if option in config.fields),
            *sorted(ours.params))
    return COMPILED.setdefault(kind, ours), ours.params, ours.initial_state()


@pytest.mark.parametrize("name", SOMAS)
def test_defaults_stay_finite_in_float16(name):
    soma = SOMAS[name](units=(3,), dtype="float16")
    current = 200 * np.random.default_rng(0).normal(size=(500, 3))
    outputs, state = soma.run(current)
    for path, leaf in flatten(outputs | state).items():
        assert np.all(np.isfinite(leaf)), path
