"""The leaky integrate-and-fire family, integrated exactly for a current that is constant within a step.

Gerstner, Kistler, Naud & Paninski, Neuronal Dynamics, 2014, section 1.3.
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from spark.core.config import Fault, Quantity, above, at_least, choice, quantity
from spark.core.module import Params, State
from spark.core.payloads import PotentialArray
from spark.nn.components.somas.base import Soma, SomaConfig, cooldown_steps, saturated


class LeakySomaConfig(SomaConfig):
    """Parameters of LeakySoma."""

    potential_rest: Quantity = quantity(-60.0, unit="mV", doc="Resting potential.")
    potential_reset: Quantity = quantity(-50.0, unit="mV", doc="Potential right after a spike.")
    potential_tau: Quantity = quantity(20.0, unit="ms", bound=above(0), doc="Membrane time constant.")
    resistance: Quantity = quantity(0.1, unit="GΩ", bound=above(0), doc="Membrane resistance.")
    threshold: Quantity = quantity(-40.0, unit="mV", doc="Potential above which a spike is fired.")
    reset_by: str = choice("value", options=("value", "subtraction"),
                           doc="After a spike: set v to the reset potential, or take threshold − reset off it.")

    def check(self) -> list[Fault]:
        return below_threshold(self)


def below_threshold(config: Any) -> list[Fault]:
    """The fault of a reset potential that would fire again at once."""
    reset, threshold = config.potential_reset, config.threshold
    if hasattr(reset, "sample") or hasattr(threshold, "sample") or np.all(np.asarray(reset) < np.asarray(threshold)):
        return []
    return [Fault("potential_reset", reset, f"< threshold ({threshold}) mV", "else every spike starts the next one")]


class LeakySoma(Soma[LeakySomaConfig]):
    """Leaky integrate-and-fire.

    Dynamics (d = exp(−dt/τ), v relative to rest): v ← d·v + (1 − d)·R·I; S = v > θ; v ← r where S (or v ← v − (θ − r)
    with `reset_by='subtraction'`).

    Parameters: potential_rest (mV), potential_reset (mV, < threshold), potential_tau (ms, > 0), resistance (GΩ, > 0),
    threshold (mV); each a scalar, an array of shape `units`, or an initializer. State: v [units], mV relative to rest,
    0 at the start. Input current [units] pA; output spikes [units].
    Errors: ConfigError. Source: Neuronal Dynamics, eq. 1.5 and 1.9.

    >>> soma = LeakySoma(units=(2,))
    >>> outputs, state = soma.run(np.full((40, 2), 300.0))
    >>> np.nonzero(outputs["spikes"][:, 0])[0].tolist()
    [21, 35]
    """

    config_class = LeakySomaConfig

    def physical_params(self) -> Params:
        rest, reset, tau, resistance, threshold = self.quantities(
            "potential_rest", "potential_reset", "potential_tau", "resistance", "threshold")
        return {"dt": self.dt, "tau": tau, "R": resistance, "theta": threshold - rest, "reset": reset - rest}

    def step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        v = leak(state["v"], inputs["current"], params)
        spikes = self.fire(v, params["theta"])
        return {"v": self.after_spike(v, v > params["theta"], params)}, {"spikes": spikes}

    def after_spike(self, v: Any, fired: Any, params: Params) -> Any:
        """The potential after the reset, where units fired."""
        if self.config.reset_by == "value":
            return jnp.where(fired, params["reset"], v)
        return jnp.where(fired, v - (params["theta"] - params["reset"]), v)


def leak(v: Any, current: Any, params: Params) -> Any:
    """One exact step of τ dv/dt = −v + R·I with a constant current."""
    decay = jnp.exp(-params["dt"] / params["tau"])
    return decay * v + (1 - decay) * params["R"] * current


class RefractoryLeakySomaConfig(LeakySomaConfig):
    """Parameters of RefractoryLeakySoma."""

    cooldown: Quantity = quantity(2.0, unit="ms", bound=at_least(0), optional=True,
                                  doc="Refractory time; None for none at all.")


class RefractoryLeakySoma(LeakySoma):
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
    config: RefractoryLeakySomaConfig

    def physical_params(self) -> Params:
        params = super().physical_params()
        return params if self.config.cooldown is None else params | {"cooldown": self.quantities("cooldown")[0]}

    def initial_state(self) -> State:
        state = super().initial_state()
        return state if self.config.cooldown is None else state | {"n": self.saturated_counter()}

    def saturated_counter(self) -> np.ndarray:
        """A counter that is ready: at its limit."""
        steps = np.round(self._params["cooldown"] / self.dt).astype(np.int32) + np.int32(self.ready_after)
        return np.broadcast_to(steps, self.units).copy()

    ready_after = 1
    """How far beyond C the counter goes."""

    def step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        return self.refractory_step(state, inputs, params, params["theta"])

    def refractory_step(self, state: State, inputs: dict[str, Any], params: Params, theta: Any
                        ) -> tuple[State, dict[str, Any]]:
        """One step against the threshold `theta`."""
        if self.config.cooldown is None:
            v = leak(state["v"], inputs["current"], params)
            fired = v > theta
            return {"v": self.after_spike(v, fired, params)}, {"spikes": self.fire(v, theta)}
        n = state["n"]
        limit = cooldown_steps(params["cooldown"], params["dt"], n) + self.ready_after
        ready = n >= limit
        v = self.potential(state["v"], inputs["current"], ready, params)
        fired = ready & (v > theta)
        spikes = jnp.where(ready, self.fire(v, theta), 0)
        new_state = {"v": self.after_spike(v, fired, params), "n": jnp.where(fired, 0, saturated(n, limit))}
        return new_state, {"spikes": spikes}

    def potential(self, v: Any, current: Any, ready: Any, params: Params) -> Any:
        """The potential before the compare."""
        return leak(v, jnp.where(ready, current, 0), params)


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

    def potential(self, v: Any, current: Any, ready: Any, params: Params) -> Any:
        return jnp.where(ready, leak(v, current, params), params["reset"])


class AdaptiveLeakySomaConfig(RefractoryLeakySomaConfig):
    """Parameters of AdaptiveLeakySoma."""

    threshold_tau: Quantity = quantity(20.0, unit="ms", bound=above(0), doc="Time constant of the threshold.")
    threshold_delta: Quantity = quantity(100.0, unit="mV", bound=at_least(0), doc="Rise of the threshold at a spike.")


class AdaptiveLeakySoma(RefractoryLeakySoma):
    """RefractoryLeakySoma with a threshold that rises at each spike and decays back.

    Dynamics: RefractoryLeaky against the threshold θ of the start of the step; then
    θ ← θ0 + exp(−dt/τθ)(θ − θ0) + Δ·S, seen from the next step.

    Parameters: those of RefractoryLeakySoma, threshold_tau (ms, > 0), threshold_delta (mV, ≥ 0). State: v, n, theta
    [units] (mV relative to rest, θ0 at the start). Shapes and errors as LeakySoma.
    Source: Neuronal Dynamics, section 5.1; Bellec et al. 2018 for the discrete form.

    >>> soma = AdaptiveLeakySoma(units=(1,))
    >>> outputs, state = soma.run(np.full((200, 1), 1000.0))
    >>> np.nonzero(outputs["spikes"])[0].tolist()
    [4, 24, 47, 71, 95, 119, 143, 167, 191]
    """

    config_class = AdaptiveLeakySomaConfig

    def physical_params(self) -> Params:
        tau, delta = self.quantities("threshold_tau", "threshold_delta")
        return super().physical_params() | {"tau_theta": tau, "delta_theta": delta}

    def initial_state(self) -> State:
        theta = np.broadcast_to(self._params["theta"], self.units)
        return super().initial_state() | {"theta": np.array(theta, dtype=np.float64)}

    def step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        new_state, outputs = self.refractory_step(state, inputs, params, state["theta"])
        theta = adapted(state["theta"], outputs["spikes"], params)
        return new_state | {"theta": theta}, outputs


def adapted(theta: Any, spikes: Any, params: Params) -> Any:
    """The moving threshold one step later."""
    decay = jnp.exp(-params["dt"] / params["tau_theta"])
    return params["theta"] + decay * (theta - params["theta"]) + params["delta_theta"] * spikes


class LeakyIntegratorSomaConfig(SomaConfig):
    """Parameters of LeakyIntegratorSoma."""

    potential_tau: Quantity = quantity(20.0, unit="ms", bound=above(0), doc="Membrane time constant.")
    resistance: Quantity = quantity(0.1, unit="GΩ", bound=above(0), doc="Membrane resistance.")


class LeakyIntegratorSoma(Soma[LeakyIntegratorSomaConfig]):
    """A leaky membrane that never fires: a read-out.

    Dynamics: v ← d·v + (1 − d)·R·I with d = exp(−dt/τ); the potential is the output.

    Parameters: potential_tau (ms, > 0), resistance (GΩ, > 0). State: v [units], mV relative to rest. Input current
    [units] pA; output potential [units]. Errors: ConfigError. Source: Neuronal Dynamics, eq. 1.5.

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
        v = leak(state["v"], inputs["current"], params)
        return {"v": v}, {"potential": v}
