"""A soma of one's own, in one file: the quadratic integrate-and-fire unit with an adaptation.

It simulates, saves, trains and compiles as those of spark do:

    sparkc compile examples/own_soma.py -o build/own_soma
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from spark.core.config import Quantity, above, at_least, quantity
from spark.nn.brain import Sequential
from spark.nn.components.somas import Soma, SomaConfig
from spark.nn.neurons import LIFNeuron


class QuadraticSomaConfig(SomaConfig):
    """Parameters of QuadraticSoma."""

    tau: Quantity = quantity(10.0, unit="ms", bound=above(0), doc="Membrane time constant.")
    resistance: Quantity = quantity(0.1, unit="GΩ", bound=above(0), doc="Membrane resistance.")
    critical: Quantity = quantity(15.0, unit="mV", bound=above(0), doc="Potential from which on v rises by itself.")
    peak: Quantity = quantity(30.0, unit="mV", bound=above(0), doc="Potential above which a spike is fired.")
    reset: Quantity = quantity(-5.0, unit="mV", doc="Potential right after a spike.")
    adaptation_tau: Quantity = quantity(50.0, unit="ms", bound=above(0), doc="Time constant of the adaptation.")
    adaptation_step: Quantity = quantity(20.0, unit="pA", bound=at_least(0), doc="Adaptation added at a spike.")


class QuadraticSoma(Soma[QuadraticSomaConfig]):
    """Quadratic integrate-and-fire with an adaptation current.

    Dynamics: v ← v + (h/τ)[v(v − c)/c + R(I − w)]; S = v > peak; v ← r where S; w ← e^(−h/τw)·w + b·S.

    Parameters: tau, adaptation_tau (ms), resistance (GΩ), critical, peak, reset (mV), adaptation_step (pA). State: v, w
    [units]. Input current [units] pA; output spikes [units]. Errors: ConfigError. Source: Latham et al. 2000, eq. 1.
    """

    config_class = QuadraticSomaConfig

    def physical_params(self) -> dict[str, Any]:
        names = {"tau": "tau", "R": "resistance", "critical": "critical", "theta": "peak", "reset": "reset",
                 "tau_w": "adaptation_tau", "b": "adaptation_step"}
        return {"dt": self.dt} | dict(zip(names, self.quantities(*names.values()), strict=True))

    def initial_state(self) -> dict[str, Any]:
        return {"v": np.zeros(self.units), "w": np.zeros(self.units)}

    def step(self, state: dict[str, Any], inputs: dict[str, Any], params: dict[str, Any]) -> tuple[Any, Any]:
        v, w, c = state["v"], state["w"], params["critical"]
        upward = v * (v - c) / c + params["R"] * (inputs["current"] - w)
        v = jnp.maximum(v + params["dt"] / params["tau"] * upward, -params["theta"])
        spikes = self.fire(v, params["theta"])
        w = jnp.exp(-params["dt"] / params["tau_w"]) * w + params["b"] * spikes
        return {"v": jnp.where(v > params["theta"], params["reset"], v), "w": w}, {"spikes": spikes}


def model() -> Sequential:
    """Two pools of such units; 40 inputs."""
    return Sequential([LIFNeuron(units=(24,), soma=QuadraticSomaConfig(), synapses__scale=250.0, inhibitory_rate=0.0),
                       LIFNeuron(units=(6,), soma=QuadraticSomaConfig(), synapses__scale=250.0, inhibitory_rate=0.0)],
                      input_shape=40)
