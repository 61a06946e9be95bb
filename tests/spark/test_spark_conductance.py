"""Somas that take a conductance instead of a current."""

import numpy as np
import pytest
import scipy.integrate

from spark.core.fields import ConfigField
from spark.core.registry import concrete, neurons
from spark.nn.components.somas import ExponentialSoma, LeakySoma, RefractoryLeakySoma, Soma
from spark.nn.neurons import LIFNeuron

OPEN = {"conductance": True, "dtype": "float64", "potential_rest": -70.0, "potential_reset": -70.0, "threshold": 100.0}
WITH = {name: cls for name, cls in concrete(Soma).items() if "conductance" in cls.config_class.fields}


def potential(g, cls=LeakySoma, **keywords):
    """Membrane potentials in mV under conductances [steps] in nS."""
    soma = cls(units=(1,), **OPEN | keywords)
    return np.asarray(soma.run(np.asarray(g, float)[:, None], record=("v",)).recorded["v"])[:, 0] - 70.0


@pytest.mark.parametrize("g, reversal", [(5.0, 0.0), (0.5, 0.0), (-5.0, -80.0), (-0.5, -90.0)])
@pytest.mark.parametrize("dt", [0.1, 1.0])
def test_the_potential_settles_where_leak_and_conductance_cancel(g, reversal, dt):
    v = potential(np.full(4000, g), dt=dt, reversal_excitatory=reversal, reversal_inhibitory=reversal)
    # Leak conductance 1/R = 10 nS.
    assert v[-1] == pytest.approx((10 * -70 + abs(g) * reversal) / (10 + abs(g)), abs=1e-6)


@pytest.mark.parametrize("integrator", ["exact", "euler"])
def test_it_approaches_the_membrane_equation_at_order_one(integrator):
    def course(_, v):
        return (-70 - v + 0.1 * 30 * (0 - v)) / 20

    true = scipy.integrate.solve_ivp(course, (0, 6.0), [-70.0], rtol=1e-11, atol=1e-11).y[0, -1]
    steps = np.array([0.4, 0.2, 0.1, 0.05])
    errors = [abs(potential(np.full(round(6 / dt), 30.0), dt=dt, integrator=integrator)[-1] - true) for dt in steps]
    assert np.polyfit(np.log(steps), np.log(errors), 1)[0] == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("g, low, high", [(1e9, -70.0, 0.0), (-1e9, -80.0, -70.0)])
@pytest.mark.parametrize("integrator", ["exact", "euler"])
def test_no_conductance_takes_the_potential_over_its_reversal_potential(g, low, high, integrator):
    v = potential(np.full(50, g), integrator=integrator)
    assert np.all((v >= low - 1e-9) & (v <= high + 1e-9)) and abs(v[-1] - (high if g > 0 else low)) < 4


def test_inhibition_at_rest_shunts():
    def rise(g):
        soma = LeakySoma(units=(1,), reversal_inhibitory=-70.0, **OPEN)
        return float(soma.run(np.full((400, 1), g))[1]["v"][0])

    assert rise(-10.0) == 0.0 and rise(10.0) > 30


def test_a_refractory_unit_does_not_listen_to_a_conductance_either():
    soma = RefractoryLeakySoma(units=(1,), cooldown=3.0, **OPEN | {"threshold": -50.0})
    run = soma.run(np.full((12, 1), 1e3), record=("v",))
    assert np.diff(np.nonzero(run.outputs["spikes"])[0]).tolist() == [5, 5]
    assert np.all(np.asarray(run.recorded["v"])[1:4] == 0.0)


def test_the_upstroke_goes_on_beside_a_conductance():
    keywords = {"dt": 0.1, "potential_tau": 10.0, "threshold": -30.0, "rheobase_threshold": -50.0,
                "potential_reset": -60.0}
    for integrator in ("euler", "exponential_euler", "half_steps"):
        soma = ExponentialSoma(units=(1,), integrator=integrator, **OPEN | keywords)
        fired = np.mean(soma.run(np.full((2000, 1), 3.0))[0]["spikes"])
        assert 0 < fired < 0.2 and not np.any(soma.run(np.full((2000, 1), 0.3))[0]["spikes"])


@pytest.mark.parametrize("name", WITH)
def test_without_the_option_nothing_of_it_is_there(name):
    soma = WITH[name](units=(2,))
    assert not {"E", "E_inhibitory"} & soma.params.keys()
    assert {"E", "E_inhibitory"} <= WITH[name](units=(2,), conductance=True).params.keys()


def test_the_default_somas_of_the_leaky_and_exponential_neurons_have_the_option():
    somas = {name: cls.config_class.fields["soma"] for name, cls in neurons().items()}
    having = {name for name, field in somas.items() if isinstance(field, ConfigField)
              and "conductance" in field.make_default().fields}
    assert having >= {"LIFNeuron", "ALIFNeuron", "AdExNeuron"}


def test_a_neuron_with_it_fires_and_inhibitory_spikes_hold_it_down():
    def rate(sign):
        neuron = LIFNeuron(units=(1,), inhibitory_rate=0.0, soma__conductance=True, synapses__scale=2.0,
                           synapses__kernel=[[1.0, sign]]).build(2)
        return float(np.mean(neuron.run(np.ones((300, 2)))[0]["out_spikes"]))

    assert rate(1.0) > rate(0.0) > rate(-0.5)
