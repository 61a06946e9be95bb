"""The network of the MNIST benchmark, and MNIST as spikes.

A pixel spikes in step t where it is brighter than the t-th of `LEVELS`: four steps, so an image is its four binary
slices. 784 inputs, 512 leaky integrate-and-fire units, 10 leaky integrators; the class is the largest mean potential.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spark.nn.brain import Brain, Sequential
from spark.nn.components.somas.leaky import LeakyIntegratorSomaConfig, LeakySomaConfig
from spark.nn.components.synapses.linear import LinearSynapsesConfig
from spark.nn.initializers import Uniform
from spark.nn.neurons import LIFNeuron, LINeuron

WEIGHTS = Path(__file__).with_name("data") / "mnist.npz"
HIDDEN = 512
LEVELS = (25, 90, 155, 220)
"""Brightness, of 255, that a pixel must pass to spike in each step."""


def network(seed: int = 0) -> Brain:
    """The untrained network, weights in units of the threshold: 784 -> 512 LIF -> 10 LI."""
    soma = LeakySomaConfig(potential_rest=-60.0, potential_reset=-60.0, threshold=-50.0, potential_tau=4.0,
                           reset_by="subtraction", surrogate="fast_sigmoid", surrogate_slope=4.0)
    readout = LeakyIntegratorSomaConfig(potential_tau=20.0)
    return Sequential({
        "hidden": LIFNeuron(units=(HIDDEN,), inhibitory_rate=0.0, seed=seed, soma=soma, synapses=synapses(4.0, 0.08)),
        "out": LINeuron(units=(10,), seed=seed + 1, soma=readout, synapses=synapses(20.0, 0.1)),
    }, input_shape=784)


def synapses(tau: float, reach: float) -> LinearSynapsesConfig:
    """Linear synapses of which a weight of 1 lifts a membrane by 10 mV in one step."""
    return LinearSynapsesConfig(scale=float(10.0 / (1 - np.exp(-1 / tau)) / 0.1),
                                kernel=Uniform(low=-reach, high=reach))


def model() -> Brain:
    """The trained network; its weights are stored in 16 bits."""
    brain = network()
    with np.load(WEIGHTS, allow_pickle=False) as stored:
        set_weights(brain, {name: stored[name].astype(np.float64) for name in ("hidden", "out")})
    return brain


def weights(brain: Brain) -> dict[str, np.ndarray]:
    """The kernels by neuron."""
    return {name: np.asarray(module.params["synapses"]["kernel"]) for name, module in brain.modules.items()}


def set_weights(brain: Brain, kernels: dict[str, np.ndarray]) -> None:
    params = brain.params
    for name, kernel in kernels.items():
        params[name]["synapses"]["kernel"] = kernel
    brain.params = params


def encode(images: np.ndarray) -> np.ndarray:
    """Images [n, 28, 28] of 0 … 255 as spikes, uint8 [n, 4, 784]."""
    pixels = np.asarray(images).reshape(len(images), 1, 784)
    return (pixels > np.array(LEVELS).reshape(1, -1, 1)).astype(np.uint8)


def read(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training images and labels, test images and labels of `mnist/mnist.npz` in a folder."""
    with np.load(folder / "mnist" / "mnist.npz", allow_pickle=False) as data:
        return data["x_train"], data["y_train"].astype(int), data["x_test"], data["y_test"].astype(int)


def distorted(images: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Every image turned, scaled, sheared and moved a little: more handwriting to learn from."""
    from scipy.ndimage import affine_transform

    changed = np.empty(images.shape, np.uint8)
    centre = np.array([13.5, 13.5])
    for index, image in enumerate(images):
        angle, shear = generator.uniform(-0.2, 0.2), generator.uniform(-0.2, 0.2)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        matrix = turn @ np.diag(1 / (1 + generator.uniform(-0.1, 0.1, 2))) @ np.array([[1, shear], [0, 1]])
        offset = centre - matrix @ (centre + generator.uniform(-2, 2, 2))
        changed[index] = np.clip(affine_transform(image.astype(np.float32), matrix, tuple(offset), order=1), 0, 255)
    return changed
