"""Built-in somas against recordings of Brian2."""

import json
from pathlib import Path

import numpy as np
import pytest

from spark.nn.components.somas import AdaptiveExponentialSoma, IzhikevichSoma, LeakySoma

FOLDER = Path(__file__).parents[1] / "data" / "brian2"


def names(pattern):
    return sorted(path.stem for path in FOLDER.glob(pattern))


def recording(name):
    with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as archive:
        arrays = {key: archive[key] for key in archive.files}
    return json.loads(str(arrays.pop("meta"))), arrays


def started(recorded, first):
    """States at the start of each step, from rows for the end of each step."""
    return np.concatenate([first[None], recorded[:-1]])


def assert_close(ours, theirs):
    """Within 1e-9 of the range of the recorded state."""
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9 * np.ptp(theirs))


def spike_steps(times, dt):
    return np.round(np.asarray(times) / dt).astype(int)


@pytest.mark.parametrize("name", names("lif*"))
def test_leaky_potentials_and_spikes_are_brian2s(name):
    meta, theirs = recording(name)
    count, steps = theirs["v"].shape
    subtract = "subtract" in meta["model"]
    soma = LeakySoma(
        units=(count,), dt=meta["dt_ms"], dtype="float64", potential_rest=0.0, potential_reset=0.0, threshold=1.0,
        resistance=1.0, potential_tau=float(meta["tau_ms"]), integrator=meta["method"],
        reset_by="subtraction" if subtract else "value")
    run = soma.run(np.tile(meta["I"], (steps, 1)), record=("v",))
    assert_close(started(run.recorded["v"], np.zeros(count)).T, theirs["v"])
    when, who = np.nonzero(run.outputs["spikes"])
    assert len(when) == meta["nspk"]
    for unit in range(count):
        np.testing.assert_array_equal(when[who == unit],
                                      spike_steps(theirs["spikes"][theirs["spike_i"] == unit], meta["dt_ms"]))


def adex(meta, **keywords):
    return AdaptiveExponentialSoma(
        units=(1,), dtype="float64", potential_rest=meta["EL_mV"], potential_reset=meta["Vr_mV"],
        threshold=meta["Vpeak_mV"], rheobase_threshold=meta["VT_mV"], spike_slope=meta["DT_mV"],
        potential_tau=meta["C_pF"] / meta["gL_nS"], resistance=1 / meta["gL_nS"], adaptation_tau=meta["tauw_ms"],
        adaptation_delta=meta["b_pA"], adaptation_subthreshold=meta["a_nS"], **keywords)


@pytest.mark.parametrize("name", names("adex_*_euler_*"))
def test_adex_potentials_adaptation_and_spikes_are_brian2s(name):
    meta, theirs = recording(name)
    steps = round(meta["T_ms"] / meta["dt_ms"])
    soma = adex(meta, dt=meta["dt_ms"])
    run = soma.run(np.full((steps, 1), float(meta["I_pA"])), record=("v", "w"))
    np.testing.assert_array_equal(np.nonzero(run.outputs["spikes"])[0], spike_steps(theirs["spikes"], meta["dt_ms"]))
    assert_close(started(run.recorded["v"], np.zeros(1))[:, 0] + meta["EL_mV"], theirs["v"])
    assert_close(started(run.recorded["w"], np.zeros(1))[:, 0], theirs["w"])


@pytest.mark.parametrize("integrator", ["euler", "exponential_euler", "half_steps"])
@pytest.mark.parametrize("pattern", ["tonic_4a", "adapting_4b", "initial_burst_4c"])
def test_adex_spike_times_approach_the_event_detected_truth_as_the_step_shrinks(pattern, integrator):
    meta, truth = recording(f"adex_naud_{pattern}_ivp")
    errors = []
    for dt in (0.1, 0.01):
        spikes = adex(meta, dt=dt, integrator=integrator).run(
            np.full((round(meta["T_ms"] / dt), 1), float(meta["I_pA"])))[0]["spikes"]
        times = dt * (np.nonzero(spikes)[0] + 1)
        errors.append(np.max(np.abs(times[:5] - truth["spikes"][:5])))
    assert errors[1] < 0.3 * errors[0]


@pytest.mark.parametrize("name", names("izh_*"))
def test_izhikevich_potentials_recovery_and_spikes_are_brian2s(name):
    meta, theirs = recording(name)
    quadratic, linear, constant = (float(term.split("v")[0]) for term in meta["quad"].split("+"))
    soma = IzhikevichSoma(
        units=(1,), dt=meta["dt_ms"], dtype="float64", recovery_timescale=meta["a"], recovery_sensitivity=meta["b"],
        potential_reset=meta["c"], recovery_update=meta["d"], quadratic=quadratic, linear=linear, constant=constant)
    first = {"v": np.array([float(meta["v0"])]), "u": np.array([float(meta["u0"])])}
    run = soma.run(theirs["I"][:, None], state=first, record=("v", "u"))
    # Rounding decides the course of this one after 210 ms.
    kept = round(210 / meta["dt_ms"]) if "_H_" in name else len(theirs["v"])
    ours = spike_steps(theirs["spikes"], meta["dt_ms"])
    fired = np.nonzero(run.outputs["spikes"])[0]
    np.testing.assert_array_equal(fired[fired < kept], ours[ours < kept])
    for key in ("v", "u"):
        assert_close(started(run.recorded[key], first[key])[:kept, 0], theirs[key][:kept])
