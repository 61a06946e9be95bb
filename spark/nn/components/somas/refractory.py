"""What somas share after a spike: the reset, the refractory counter, the moving threshold."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import jax.numpy as jnp
import numpy as np

from spark.core.config import Fault, between, quantity
from spark.core.module import Params, State
from spark.nn.components.base import DURATION, TIME_CONSTANT
from spark.nn.components.somas.base import Soma, SomaConfigType


def cooldown_field(default: float | None = 2.0) -> Any:
    return quantity(default, unit="ms", bound=DURATION, optional=True, doc="Refractory time; None for none at all.")


def threshold_tau_field() -> Any:
    return quantity(20.0, unit="ms", bound=TIME_CONSTANT, doc="Time constant of the threshold.")


def threshold_delta_field() -> Any:
    return quantity(100.0, unit="mV", bound=between(0, 1e6), doc="Rise of the threshold at a spike.")


def below_threshold(config: Any) -> list[Fault]:
    """The fault of a reset potential that would fire again at once."""
    reset, threshold = config.potential_reset, config.threshold
    if hasattr(reset, "sample") or hasattr(threshold, "sample") or np.all(np.asarray(reset) < np.asarray(threshold)):
        return []
    return [Fault("potential_reset", reset, f"< threshold ({threshold}) mV", "else every spike starts the next one")]


class ResettingSoma(Soma[SomaConfigType]):
    """A soma that fires when its potential exceeds a threshold: advance, compare, reset.

    A subclass defines `advance` and, if there is more to a reset than a value, `after_spike`.
    """

    @abstractmethod
    def advance(self, v: Any, current: Any, params: Params) -> Any:
        """The potential one step later, before the compare."""

    def after_spike(self, v: Any, fired: Any, params: Params) -> Any:
        """The potential after the reset, where units fired."""
        return jnp.where(fired, params["reset"], v)

    def step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        v = self.advance(state["v"], inputs["current"], params)
        spikes = self.fire(v, params["theta"])
        return {"v": self.after_spike(v, v > params["theta"], params)}, {"spikes": spikes}


class RefractorySoma(ResettingSoma[SomaConfigType]):
    """A resetting soma that neither listens nor fires for a while after a spike.

    ready = n ≥ C + `ready_after` with C = round(cooldown/dt); n ← 0 at a spike, else n + 1, saturating where ready.
    The counter starts saturated. `cooldown=None` removes it, and the state n.
    """

    ready_after = 1

    @property
    def cools(self) -> bool:
        """Whether there is a refractory time."""
        return self.config.cooldown is not None  # type: ignore[attr-defined]

    def physical_params(self) -> Params:
        return super().physical_params() | ({"cooldown": self.quantities("cooldown")[0]} if self.cools else {})

    def initial_state(self) -> State:
        return super().initial_state() | ({"n": self.saturated_counter()} if self.cools else {})

    def saturated_counter(self) -> np.ndarray:
        """A counter that is ready: at its limit."""
        steps = np.round(self._params["cooldown"] / self.dt).astype(np.int32) + np.int32(self.ready_after)
        return np.broadcast_to(steps, self.units).copy()

    def step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        return self.refractory_step(state, inputs, params, params["theta"])

    def refractory_step(self, state: State, inputs: dict[str, Any], params: Params, theta: Any
                        ) -> tuple[State, dict[str, Any]]:
        """One step against the threshold `theta`."""
        if not self.cools:
            v = self.advance(state["v"], inputs["current"], params)
            return {"v": self.after_spike(v, v > theta, params)}, {"spikes": self.fire(v, theta)}
        n = state["n"]
        limit = jnp.round(params["cooldown"] / params["dt"]).astype(n.dtype) + self.ready_after
        ready = n >= limit
        v = self.advance_if(ready, state["v"], inputs["current"], params)
        fired = ready & (v > theta)
        spikes = jnp.where(ready, self.fire(v, theta), 0)
        counted = jnp.where(fired, 0, jnp.minimum(n + 1, limit))
        return {"v": self.after_spike(v, fired, params), "n": counted}, {"spikes": spikes}

    def advance_if(self, ready: Any, v: Any, current: Any, params: Params) -> Any:
        """The potential before the compare: a unit that is not ready does not listen."""
        return self.advance(v, jnp.where(ready, current, 0), params)


class AdaptingSoma(RefractorySoma[SomaConfigType]):
    """A refractory soma with a threshold that rises by Δ at each spike and decays back to θ0.

    The compare sees the threshold of the start of the step: θ ← θ0 + exp(−dt/τθ)(θ − θ0) + Δ·S.
    """

    def physical_params(self) -> Params:
        tau, delta = self.quantities("threshold_tau", "threshold_delta")
        return super().physical_params() | {"tau_theta": tau, "delta_theta": delta}

    def initial_state(self) -> State:
        theta = np.broadcast_to(self._params["theta"], self.units)
        return super().initial_state() | {"theta": np.array(theta, dtype=np.float64)}

    def step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        new_state, outputs = self.refractory_step(state, inputs, params, state["theta"])
        base, decay = params["theta"], jnp.exp(-params["dt"] / params["tau_theta"])
        theta = base + decay * (state["theta"] - base) + params["delta_theta"] * outputs["spikes"]
        return new_state | {"theta": theta}, outputs
