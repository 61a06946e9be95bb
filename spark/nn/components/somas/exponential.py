"""The exponential integrate-and-fire family.

Fourcaud-Trocmé, Hansel, van Vreeswijk & Brunel 2003; Brette & Gerstner 2005; Neuronal Dynamics, chapters 5 and 6.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from spark.core.config import Fault, Quantity, between, choice, quantity
from spark.core.module import Params, State
from spark.nn.components.base import TIME_CONSTANT
from spark.nn.components.somas.conductance import ConductanceConfig, ConductanceSoma
from spark.nn.components.somas.leaky import euler_faults
from spark.nn.components.somas.refractory import (
    AdaptingSoma,
    RefractorySoma,
    ResettingSoma,
    below_threshold,
    cooldown_field,
    threshold_delta_field,
    threshold_tau_field,
)

INTEGRATORS = ("euler", "exponential_euler", "half_steps")
STEEPEST = 80.0
"""Largest (threshold − rheobase)/slope: exp of it times any slope is a float32."""

POTENTIAL = between(-1e3, 1e3)


class ExponentialSomaConfig(ConductanceConfig):
    """Parameters of ExponentialSoma."""

    potential_rest: Quantity = quantity(-70.0, unit="mV", bound=POTENTIAL, doc="Resting potential.")
    potential_reset: Quantity = quantity(-51.0, unit="mV", bound=POTENTIAL, doc="Potential right after a spike.")
    potential_tau: Quantity = quantity(5.0, unit="ms", bound=TIME_CONSTANT, doc="Membrane time constant.")
    resistance: Quantity = quantity(0.5, unit="GΩ", bound=between(1e-6, 1e3), doc="Membrane resistance.")
    threshold: Quantity = quantity(-30.0, unit="mV", bound=POTENTIAL, doc="Potential above which a spike is fired.")
    rheobase_threshold: Quantity = quantity(-50.0, unit="mV", bound=POTENTIAL,
                                            doc="Potential at which the exponential takes over.")
    spike_slope: Quantity = quantity(2.0, unit="mV", bound=between(1e-2, 1e2), doc="Sharpness D of the upstroke.")
    integrator: str = choice("euler", options=INTEGRATORS,
                             doc="One Euler step; the leak exactly (exponential Euler); or two Euler half steps.")

    def check(self) -> list[Fault]:
        return super().check() + below_threshold(self) + self.step_faults() + self.steepness_faults()

    def step_faults(self) -> list[Fault]:
        """The faults of a membrane too fast for the integrator."""
        if self.integrator == "euler":
            return euler_faults(self, "potential_tau")
        slow = hasattr(self.potential_tau, "sample") or np.all(2 * np.asarray(self.potential_tau) >= self.dt)
        if self.integrator == "exponential_euler" or slow:
            return []
        return [Fault("potential_tau", self.potential_tau, f">= dt/2 ({self.dt / 2:g}) ms for half steps")]

    def steepness_faults(self) -> list[Fault]:
        """The fault of an exponential that would overflow before the threshold is reached."""
        values = (self.threshold, self.rheobase_threshold, self.spike_slope)
        if any(hasattr(value, "sample") for value in values):
            return []
        threshold, rheobase, slope = (np.asarray(value) for value in values)
        if np.all((threshold - rheobase) / slope <= STEEPEST):
            return []
        return [Fault("spike_slope", self.spike_slope, f">= (threshold - rheobase_threshold)/{STEEPEST:g} mV",
                      "the exponential would overflow below the threshold")]


class ExponentialSoma(ConductanceSoma[ExponentialSomaConfig], ResettingSoma[ExponentialSomaConfig]):
    """Exponential integrate-and-fire.

    Dynamics (v relative to rest): v ← v + (dt/τ)[−v + D·exp((v − v_rh)/D) + R·I]; S = v > θ; v ← r where S. The
    exponent is that of min(v, θ): a unit above θ has spiked. In float16 it is limited further, to what float16 holds.
    `integrator='exponential_euler'` solves the leak exactly, v ← d·v + (1 − d)[…] with d = exp(−dt/τ);
    `'half_steps'` takes two Euler steps of dt/2 with the same current.

    Parameters: potential_rest, potential_reset (< threshold), threshold, rheobase_threshold (mV), spike_slope D (mV,
    0.01 … 100, at least (threshold − rheobase)/80), potential_tau (ms, ≥ dt for Euler), resistance (GΩ, 1e-6 … 1e3);
    each a scalar, an array of shape `units`, or an initializer; conductance, and the reversal potentials (mV) if it is
    set (see ConductanceSoma). State: v [units], mV relative to rest. Input current [units] pA (nS with conductance);
    output spikes [units]. Errors: ConfigError.
    Source: Fourcaud-Trocmé et al. 2003; Neuronal Dynamics, section 5.2.

    >>> soma = ExponentialSoma(units=(1,), dt=0.1)
    >>> outputs, _ = soma.run(np.full((300, 1), 50.0))
    >>> bool(outputs["spikes"].any()), soma.run(np.full((300, 1), 30.0))[0]["spikes"].any().item()
    (True, False)
    """

    config_class = ExponentialSomaConfig

    def physical_params(self) -> Params:
        rest, reset, tau, resistance, threshold, rheobase, slope = self.quantities(
            "potential_rest", "potential_reset", "potential_tau", "resistance", "threshold", "rheobase_threshold",
            "spike_slope")
        return {"dt": self.dt, "tau": tau, "R": resistance, "theta": threshold - rest, "reset": reset - rest,
                "rheobase": rheobase - rest, "slope": slope} | self.reversal_params(rest)

    def received_now(self, v: Any, arriving: Any, params: Params) -> Any:
        """The current (pA) that the input of this step brings."""
        gain = params["dt"] / params["tau"]
        share = 1 - jnp.exp(-gain) if self.config.integrator == "exponential_euler" else gain
        return self.received(v, arriving, share, params)

    def advance(self, v: Any, current: Any, params: Params) -> Any:
        return self.advance_by(v, self.received_now(v, current, params), params)

    def advance_by(self, v: Any, current: Any, params: Params) -> Any:
        """The potential one step later under a current (pA)."""
        gain = params["dt"] / params["tau"]
        if self.config.integrator == "exponential_euler":
            d = jnp.exp(-gain)
            return d * v + (1 - d) * self.drive(v, current, params)
        if self.config.integrator == "half_steps":
            v = v + gain / 2 * (self.drive(v, current, params) - v)
            return v + gain / 2 * (self.drive(v, current, params) - v)
        return v + gain * (self.drive(v, current, params) - v)

    @staticmethod
    def drive(v: Any, current: Any, params: Params) -> Any:
        """What the potential is drawn to: D·exp((v − v_rh)/D) + R·I."""
        exponent = (jnp.minimum(v, params["theta"]) - params["rheobase"]) / params["slope"]
        largest = float(jnp.finfo(exponent.dtype).max)
        if largest < 1e30:
            exponent = jnp.minimum(exponent, float(np.log(largest)) - 5)
        return params["slope"] * jnp.exp(exponent) + params["R"] * current


class RefractoryExponentialSomaConfig(ExponentialSomaConfig):
    """Parameters of RefractoryExponentialSoma."""

    cooldown: Quantity = cooldown_field()


class RefractoryExponentialSoma(RefractorySoma[ExponentialSomaConfig], ExponentialSoma):
    """ExponentialSoma that neither listens nor fires for a while after a spike.

    Dynamics: those of ExponentialSoma with the current taken as 0 unless ready, and S = ready and v > θ; counter, C
    and intervals as RefractoryLeakySoma (at least C + 2 steps).

    Parameters: those of ExponentialSoma and cooldown (ms, ≥ 0, or None). State: v, n (int32). Shapes, errors and source
    as ExponentialSoma.

    >>> soma = RefractoryExponentialSoma(units=(1,), cooldown=3.0)
    >>> outputs, _ = soma.run(np.full((20, 1), 1e4))
    >>> np.diff(np.nonzero(outputs["spikes"])[0]).tolist()
    [5, 5, 5]
    """

    config_class = RefractoryExponentialSomaConfig


class SimplifiedAdaptiveExponentialSomaConfig(RefractoryExponentialSomaConfig):
    """Parameters of SimplifiedAdaptiveExponentialSoma."""

    threshold_tau: Quantity = threshold_tau_field()
    threshold_delta: Quantity = threshold_delta_field()


class SimplifiedAdaptiveExponentialSoma(AdaptingSoma[ExponentialSomaConfig], RefractoryExponentialSoma):
    """RefractoryExponentialSoma with the moving threshold of AdaptiveLeakySoma.

    Dynamics: RefractoryExponential against the threshold θ of the start of the step; then
    θ ← θ0 + exp(−dt/τθ)(θ − θ0) + Δ·S. The exponent is limited at the resting threshold θ0.

    Parameters: those of RefractoryExponentialSoma, threshold_tau (ms, 1e-4 … 1e7), threshold_delta (mV, ≥ 0). State:
    v, n, theta [units]. Shapes and errors as ExponentialSoma. Source: Neuronal Dynamics, sections 5.1 and 5.2.

    >>> soma = SimplifiedAdaptiveExponentialSoma(units=(1,), dt=0.1)
    >>> _, state = soma.run(np.full((300, 1), 100.0))
    >>> bool(state["theta"][0] > 40)
    True
    """

    config_class = SimplifiedAdaptiveExponentialSomaConfig


class AdaptiveExponentialSomaConfig(ExponentialSomaConfig):
    """Parameters of AdaptiveExponentialSoma."""

    adaptation_tau: Quantity = quantity(100.0, unit="ms", bound=TIME_CONSTANT, doc="Time constant of the adaptation.")
    adaptation_delta: Quantity = quantity(7.0, unit="pA", bound=between(0, 1e5), doc="Adaptation added at a spike, b.")
    adaptation_subthreshold: Quantity = quantity(0.5, unit="nS", bound=between(-1e3, 1e3),
                                                 doc="Coupling of the adaptation to the potential, a.")

    def step_faults(self) -> list[Fault]:
        faults = super().step_faults() + euler_faults(self, "adaptation_tau")
        return faults or self.coupling_faults()

    def coupling_faults(self) -> list[Fault]:
        """The fault of a coupling under which (v, w) leaves its resting state by itself.

        With α and β the shares by which v and w relax in one step, the linear part [[1 − α, −αR], [βa, 1 − β]] is
        stable where −1 < R·a and αβ(1 + R·a) < α + β (Jury's conditions).
        """
        values = (self.resistance, self.adaptation_subthreshold, self.potential_tau, self.adaptation_tau)
        if any(hasattr(value, "sample") for value in values):
            return []
        resistance, coupling, tau, tau_w = (np.asarray(value) for value in values)
        ratio = self.dt / tau
        alpha = {"euler": ratio, "exponential_euler": 1 - np.exp(-ratio),
                 "half_steps": 1 - (1 - ratio / 2)**2}[self.integrator]
        beta = self.dt / tau_w
        stable = (resistance * coupling > -1) & (alpha * beta * (1 + resistance * coupling) < alpha + beta)
        if np.all(stable):
            return []
        highest = np.min((1 / alpha + 1 / beta - 1) / resistance)
        bound = f"> {np.max(-1 / resistance):g} and < {highest:g} nS, or (v, w) is unstable at rest"
        return [Fault("adaptation_subthreshold", self.adaptation_subthreshold, bound)]


class AdaptiveExponentialSoma(ExponentialSoma):
    """Adaptive exponential integrate-and-fire, AdEx.

    Dynamics (v relative to rest): v ← v + (dt/τ)[−v + D·exp((v − v_rh)/D) − R·w + R·I]; S = v > θ; v ← r where S;
    w ← w + (dt/τ_w)(a·v_old − w_old), then w ← w + b where S. Both right-hand sides use the values at the start of the
    step. Exponent and integrators as ExponentialSoma; w is always an Euler step.

    Parameters: those of ExponentialSoma, adaptation_tau (ms, ≥ dt), adaptation_delta b (pA, ≥ 0),
    adaptation_subthreshold a (nS, −1/R < a, and small enough that the discrete system is stable at rest). State: v
    (mV), w (pA) [units]. Shapes and errors as ExponentialSoma. Source: Brette & Gerstner 2005, eq. 1–3.

    >>> soma = AdaptiveExponentialSoma(units=(1,), dt=0.1)
    >>> outputs, _ = soma.run(np.full((2000, 1), 80.0))
    >>> intervals = np.diff(np.nonzero(outputs["spikes"])[0])
    >>> bool(intervals[-1] > intervals[0])
    True
    """

    config_class = AdaptiveExponentialSomaConfig
    config: AdaptiveExponentialSomaConfig

    def physical_params(self) -> Params:
        tau, delta, coupling = self.quantities("adaptation_tau", "adaptation_delta", "adaptation_subthreshold")
        return super().physical_params() | {"tau_w": tau, "b": delta, "a": coupling}

    def initial_state(self) -> State:
        return super().initial_state() | {"w": np.zeros(self.units)}

    def step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        v_old, w_old = state["v"], state["w"]
        v = self.advance_by(v_old, self.received_now(v_old, inputs["current"], params) - w_old, params)
        spikes = self.fire(v, params["theta"])
        w = w_old + params["dt"] / params["tau_w"] * (params["a"] * v_old - w_old)
        new_state = {"v": self.after_spike(v, v > params["theta"], params), "w": w + params["b"] * spikes}
        return new_state, {"spikes": spikes}
