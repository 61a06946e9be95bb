"""States are fine enough: spikes of compiled networks against the equations written by hand in numpy."""

import numpy as np
import pytest

import compiler
from compiler import reference
from compiler.pipeline import Compilation, compile_source
from compiler.settings import Settings

UNITS, INPUTS = 8, 6
HEAD = """
import numpy as np
from spark.nn.brain import Sequential
from spark.nn.components.somas.leaky import LeakySomaConfig
from spark.nn.components.synapses.linear import LinearSynapsesConfig
from spark.nn.components.synapses.traced import TracedSynapsesConfig
from spark.nn.neurons import AdExNeuron, LIFNeuron

generator = np.random.default_rng(5)
kernel = generator.uniform(0, 1, (8, 6))
calibration = (np.random.default_rng(2).random((8, 200, 6)) < 0.1).astype(np.uint8)
soma = LeakySomaConfig(potential_rest=-60.0, potential_reset=-60.0, threshold=-50.0, potential_tau=20.0)
"""
SLOW_MEMBRANE = HEAD + """
model = Sequential([LIFNeuron(units=(8,), dt=0.1, inhibitory_rate=0.0, soma=soma,
                              synapses=TracedSynapsesConfig(kernel=kernel, scale=60.0, tau=5.0))], input_shape=6)
"""
STRONG_CURRENT = HEAD + """
model = Sequential([AdExNeuron(units=(8,), dt=0.1, inhibitory_rate=0.0,
                               synapses=TracedSynapsesConfig(kernel=kernel, scale=300.0, tau=5.0))], input_shape=6)
"""
DEAD_UNIT = HEAD + """
kernel[3] *= {}
model = Sequential([LIFNeuron(units=(8,), inhibitory_rate=0.0, soma=soma,
                              synapses=LinearSynapsesConfig(kernel=kernel, scale=800.0))], input_shape=6)
"""


def spikes() -> np.ndarray:
    return (np.random.default_rng(9).random((8, 200, INPUTS)) < 0.1).astype(np.uint8)


def kernel() -> np.ndarray:
    return np.random.default_rng(5).uniform(0, 1, (UNITS, INPUTS))


def slow_membrane(rows: np.ndarray) -> np.ndarray:
    """A leaky membrane of 20 ms behind a synaptic current of 5 ms, in steps of 0.1 ms (Neuronal Dynamics, 1.3)."""
    leak, decay = np.exp(-0.1 / 20), np.exp(-0.1 / 5)
    v, z, fired = np.zeros((len(rows), UNITS)), np.zeros((len(rows), UNITS)), []
    for row in rows.swapaxes(0, 1):
        z = decay * z + 60 * (row @ kernel().T)
        v = leak * v + (1 - leak) * 0.1 * z
        fired.append(v > 10)
        v = np.where(fired[-1], 0, v)
    return np.stack(fired, 1)


def strong_current(rows: np.ndarray) -> np.ndarray:
    """Brette & Gerstner 2005, eq. 1-3, Euler, with spark's default parameters."""
    decay = np.exp(-0.1 / 5)
    v, w, z, fired = *(np.zeros((len(rows), UNITS)) for _ in range(3)), []
    for row in rows.swapaxes(0, 1):
        z = decay * z + 300 * (row @ kernel().T)
        upstroke = 2 * np.exp((np.minimum(v, 40) - 20) / 2)
        v, w = v + 0.1 / 5 * (upstroke - v - 0.5 * w + 0.5 * z), w + 0.1 / 100 * (0.5 * v - w)
        fired.append(v > 40)
        v, w = np.where(fired[-1], 19, v), w + 7 * fired[-1]
    return np.stack(fired, 1)


def compiled(text: str, tmp_path, **settings) -> Compilation:
    path = tmp_path / "model.py"
    path.write_text(text)
    given = Settings(chip="none", **settings)
    source = given.load(str(path))
    return compile_source(source, given.options(source), checked=False)


def moved(text: str, expected: np.ndarray, tmp_path, **settings) -> float:
    """Share of the spikes that stand in another step than those of the equations."""
    found = reference.run(compiled(text, tmp_path, **settings).fixed, {"input": spikes()}).outputs["output"] != 0
    return float((found != expected).sum() / (found.sum() + expected.sum()))


