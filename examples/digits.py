"""Handwritten digits, recognised by a spiking network with a recurrent and a delayed projection.

`sparkc compile examples/digits.py -o build/digits` compiles it. `model()` is the trained network, `calibration()`
are spikes of training images, `data()` the held-out images with their labels. `examples/train_digits.py` trains it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from spark.core import serialization
from spark.nn.brain import Brain, ModuleSpecs, PortMap
from spark.nn.components.somas.leaky import LeakySomaConfig
from spark.nn.components.synapses.linear import LinearSynapsesConfig
from spark.nn.initializers import Uniform
from spark.nn.neurons import LIFNeuron

sys.path.insert(0, str(Path(__file__).parent))
import digits_data  # noqa: E402

WEIGHTS = Path(__file__).with_suffix(".npz")
HIDDEN = 128
DELAYS = (8, 16, 24)
"""Steps after which the input arrives a second, third and fourth time: two, four and six rows later."""


def soma(tau: float, reset_by: str) -> LeakySomaConfig:
    """A leaky soma, threshold 10 mV above rest. tau: membrane time constant in ms."""
    return LeakySomaConfig(potential_rest=-60.0, potential_reset=-60.0, threshold=-50.0, potential_tau=tau,
                           reset_by=reset_by, surrogate="fast_sigmoid", surrogate_slope=4.0)


def synapses(tau: float, reach: float) -> LinearSynapsesConfig:
    """Linear synapses whose weights are in units of the threshold: 1 lifts the membrane to it in one step."""
    scale = 10.0 / (1 - np.exp(-1 / tau)) / 0.1
    return LinearSynapsesConfig(scale=float(scale), kernel=Uniform(low=-reach, high=reach))


def network(recurrent: bool = True, delayed: bool = True, seed: int = 0) -> Brain:
    """The untrained network: 64 -> 128 recurrent LIF -> 10 LIF; the input arrives at once and with each of `DELAYS`."""
    wires = [PortMap("__call__", "input")]
    wires += [PortMap("__call__", "input", delay) for delay in DELAYS if delayed]
    wires += [PortMap("hidden", "out_spikes")] if recurrent else []
    hidden = LIFNeuron(units=(HIDDEN,), inhibitory_rate=0.0, seed=seed, soma=soma(6.0, "value"),
                       synapses=synapses(6.0, 0.25))
    output = LIFNeuron(units=(10,), inhibitory_rate=0.0, seed=seed + 1, soma=soma(10.0, "subtraction"),
                       synapses=synapses(10.0, 0.2))
    return Brain(inputs={"input": 64}, outputs={"output": PortMap("out", "out_spikes")}, modules=[
        ModuleSpecs("hidden", hidden, {"in_spikes": wires}),
        ModuleSpecs("out", output, {"in_spikes": PortMap("hidden", "out_spikes")}),
    ])


def model() -> Brain:
    """The trained network."""
    return serialization.load(WEIGHTS)  # pyright: ignore[reportReturnType]


def calibration() -> dict[str, np.ndarray]:
    """Spikes of the 1257 training images."""
    return {"input": digits_data.encode(digits_data.split()[0])}


def data() -> dict[str, np.ndarray]:
    """Spikes and labels of the 540 held-out images."""
    _, _, images, labels = digits_data.split()
    return {"input": digits_data.encode(images), "label": labels}
