"""Equations against recordings of Brian2: the text that Brian2 was given, in our grammar."""

from pathlib import Path

import numpy as np
import pytest

from spark.equations import neuron
from tests.equations.recordings import early, played, recording, worst

FOLDER = Path(__file__).parents[1] / "data" / "brian2"
FILES = sorted(path for path in FOLDER.glob("*.npz") if not path.stem.endswith("_ivp"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_spike_times_are_equal_to_the_step_and_states_to_a_billionth_of_their_range(path):
    theirs = recording(path)
    states, spikes = played(theirs)
    assert early(spikes, theirs) == early(theirs.spikes(), theirs)
    assert theirs.rows < theirs.arrays["t"].size or sum(map(len, spikes)) == theirs.meta["nspk"]
    assert worst(theirs, states) < 1e-9


def test_every_model_that_was_recorded_is_there():
    assert {recording(path).meta["model"] for path in FILES} >= {
        "lif", "lif_subtract", "alif", "cubalif+2ms refractory", "adex", "izhikevich"}


@pytest.mark.parametrize("dt, cycle", [(0.01, 200), (0.1, 20), (1.0, 2), (0.3, 7), (4.0, 1)])
def test_two_spikes_are_round_of_the_refractory_time_steps_apart(dt, cycle):
    soma = neuron("dv/dt = I/(1 ms) : 1 (unless refractory)\ninput I : 1\nthreshold: v > 0\nreset: v = 0\n"
                  "refractory: 2 ms", dt=dt)
    fired = np.nonzero(soma.run(np.ones((10 * cycle + 1, 1)))[0]["spikes"])[0]
    np.testing.assert_array_equal(np.diff(fired), cycle)


def test_a_coupled_exact_step_is_that_of_the_whole_system():
    """Each equation exact with the other state held is off by more than a threshold."""
    theirs = recording(FOLDER / "cuba_refr_exact_dt1.0.npz")
    decoupled = neuron(theirs.text(), units=(3,), dt=1.0, dtype="float64", integrator="exponential_euler")
    run = decoupled.run(theirs.drive(), record=("v",))
    assert np.max(np.abs(run.recorded["v"][:-1].T - theirs.states["v"][:, 1:])) > 0.1
