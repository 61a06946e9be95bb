"""Small nets in which one projection matters and the other does not."""

import functools

SOURCE = '''
import numpy as np
from spark.nn.brain import Brain, ModuleSpecs, PortMap
from spark.nn.components.somas.leaky import LeakySomaConfig
from spark.nn.components.synapses.linear import LinearSynapsesConfig
from spark.nn.neurons import LIFNeuron

generator = np.random.default_rng(0)
labels = generator.integers(0, 3, 60)
rates = np.where(np.arange(12) // 4 == labels[:, None], 0.5, 0.1)
spikes = (generator.random((60, 16, 12)) < rates[:, None]).astype(np.uint8)
noise = (generator.random((60, 16, 12)) < 0.3).astype(np.uint8)
kernel = np.where(np.arange(12) // 4 == np.arange(3)[:, None], 1.0, -0.3) + generator.normal(0, 0.15, (3, 12))
kernel = np.concatenate([kernel, generator.normal(0, 1e-3, (3, 12))], axis=1)
data = {"seen": spikes, "unseen": noise, "label": labels}
calibration = {"seen": spikes, "unseen": noise}


def model():
    soma = LeakySomaConfig(potential_rest=-60.0, potential_reset=-60.0, threshold=-50.0, potential_tau=8.0)
    out = LIFNeuron(units=(3,), inhibitory_rate=0.0, soma=soma,
                    synapses=LinearSynapsesConfig(scale=400.0, kernel=kernel))
    return Brain(inputs={"seen": 12, "unseen": 12}, outputs={"output": PortMap("out", "out_spikes")}, modules=[
        ModuleSpecs("out", out, {"in_spikes": [PortMap("__call__", "seen"), PortMap("__call__", "unseen")]})])
'''

_CHANGES = {
    "default_rng(0)": "default_rng(2)", "0.5, 0.1)": "0.35, 0.1)", "0, 3, 60": "0, 3, 80", "(60, 16": "(80, 16",
    "-0.3) + generator.normal(0, 0.15, (3, 12))": "-0.5) * generator.lognormal(0, 0.8, 12)",
}
SKEWED = functools.reduce(lambda text, change: text.replace(*change), _CHANGES.items(), SOURCE)
"""Weights of very different size, so that few bits lose some of them."""
