"""Encoders and read-outs."""

import numpy as np
import pytest

from spark.core.config import ConfigError
from spark.core.counter_random import random_bits, start
from spark.nn.brain import Brain, ModuleSpecs, PortMap
from spark.nn.interfaces import ExponentialIntegrator, LinearSpiker, PoissonSpiker
from spark.nn.neurons import LIFNeuron


def mix_by_hand(h):
    """The specification, in Python's integers."""
    h ^= h >> 16
    h = h * 0x7FEB352D % 2**32
    h ^= h >> 15
    h = h * 0x846CA68B % 2**32
    return h ^ h >> 16


def test_random_bits_are_the_specified_integers():
    import zlib

    begun = mix_by_hand(123 ^ zlib.crc32(b"role"))
    assert int(start(123, "role")) == begun
    expected = [mix_by_hand(mix_by_hand(mix_by_hand(begun ^ unit) ^ 7) ^ 2) for unit in range(5)]
    assert np.asarray(random_bits(start(123, "role"), 5, np.int32(7), np.int32(2))).tolist() == expected


@pytest.mark.parametrize("dt", [1.0, 0.1])
@pytest.mark.parametrize("signal", [0.0, 0.2, 1.0])
def test_poisson_spikes_come_at_the_rate_of_the_signal_and_with_its_variance(dt, signal):
    steps = round(2000 / dt)
    spikes = PoissonSpiker(max_freq=100.0, dt=dt).build(200).run(np.full((steps, 200), signal))[0]["spikes"]
    counts = np.asarray(spikes).sum(axis=0)
    assert counts.mean() == pytest.approx(200 * signal, rel=0.03)
    probability = signal * dt / 10
    assert counts.var() == pytest.approx(200 * signal * (1 - probability), rel=0.35)


def test_poisson_spikes_differ_between_units_steps_samples_and_seeds_and_repeat_between_runs():
    signal = np.full((2, 400, 50), 1.0)
    spiker = PoissonSpiker(max_freq=500.0).build(50)
    spikes = np.asarray(spiker.run(signal)[0]["spikes"])
    for one, other in ((spikes[0], spikes[1]), (spikes[:, :, 0], spikes[:, :, 1]), (spikes[:, 0], spikes[:, 1])):
        assert abs((one == other).mean() - 0.5) < 0.2
    np.testing.assert_array_equal(spiker.run(signal)[0]["spikes"], spikes)
    assert not np.array_equal(PoissonSpiker(max_freq=500.0, seed=1).build(50).run(signal)[0]["spikes"], spikes)
    np.testing.assert_array_equal(spiker.run(signal[0])[0]["spikes"], spikes[0])


def test_linear_spikes_are_regular_at_the_rate_of_the_signal():
    for dt in (1.0, 0.1):
        signal = np.tile([1.0, 0.5, 0.1, 0.0], (round(1000 / dt), 1))
        spikes = LinearSpiker(max_freq=100.0, dt=dt).build(4).run(signal)[0]["spikes"]
        for unit, interval in enumerate((10.0, 20.0, 100.0)):
            when = np.nonzero(spikes[:, unit])[0]
            assert np.all(np.abs(np.diff(when) * dt - interval) <= dt * 1.001) and abs(len(when) - 1000 / interval) <= 1
        assert not spikes[:, 3].any()


@pytest.mark.parametrize("dt", [1.0, 0.1])
def test_a_group_at_the_saturation_rate_reads_as_one(dt):
    spikes = PoissonSpiker(max_freq=50.0, dt=dt).build(200).run(np.ones((round(1000 / dt), 200)))[0]["spikes"]
    signal = ExponentialIntegrator(num_outputs=4, dt=dt, tau=50.0).build(200).run(spikes)[0]["signal"]
    np.testing.assert_allclose(signal[round(300 / dt):].mean(axis=0), 1.0, atol=0.07)


def test_groups_share_the_units_evenly_and_signs_do_not_count():
    reader = ExponentialIntegrator(num_outputs=3).build((2, 4))
    members = (reader.params["shares"] > 0).sum(axis=1)
    assert sorted(members.tolist()) == [2, 3, 3] and ((reader.params["shares"] > 0).sum(axis=0) == 1).all()
    plus, minus = (reader.run(sign * np.ones((5, 2, 4)))[0]["signal"] for sign in (1, -1))
    np.testing.assert_array_equal(plus, minus)


def test_a_signal_goes_in_and_a_signal_comes_out_of_a_brain():
    brain = Brain(inputs={"signal": 10}, outputs={"action": ("reader", "signal")}, modules=[
        ModuleSpecs("encoder", PoissonSpiker(max_freq=500.0), {"signal": PortMap("__call__", "signal")}),
        ModuleSpecs("pool", LIFNeuron(units=20), {"in_spikes": PortMap("encoder", "spikes")}),
        ModuleSpecs("reader", ExponentialIntegrator(num_outputs=2), {"spikes": PortMap("pool", "out_spikes")})])
    strong, weak = (brain.run(np.full((300, 10), level))[0]["action"][-100:].mean() for level in (1.0, 0.3))
    assert strong > 2 * weak and brain(np.full(10, 0.5))["action"].shape == (2,)


@pytest.mark.parametrize("make", [
    lambda: PoissonSpiker(max_freq=2000.0), lambda: LinearSpiker(max_freq=0.0),
    lambda: ExponentialIntegrator(), lambda: ExponentialIntegrator(num_outputs=0),
    lambda: ExponentialIntegrator(num_outputs=5).build(4)])
def test_impossible_interfaces_are_errors(make):
    with pytest.raises(ConfigError):
        make()
