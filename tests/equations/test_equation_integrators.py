"""Integrators: which one is chosen, what is exact, and how errors shrink with the time step."""

import numpy as np
import pytest
import scipy.integrate
import scipy.linalg

from spark.core.config import ConfigError
from spark.equations import neuron
from spark.equations.propagator import propagator

LEAK = "dv/dt = (R*I - v)/tau : mV\ntau = 20 ms in (0, 1e4]\nR = 0.1 GΩ\nv(0) = 3 mV\n"
RESONATOR = """
dv/dt = (R*(I - w) - v)/tau_v : mV
dw/dt = (a*v - w)/tau_w : pA
tau_v = 10 ms
tau_w = 30 ms
R = 0.1 GΩ
a = 40 nS
v(0) = 5 mV
w(0) = 1 pA
"""
# Linear in itself, driven by another state in a product: a synaptic conductance.
CONDUCTANCE = """
dv/dt = (-v + R*g*(E - v))/tau : mV
dg/dt = -g/tau_g : nS
tau = 10 ms
tau_g = 5 ms
R = 0.1 GΩ
E = 70 mV
g(0) = 30 nS
"""
NONLINEAR = "dv/dt = (v^2/(10 mV) - v + R*I)/tau : mV\ntau = 20 ms\nR = 0.1 GΩ\nv(0) = 3 mV\n"
CHOSEN = [
    (LEAK, [("exact", ("v",))]), (RESONATOR, [("exact", ("v", "w"))]),
    (CONDUCTANCE, [("exact", ("g",)), ("exponential_euler", ("v",))]), (NONLINEAR, [("euler", ("v",))]),
    (NONLINEAR + "du/dt = -u/(5 ms) : 1\ndx/dt = (u - x*v/(1 mV))/(3 ms) : 1",
     [("exact", ("u",)), ("euler", ("v",)), ("exponential_euler", ("x",))]),
]


@pytest.mark.parametrize("text, parts", CHOSEN)
def test_what_is_linear_is_exact_what_is_linear_in_itself_exponential_and_the_rest_euler(text, parts):
    assert [(part.method, part.states) for part in neuron(text).parts] == parts


@pytest.mark.parametrize("integrator", ["euler", "midpoint", "exponential_euler", "exact"])
def test_a_text_or_a_keyword_overrides_the_choice_and_the_keyword_wins(integrator):
    assert [part.method for part in neuron(LEAK, integrator=integrator).parts] == [integrator]
    assert neuron(LEAK + f"integrator: {integrator}").config.chosen_integrator == integrator
    assert neuron(LEAK + "integrator: euler", integrator=integrator).config.chosen_integrator == integrator


def end(text, integrator, dt, duration=8.0, current=20.0):
    """The states after a constant current."""
    soma = neuron(text, dt=dt, dtype="float64", integrator=integrator)
    state = soma.run(np.full((round(duration / dt), 1), current))[1]
    return np.concatenate([state[name] for name in soma.model.equations])


@pytest.mark.parametrize("text", [LEAK, RESONATOR])
@pytest.mark.parametrize("dt", [0.1, 1.0, 8.0])
def test_exact_is_exact_whatever_the_step(text, dt):
    np.testing.assert_allclose(end(text, "exact", dt), end(text, "exact", 0.01), rtol=1e-11)


def test_the_exact_step_is_the_matrix_exponential_of_the_whole_system():
    matrix = np.array([[-1 / 10, -0.1 / 10], [40 / 30, -1 / 30]])
    rest = np.array([0.1 * 20 / 10, 0.0])
    point = -np.linalg.solve(matrix, rest)
    truth = point + scipy.linalg.expm(matrix * 8.0) @ (np.array([5.0, 1.0]) - point)
    np.testing.assert_allclose(end(RESONATOR, "exact", 4.0), truth, rtol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_propagators_are_matrix_exponentials_however_stiff(seed):
    generator = np.random.default_rng(seed)
    matrix = generator.normal(size=(4, 3, 3)) * 10.0 ** generator.uniform(-6, 1)
    matrix -= 3 * np.abs(matrix).max() * np.eye(3)
    transfer, gain = propagator(matrix, 0.7)
    for one, p, g in zip(matrix, transfer, gain, strict=True):
        padded = np.zeros((6, 6))
        padded[:3, :3], padded[:3, 3:] = one, np.eye(3)
        truth = scipy.linalg.expm(padded * 0.7)
        np.testing.assert_allclose(p, truth[:3, :3], rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(g, truth[:3, 3:], rtol=1e-10, atol=1e-13 * np.abs(g).max())


def test_a_slow_state_beside_a_fast_one_keeps_its_decay():
    soma = neuron("dv/dt = (w - v)/(0.001 ms) : 1\ndw/dt = -w/(1e6 ms) : 1\nw(0) = 1", dt=1.0, dtype="float64")
    state = soma.run(np.zeros((1000, 1)))[1]
    assert state["w"][0] == pytest.approx(np.exp(-1e-3), rel=1e-12) and state["v"][0] == pytest.approx(state["w"][0])


ORDERS = [(LEAK, "euler", 1), (LEAK, "midpoint", 2), (RESONATOR, "euler", 1), (RESONATOR, "midpoint", 2),
          (RESONATOR, "exponential_euler", 1), (CONDUCTANCE, "euler", 1), (CONDUCTANCE, "automatic", 1),
          (CONDUCTANCE, "exponential_euler", 1), (CONDUCTANCE, "midpoint", 2), (NONLINEAR, "euler", 1),
          (NONLINEAR, "midpoint", 2)]


def truth(text):
    """The states after 8 ms by a Runge-Kutta method of order 8 over the soma's own right-hand sides."""
    from spark.equations.evaluate import Values

    soma = neuron(text, dtype="float64")
    names, model = list(soma.model.equations), soma.model
    fixed = {name: float(value) for name, value in soma.params.items()} | {model.input: 20.0}

    def slope(_, states):
        values = Values(model, fixed | dict(zip(names, states, strict=True)), np)
        return [values.of(model.equations[name].expression) for name in names]

    start = [float(soma.initial_state()[name][0]) for name in names]
    return scipy.integrate.solve_ivp(slope, (0, 8.0), start, "DOP853", rtol=1e-12, atol=1e-12).y[:, -1]


@pytest.mark.parametrize("text, integrator, order", ORDERS)
def test_the_observed_order_is_the_stated_one(text, integrator, order):
    steps, true = np.array([0.5, 0.25, 0.125, 0.0625]), truth(text)
    errors = [np.max(np.abs(end(text, integrator, dt) - true)) for dt in steps]
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(order, abs=0.15)


def test_exponential_euler_is_stable_where_euler_is_not():
    text = CONDUCTANCE.replace("tau = 10 ms", "tau = 0.05 ms")
    assert abs(end(text, "automatic", 0.2)[0]) < 70
    assert abs(end(text, "euler", 0.2)[0]) > 1e6


@pytest.mark.parametrize("integrator", ["euler", "midpoint"])
def test_a_step_too_long_for_a_decay_is_an_error_that_says_the_longest(integrator):
    end(LEAK, integrator, 40.0, 400.0)
    with pytest.raises(ConfigError, match=f"at most 40 ms for v by {integrator}.*take integrator exact"):
        end(LEAK, integrator, 41.0)
    end(LEAK, "exact", 41.0)
