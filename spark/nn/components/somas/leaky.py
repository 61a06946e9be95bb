"""The leaky integrate-and-fire family, integrated exactly for a current that is constant within a step.

Gerstner, Kistler, Naud & Paninski, Neuronal Dynamics, 2014, section 1.3.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from spark.core.config import Fault, Quantity, choice, quantity
from spark.core.module import Params, State
from spark.core.payloads import PotentialArray
from spark.nn.components.base import POTENTIAL, RESISTANCE, TIME_CONSTANT
from spark.nn.components.somas.base import Soma, SomaConfig
from spark.nn.components.somas.conductance import ConductanceConfig, ConductanceSoma
from spark.nn.components.somas.refractory import (
    AdaptingSoma,
    RefractorySoma,
    ResettingSoma,
    below_threshold,
    cooldown_field,
    threshold_delta_field,
    threshold_tau_field,
)

INTEGRATORS = ("exact", "euler")


class MembraneConfig(SomaConfig):
    """Fields of every leaky membrane."""

    potential_tau: Quantity = quantity(20.0, unit="ms", bound=TIME_CONSTANT, doc="Membrane time constant.")
    resistance: Quantity = quantity(0.1, unit="GΩ", bound=RESISTANCE, doc="Membrane resistance.")
    integrator: str = choice("exact", options=INTEGRATORS, doc="Decay exp(−dt/τ), or 1 − dt/τ (forward Euler).")

    def check(self) -> list[Fault]:
        return super().check() + (euler_faults(self, "potential_tau") if self.integrator == "euler" else [])


def euler_faults(config: Any, *names: str) -> list[Fault]:
    """The faults of time constants that a forward Euler step would overshoot."""
    short = [(name, getattr(config, name)) for name in names if not hasattr(getattr(config, name), "sample")]
    return [Fault(name, tau, f">= dt ({config.dt:g}) ms for Euler steps", "take a smaller dt or another integrator")
            for name, tau in short if not np.all(np.asarray(tau) >= config.dt)]


def decay(integrator: str, dt: Any, tau: Any) -> Any:
    """What is left after one step of dx/dt = −x/τ."""
    return jnp.exp(-dt / tau) if integrator == "exact" else 1 - dt / tau


class LeakySomaConfig(ConductanceConfig, MembraneConfig):
    """Parameters of LeakySoma."""

    potential_rest: Quantity = quantity(-60.0, unit="mV", bound=POTENTIAL, doc="Resting potential.")
    potential_reset: Quantity = quantity(-50.0, unit="mV", bound=POTENTIAL, doc="Potential right after a spike.")
    threshold: Quantity = quantity(-40.0, unit="mV", bound=POTENTIAL, doc="Potential above which a spike is fired.")
    reset_by: str = choice("value", options=("value", "subtraction"),
                           doc="After a spike: set v to the reset potential, or take threshold − reset off it.")

    def check(self) -> list[Fault]:
        return super().check() + below_threshold(self)


class LeakySoma(ConductanceSoma[LeakySomaConfig], ResettingSoma[LeakySomaConfig]):
    """Leaky integrate-and-fire.

    Dynamics (d = exp(−dt/τ), v relative to rest): v ← d·v + (1 − d)·R·I; S = v > θ; v ← r where S (or v ← v − (θ − r)
    with `reset_by='subtraction'`). With `integrator='euler'`, d = 1 − dt/τ. With `conductance=True` as ConductanceSoma.

    Parameters: potential_rest (mV), potential_reset (mV, < threshold), potential_tau (ms, 1e-4 … 1e7), resistance (GΩ,
    1e-12 … 1e6), threshold (mV); each a scalar, an array of shape `units`, or an initializer; conductance, and the
    reversal potentials (mV) if it is set. State: v [units], mV relative to rest, 0 at the start. Input current [units]
    pA (nS with conductance); output spikes [units].
    Errors: ConfigError. Source: Neuronal Dynamics, eq. 1.5.

    >>> soma = LeakySoma(units=(2,))
    >>> outputs, state = soma.run(np.full((40, 2), 300.0))
    >>> np.nonzero(outputs["spikes"][:, 0])[0].tolist()
    [21, 35]
    """

    config_class = LeakySomaConfig

    def physical_params(self) -> Params:
        rest, reset, tau, resistance, threshold = self.quantities(
            "potential_rest", "potential_reset", "potential_tau", "resistance", "threshold")
        return {"dt": self.dt, "tau": tau, "R": resistance, "theta": threshold - rest, "reset": reset - rest
                } | self.reversal_params(rest)

    def advance(self, v: Any, current: Any, params: Params) -> Any:
        d = decay(self.config.integrator, params["dt"], params["tau"])
        return d * v + (1 - d) * params["R"] * self.received(v, current, 1 - d, params)

    def after_spike(self, v: Any, fired: Any, params: Params) -> Any:
        if self.config.reset_by == "value":
            return super().after_spike(v, fired, params)
        return jnp.where(fired, v - (params["theta"] - params["reset"]), v)


class RefractoryLeakySomaConfig(LeakySomaConfig):
    """Parameters of RefractoryLeakySoma."""

    cooldown: Quantity = cooldown_field()


class RefractoryLeakySoma(RefractorySoma[LeakySomaConfig], LeakySoma):
    """LeakySoma that neither listens nor fires for a while after a spike, but goes on leaking.

    Dynamics: ready = n > C with C = round(cooldown/dt); v ← d·v + (1 − d)·R·I where ready, v ← d·v elsewhere;
    S = ready and v > θ; v ← r where S; n ← 0 where S, else n + 1, saturating at C + 1. The counter starts saturated.
    Two spikes of a unit are at least C + 2 steps apart; `cooldown=None` removes the mechanism (and the state n).

    Parameters: those of LeakySoma and cooldown (ms, ≥ 0, or None). State: v, n (int32). Shapes, errors and source as
    LeakySoma.

    >>> soma = RefractoryLeakySoma(units=(1,), cooldown=3.0)
    >>> outputs, _ = soma.run(np.full((20, 1), 1e4))
    >>> np.diff(np.nonzero(outputs["spikes"])[0]).tolist()
    [5, 5, 5]
    """

    config_class = RefractoryLeakySomaConfig


class StrictRefractoryLeakySomaConfig(RefractoryLeakySomaConfig):
    """Parameters of StrictRefractoryLeakySoma."""


class StrictRefractoryLeakySoma(RefractoryLeakySoma):
    """LeakySoma whose potential is held at the reset value for exactly C steps after a spike.

    Dynamics: ready = n ≥ C with C = round(cooldown/dt); v ← d·v + (1 − d)·R·I where ready, v ← r elsewhere; S = ready
    and v > θ; v ← r where S; n ← 0 where S, else n + 1, saturating at C. Two spikes are at least C + 1 steps apart.

    Parameters, state, shapes, errors and source as RefractoryLeakySoma.

    >>> soma = StrictRefractoryLeakySoma(units=(1,), cooldown=3.0)
    >>> outputs, _ = soma.run(np.full((20, 1), 1e4))
    >>> np.diff(np.nonzero(outputs["spikes"])[0]).tolist()
    [4, 4, 4, 4]
    """

    config_class = StrictRefractoryLeakySomaConfig
    ready_after = 0

    def advance_if(self, ready: Any, v: Any, current: Any, params: Params) -> Any:
        return jnp.where(ready, self.advance(v, current, params), params["reset"])


class AdaptiveLeakySomaConfig(RefractoryLeakySomaConfig):
    """Parameters of AdaptiveLeakySoma."""

    threshold_tau: Quantity = threshold_tau_field()
    threshold_delta: Quantity = threshold_delta_field()


class AdaptiveLeakySoma(AdaptingSoma[LeakySomaConfig], RefractoryLeakySoma):
    """RefractoryLeakySoma with a threshold that rises at each spike and decays back.

    Dynamics: RefractoryLeaky against the threshold θ of the start of the step; then
    θ ← θ0 + exp(−dt/τθ)(θ − θ0) + Δ·S, seen from the next step.

    Parameters: those of RefractoryLeakySoma, threshold_tau (ms, 1e-4 … 1e7), threshold_delta (mV, ≥ 0). State: v, n,
    theta [units] (mV relative to rest, θ0 at the start). Shapes and errors as LeakySoma.
    Source: Neuronal Dynamics, section 5.1; Bellec et al. 2018 for the discrete form.

    >>> soma = AdaptiveLeakySoma(units=(1,))
    >>> outputs, state = soma.run(np.full((200, 1), 1000.0))
    >>> np.nonzero(outputs["spikes"])[0].tolist()
    [4, 24, 47, 71, 95, 119, 143, 167, 191]
    """

    config_class = AdaptiveLeakySomaConfig


class LeakyIntegratorSomaConfig(MembraneConfig):
    """Parameters of LeakyIntegratorSoma."""


class LeakyIntegratorSoma(Soma[LeakyIntegratorSomaConfig]):
    """A leaky membrane that never fires: a read-out.

    Dynamics: v ← d·v + (1 − d)·R·I with d = exp(−dt/τ) (or 1 − dt/τ, `integrator='euler'`); the potential is the
    output.

    Parameters: potential_tau (ms, 1e-4 … 1e7), resistance (GΩ, 1e-12 … 1e6). State: v [units], mV relative to rest.
    Input current [units] pA; output potential [units]. Errors: ConfigError. Source: Neuronal Dynamics, eq. 1.5.

    >>> soma = LeakyIntegratorSoma(units=(1,), potential_tau=10.0, resistance=1.0)
    >>> outputs, _ = soma.run(np.ones((1, 1)))
    >>> round(float(outputs["potential"][0, 0]), 6)
    0.095163
    """

    config_class = LeakyIntegratorSomaConfig
    output_ports = {"potential": PotentialArray}

    def physical_params(self) -> Params:
        tau, resistance = self.quantities("potential_tau", "resistance")
        return {"dt": self.dt, "tau": tau, "R": resistance}

    def step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        d = decay(self.config.integrator, params["dt"], params["tau"])
        v = d * state["v"] + (1 - d) * params["R"] * inputs["current"]
        return {"v": v}, {"potential": v}