@pytest.mark.parametrize("settings, most", [({}, 0.15), ({"weights": 16, "states": 32}, 0.03)])
def test_rounding_toward_zero_takes_little_from_a_slow_membrane(settings, most, tmp_path):
    """An error of z lasts 50 steps and each of these 200 in v: 4096 steps below the threshold would be too few."""
    expected = slow_membrane(spikes())
    assert expected.sum() > 200 and moved(SLOW_MEMBRANE, expected, tmp_path, **settings) < most


def test_a_current_before_a_nonlinear_membrane_has_a_fraction_of_its_own(tmp_path):
    """Thousands of pA beside 40 mV: in the membrane's format the current would be cut off at 1000 pA."""
    expected = strong_current(spikes())
    assert expected.mean() > 0.5 and moved(STRONG_CURRENT, expected, tmp_path) < 0.005


def fraction_of(text: str, tmp_path) -> tuple[int, list[str]]:
    """Fraction of the membranes, and the warnings."""
    found = compiled(text, tmp_path)
    network = found.fixed
    [state] = network.programs[network.node("layer_0").site.program].states  # pyright: ignore
    return state.type.fraction, [item.code for item in found.warnings]  # pyright: ignore


@pytest.mark.parametrize("factor", [1e-4, 1e-7, 1e-12])
def test_one_dead_unit_does_not_make_the_others_coarse(factor, tmp_path):
    """Weights that training drove to almost nothing are rounded away, with a warning; nothing else changes."""
    usual, _ = fraction_of(DEAD_UNIT.format(1), tmp_path)
    fraction, warnings = fraction_of(DEAD_UNIT.format(factor), tmp_path)
    assert fraction == usual and ("W306" in warnings) == (factor < 1e-5)


def test_a_start_beyond_its_format_is_cut_off_and_not_wrapped_around(tmp_path):
    """The threshold of an adaptive unit starts at 20 mV; a narrow format holds less."""
    found = compiled(HEAD.replace("AdExNeuron", "ALIFNeuron") + """
model = Sequential([ALIFNeuron(units=(8,), inhibitory_rate=0.0, soma__threshold_delta=8.0,
                               synapses=TracedSynapsesConfig(kernel=kernel, scale=90.0, tau=7.0))], input_shape=6)
""", tmp_path, states="s16.5")
    start = found.fixed.node("layer_0").site.initial["theta"]  # pyright: ignore
    values = found.fixed.tensor(start).data  # pyright: ignore
    assert (values > 0).all() and (values == 32767).any()


IZHIKEVICH = HEAD.replace("AdExNeuron", "IzhikevichNeuron") + """
model = Sequential([IzhikevichNeuron(units=(8,), dt=0.5, inhibitory_rate=0.0,
                                     synapses=TracedSynapsesConfig(kernel=kernel, scale=4.0, tau=5.0))], input_shape=6)
"""


@pytest.mark.parametrize("rounding", ["zero", "stochastic"])
def test_a_square_of_a_state_of_32_bits_is_exact(rounding, tmp_path):
    """64 bits are more than an exact result may have: the factors are cut off at half their range."""
    path = tmp_path / "model.py"
    path.write_text(IZHIKEVICH)
    artifact = compiler.compile(path, chip="none", states="accum", rounding=rounding)
    assert all(item["equal"] in ("equal", "measured") for item in artifact.report["verdicts"])
    [site] = [item for item in artifact.report["populations"] if item["name"] == "layer_0"]
    assert next(item["format"] for item in site["values"] if item["name"] == "v").startswith("s32.15")


def test_a_number_at_which_a_state_starts_is_cut_off_too(tmp_path):
    """The membrane starts at -65 mV; 12 bits with 8 of them fraction hold -8 at most."""
    found = compiled(IZHIKEVICH, tmp_path, states="s24.8", bits={"layer_0.v": 12})
    states = found.fixed.programs[found.fixed.node("layer_0").site.program].states  # pyright: ignore
    assert next(item.initial for item in states if item.name == "v") == -8.0 or \
        found.fixed.node("layer_0").site.initial["v"] == -8.0  # pyright: ignore
