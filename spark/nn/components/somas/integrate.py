"""Integrate-and-fire without a leak, and with a synaptic current of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from spark.core.config import Fault, Quantity, between, quantity
from spark.core.module import Params, State
from spark.nn.components.base import POTENTIAL, RESISTANCE, TIME_CONSTANT
from spark.nn.components.somas.base import SomaConfig
from spark.nn.components.somas.leaky import (
    LeakySomaConfig,
    StrictRefractoryLeakySoma,
    decay,
    euler_faults,
)
from spark.nn.components.somas.refractory import ResettingSoma, below_threshold, cooldown_field


class IntegrateSomaConfig(SomaConfig):
    """Parameters of IntegrateSoma."""

    potential_reset: Quantity = quantity(0.0, unit="mV", bound=POTENTIAL, doc="Potential right after a spike.")
    threshold: Quantity = quantity(20.0, unit="mV", bound=POTENTIAL, doc="Potential above which a spike is fired.")
    resistance: Quantity = quantity(0.1, unit="GΩ", bound=RESISTANCE, doc="Rise of v per step and pA.")

    def check(self) -> list[Fault]:
        return super().check() + below_threshold(self)


class IntegrateSoma(ResettingSoma[IntegrateSomaConfig]):
    """Integrate-and-fire without a leak.

    Dynamics: v ← v + R·I per step (the charge of one step; dt does not enter, as in NIR); S = v > θ; v ← r where S.

    Parameters: potential_reset (mV, < threshold), threshold (mV), resistance (mV per pA and step, > 0); each a scalar,
    an array of shape `units`, or an initializer. State: v [units], mV, 0 at the start. Input current [units] pA; output
    spikes [units]. Errors: ConfigError. Source: Lapicque 1907; NIR (Pedersen et al. 2024), primitive IF.

    >>> soma = IntegrateSoma(units=(1,), threshold=3.0, resistance=1.0)
    >>> soma.run(np.ones((9, 1)))[0]["spikes"][:, 0].tolist()
    [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
    """

    config_class = IntegrateSomaConfig

    def physical_params(self) -> Params:
        reset, threshold, resistance = self.quantities("potential_reset", "threshold", "resistance")
        return {"R": resistance, "theta": threshold, "reset": reset}

    def advance(self, v: Any, current: Any, params: Params) -> Any:
        return v + params["R"] * current


class CubaLeakySomaConfig(LeakySomaConfig):
    """Parameters of CubaLeakySoma."""

    current_tau: Quantity = quantity(5.0, unit="ms", bound=TIME_CONSTANT, doc="Time constant of the current.")
    current_gain: Quantity = quantity(1.0, bound=between(-1e6, 1e6), doc="Weight of the input, w_in.")
    cooldown: Quantity = cooldown_field(None)

    def check(self) -> list[Fault]:
        return super().check() + (euler_faults(self, "current_tau") if self.integrator == "euler" else [])


class CubaLeakySoma(StrictRefractoryLeakySoma):
    """Leaky integrate-and-fire behind a synaptic current of its own (current-based, CubaLIF).

    Dynamics (c = exp(−dt/τ_syn), d = exp(−dt/τ)): i ← c·i + (1 − c)·w_in·I; v ← d·v + (1 − d)·R·i with the *new*
    current; compare and reset as LeakySoma. With `integrator='euler'`, c = 1 − dt/τ_syn and d = 1 − dt/τ: NIR's
    discretisation. After a spike v (not i) is held at the reset value for C = round(cooldown/dt) steps; there is no
    refractory time unless cooldown is given.

    Parameters: those of LeakySoma, current_tau (ms, 1e-4 … 1e7), current_gain w_in, cooldown (ms, ≥ 0, or None). State:
    v (mV relative to rest), i (pA), and n with a cooldown [units]. Shapes and errors as LeakySoma.
    Source: NIR (Pedersen et al. 2024), primitive CubaLIF.

    >>> soma = CubaLeakySoma(units=(1,))
    >>> _, state = soma.run(np.ones((1, 1)))
    >>> round(float(state["i"][0]), 6)
    0.181269
    """

    config_class = CubaLeakySomaConfig
    config: CubaLeakySomaConfig

    def physical_params(self) -> Params:
        tau, gain = self.quantities("current_tau", "current_gain")
        return super().physical_params() | {"tau_syn": tau, "w_in": gain}

    def initial_state(self) -> State:
        return super().initial_state() | {"i": np.zeros(self.units)}

    def step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        c = decay(self.config.integrator, params["dt"], params["tau_syn"])
        current = c * state["i"] + (1 - c) * params["w_in"] * inputs["current"]
        new_state, outputs = super().step(state, {"current": current}, params)
        return new_state | {"i": current}, outputs
