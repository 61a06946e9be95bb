"""Every soma of spark equals its text in the gallery, step for step."""

import numpy as np
import pytest

from spark.core.registry import concrete
from spark.equations import EquationSoma, gallery, neuron
from spark.nn.components.somas import Soma
from spark.nn.initializers import Uniform

SOMAS = {name: cls for name, cls in concrete(Soma).items() if not issubclass(cls, EquationSoma)}
UNITS, STEPS = 5, 400
NAMES = {"theta": "threshold"}
STATES = {"moving_theta": "theta"}
DRIVES = {"Izhikevich": (12.0, 8.0), "Exponential": (90.0, 60.0), "Leaky": (300.0, 250.0), "Integrate": (30.0, 40.0)}
INTEGRATORS = {
    name: ("exact", "euler") for name in ("LeakySoma", "RefractoryLeakySoma", "LeakyIntegratorSoma",
                                          "StrictRefractoryLeakySoma", "CubaLeakySoma")
}


def drive(name, seed=0):
    """Inputs around what makes the soma fire, [steps, units]."""
    mean, spread = next((pair for key, pair in DRIVES.items() if key in name), (0.8, 1.0))
    return np.random.default_rng(seed).normal(mean, spread, (STEPS, UNITS)) + np.linspace(0, mean, UNITS)


def twins(name, text, **keywords):
    """The built-in soma and its text with the same values of the parameters that both have."""
    cls = SOMAS[name]
    shared = {NAMES.get(key, key): key for key in neuron(text).model.parameters}
    built = cls(units=(UNITS,), dtype="float64", **keywords)
    own = {key: value for key, value in keywords.items() if key in ("dt", "integrator", "seed")}
    given = {shared[key]: value for key, value in keywords.items() if key in shared}
    return built, neuron(text, units=(UNITS,), dtype="float64", **own, **given)


def resting(soma):
    """What potentials of the text are above those of the built-in."""
    return getattr(soma.config, "potential_rest", 0.0)


def assert_equal_step_for_step(built, written, inputs, fires=True):
    states = {key: STATES.get(key, key) for key in written.model.equations}
    ours = written.run(inputs, record=tuple(states))
    theirs = built.run(inputs, record=tuple(states.values()))
    for port, rows in theirs.outputs.items():
        np.testing.assert_allclose(ours.outputs[port], rows, rtol=1e-12, atol=0 if port == "spikes" else 1e-12)
        assert port != "spikes" or not fires or 0 < rows.mean() < 1
    for key, name in states.items() if states else ():
        row, rest = theirs.recorded[name], resting(built) if key == "v" or "theta" in key else 0.0
        np.testing.assert_allclose(ours.recorded[key] - rest, row, rtol=1e-10, atol=1e-10 * (np.ptp(row) + 1e-300))


def test_the_gallery_holds_every_soma_and_nothing_else():
    assert {name.partition("_")[0] for name in gallery()} == set(SOMAS)


@pytest.mark.parametrize("name", SOMAS)
@pytest.mark.parametrize("dt", [1.0, pytest.param(0.1, marks=pytest.mark.slow)])
def test_a_soma_is_its_equations(name, dt):
    built, written = twins(name, gallery()[name], dt=dt)
    assert_equal_step_for_step(built, written, drive(name))


@pytest.mark.parametrize("name, integrator", [(name, way) for name, ways in INTEGRATORS.items() for way in ways])
def test_so_it_is_with_each_integrator(name, integrator):
    assert_equal_step_for_step(*twins(name, gallery()[name], dt=0.5, integrator=integrator), drive(name))


@pytest.mark.parametrize("name", ["LeakySoma", "RefractoryLeakySoma", "CubaLeakySoma", "LIFSoma"])
def test_so_it_is_with_a_parameter_per_unit_and_a_drawn_one(name):
    keywords = {"potential_tau": np.linspace(5, 30, UNITS), "resistance": Uniform(low=0.5, high=0.9)}
    built, written = twins(name, gallery()[name], **keywords | ({"cooldown": 4.0} if "Refractory" in name else {}))
    # A drawn number depends on the class that draws it.
    written.params = written.params | {"resistance": built.params["R"]}
    assert_equal_step_for_step(built, written, drive(name))


@pytest.mark.parametrize("cooldown", [0.0, 1.0, 3.0])
@pytest.mark.parametrize("name", ["RefractoryLeakySoma", "StrictRefractoryLeakySoma", "CubaLeakySoma"])
def test_so_it_is_with_any_refractory_time(name, cooldown):
    built, written = twins(name, gallery()[name], cooldown=cooldown)
    assert_equal_step_for_step(built, written, 10 * drive(name))


def test_a_reset_by_subtraction_is_the_text_with_subtraction():
    built = SOMAS["LeakySoma"](units=(UNITS,), dtype="float64", reset_by="subtraction")
    written = neuron(gallery()["LeakySoma_subtraction"], units=(UNITS,), dtype="float64")
    assert_equal_step_for_step(built, written, 3 * drive("LeakySoma"))
