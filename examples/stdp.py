"""Spike-timing-dependent plasticity, compiled: the weights of inputs that fire together grow, those of the others fade.

    sparkc compile examples/stdp.py --chip none -o build/stdp
    python examples/stdp.py                # weights learned in float64, and on integers with several formats
"""

from __future__ import annotations

import numpy as np

import compiler
from compiler.settings import Settings
from spark.nn.components.learning_rules import STDPRuleConfig
from spark.nn.components.synapses import TracedSynapsesConfig
from spark.nn.neurons import LIFNeuron

INPUTS, TOGETHER = 20, 8
"""Presynaptic units, and how many of them fire together."""
STEPS, RATE = 4000, 0.02
WEIGHTS = "input_neuron.synapse.w"
FORMATS = {"24 bits": {}, "8 bits, nearest": {"bits": 8}, "8 bits, stochastic": {"bits": 8, "rounding": "stochastic"}}


def spikes(steps: int = STEPS, samples: int = 1, seed: int = 0) -> np.ndarray:
    """Inputs [samples, steps, INPUTS] at 20 Hz; the first ones fire in volleys, the others on their own."""
    rng = np.random.default_rng(seed)
    rows = rng.random((samples, steps, INPUTS)) < RATE
    volley = rng.random((samples, steps, 1)) < RATE
    rows[..., :TOGETHER] = volley & (rng.random((samples, steps, TOGETHER)) < 0.9)
    return rows.astype(np.uint8)


def model() -> LIFNeuron:
    """Two units over all inputs, every weight at half of what it can be."""
    rule = STDPRuleConfig(a_plus=0.008, a_minus=0.0084, w_max=1.0)
    synapses = TracedSynapsesConfig(kernel=np.full((2, INPUTS), 0.5), scale=[500.0, 600.0], tau=5.0)
    return LIFNeuron(units=(2,), inhibitory_rate=0.0, learning_rule=rule, synapses=synapses).build(INPUTS)


def calibration() -> dict[str, np.ndarray]:
    return {"input": spikes(600, samples=4, seed=9)}


def trajectories(steps: int = STEPS) -> dict[str, np.ndarray]:
    """Weights [steps, 2 * INPUTS] after every step, learned in float64 and on integers."""
    inputs = {"input": spikes(steps)}
    source = Settings(precision="float64").load(__file__)
    found = {"float64": source.run(inputs, record=[WEIGHTS]).records[WEIGHTS][0]}
    for name, options in FORMATS.items():
        settings = options | ({"bits": {"input_neuron.synapse": options["bits"]}} if "bits" in options else {})
        artifact = compiler.compile(__file__, chip="none", seed=1, **settings)
        raw = artifact.run(inputs, record=[WEIGHTS]).records[WEIGHTS][0]
        program = artifact.network.projection("input_neuron").synapse.program
        found[name] = raw * artifact.network.programs[program].state("w").type.lsb
    return found


def main() -> None:
    found = trajectories()
    exact, together = found["float64"], np.tile(np.arange(INPUTS) < TOGETHER, 2)
    print(f"{'weights':20} {'together':>9} {'alone':>7} {'error (mean, largest)':>24}")
    for name, rows in found.items():
        last, error = rows[-1], np.abs(rows[-1] - exact[-1])
        print(f"{name:20} {last[together].mean():9.3f} {last[~together].mean():7.3f} "
              f"{error.mean():15.4f} {error.max():8.4f}")


if __name__ == "__main__":
    main()
