"""Synapses whose current decays after a spike."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from spark.core.config import ConfigError, Fault, Quantity, between, quantity
from spark.core.module import Params, State
from spark.nn.components.base import TIME_CONSTANT
from spark.nn.components.synapses.base import Synapses, SynapsesConfig, SynapsesConfigType


class FilteredSynapses(Synapses[SynapsesConfigType]):
    """Synapses with a linear filter, kept where the shape of its time constants allows.

    One number or an array of shape `units`: one filter for each postsynaptic unit, after the sum (it is linear). An
    array of the input's shape, or one that broadcasts to units + input shape with ones on the postsynaptic axes: one
    for each presynaptic unit. Anything else that broadcasts to units + input shape: one for each synapse.
    """

    time_constants: tuple[str, ...] = ()

    def _choose_site(self) -> str:
        sites = {self._site_of(name) for name in self.time_constants}
        sites.discard("any")
        if sites <= {"post"}:
            return "post"
        return "pre" if sites == {"pre"} and not self.paired else "synapse"

    def _site_of(self, name: str) -> str:
        value = getattr(self.config, name)
        size = () if hasattr(value, "sample") else np.shape(value)
        if not size:
            return "post" if hasattr(value, "sample") else "any"
        if size == self.units:
            return "post"
        if size == self.input_shape:
            return "pre"
        self._check_pairs(name, size)
        post = len(self.units)
        if math.prod(size[:post]) == 1:
            return "pre"
        return "post" if math.prod(size[post:]) == 1 else "synapse"

    def _check_pairs(self, name: str, size: tuple[int, ...]) -> None:
        full = self.units + self.input_shape
        if len(size) == len(full) and all(given in (1, wanted) for given, wanted in zip(size, full, strict=True)):
            return
        bound = f"a scalar, of shape {self.units} (post), {self.input_shape} (pre), or broadcastable to {full}"
        raise ConfigError(type(self).__name__, [Fault(name, f"array of shape {size}", bound)])

    def at_site(self, name: str) -> np.ndarray:
        """A configured quantity, shaped so that it broadcasts at the filter's site."""
        value = self._drawn(name, self.units)
        if not value.ndim:
            return value
        post, pre = len(self.units), len(self.input_shape)
        if value.shape == self.units:
            value = value.reshape(self.units + (1,) * pre)
        elif value.shape == self.input_shape:
            value = value.reshape((1,) * post + self.input_shape)
        if self.site == "post":
            return value.reshape(value.shape[:post])
        return value.reshape(value.shape[post:]) if self.site == "pre" else value


class TracedSynapsesConfig(SynapsesConfig):
    """Parameters of TracedSynapses."""

    tau: Quantity = quantity(5.0, unit="ms", bound=TIME_CONSTANT, extent="any", doc="Time constant of the current.")


class TracedSynapses(FilteredSynapses[TracedSynapsesConfig]):
    """Each spike adds its weight to a current that decays exponentially.

    Dynamics: z ← exp(−dt/τ)·z + scale·W·s; I = Σ_j z.

    Parameters: kernel (signed, units + input shape), scale (pA per unit weight), tau (ms, > 0; scalar, per post, per
    pre or per synapse, see FilteredSynapses; with an initializer: per post). State: z at the filter's site (pA; per pre
    it is a number of spikes). Input spikes [*pre] or [*post, *pre]; output current [units] pA. Errors: ConfigError.
    Source: Neuronal Dynamics, section 3.1 (exponential pulse).

    >>> synapses = TracedSynapses(units=(1,), kernel=[[2.0]], scale=10.0).build(1)
    >>> outputs, _ = synapses.run(np.array([[1], [0], [0]]))
    >>> [round(float(i), 3) for i in outputs["current"][:, 0]]
    [20.0, 16.375, 13.406]
    """

    config_class = TracedSynapsesConfig
    time_constants = ("tau",)

    def filter_params(self) -> Params:
        return {"dt": self.dt, "tau": self.at_site("tau")}

    def filter_state(self, size: tuple[int, ...]) -> State:
        return {"z": np.zeros(size)}

    def filter(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        z = jnp.exp(-params["dt"] / params["tau"]) * state["z"] + inputs["current"]
        return {"z": z}, {"current": z}


def rising(rise: Any, fall: Any) -> Any:
    """The time constant of the rise: τ' = τr·τd/(τr + τd)."""
    return rise * fall / (rise + fall)


class RDTracedSynapsesConfig(SynapsesConfig):
    """Parameters of RDTracedSynapses."""

    tau_rise: Quantity = quantity(1.0, unit="ms", bound=TIME_CONSTANT, extent="any", doc="Time constant of the rise.")
    tau_decay: Quantity = quantity(5.0, unit="ms", bound=TIME_CONSTANT, extent="any", doc="Time constant of the decay.")


class RDTracedSynapses(FilteredSynapses[RDTracedSynapsesConfig]):
    """Each spike starts a current that rises and decays: the difference of two exponentials.

    Dynamics: z_d ← exp(−dt/τd)·z_d + scale·W·s; z_r ← exp(−dt/τ')·z_r + scale·W·s with τ' = τr·τd/(τr + τd);
    I = Σ_j (z_d − z_r). In the step of the spike the current is still 0.

    Parameters: kernel (signed, units + input shape), scale (pA per unit weight), tau_rise, tau_decay (ms, 1e-4 … 1e7;
    shapes as in TracedSynapses). State: z_d, z_r at the filter's site. Input spikes [*pre] or [*post, *pre]; output
    current [units] pA. Errors: ConfigError. Source: Neuronal Dynamics, section 3.1.

    >>> synapses = RDTracedSynapses(units=(1,), kernel=[[1.0]], scale=100.0).build(1)
    >>> outputs, _ = synapses.run(np.array([[1], [0], [0]]))
    >>> [round(float(i), 2) for i in outputs["current"][:, 0]]
    [0.0, 51.75, 57.96]
    """

    config_class = RDTracedSynapsesConfig
    time_constants = ("tau_rise", "tau_decay")

    def filter_params(self) -> Params:
        return {"dt": self.dt, "tau_rise": self.at_site("tau_rise"), "tau_decay": self.at_site("tau_decay")}

    def filter_state(self, size: tuple[int, ...]) -> State:
        return {"z_d": np.zeros(size), "z_r": np.zeros(size)}

    def filter(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        dt, rise, fall = params["dt"], params["tau_rise"], params["tau_decay"]
        z_d = jnp.exp(-dt / fall) * state["z_d"] + inputs["current"]
        z_r = jnp.exp(-dt / rising(rise, fall)) * state["z_r"] + inputs["current"]
        return {"z_d": z_d, "z_r": z_r}, {"current": z_d - z_r}


class RFSTracedSynapsesConfig(SynapsesConfig):
    """Parameters of RFSTracedSynapses."""

    alpha: float = quantity(0.8, bound=between(0, 1), extent="scalar", doc="Share of the fast component.")
    tau_rise: Quantity = quantity(1.0, unit="ms", bound=TIME_CONSTANT, extent="any", doc="Time constant of the rise.")
    tau_fast_decay: Quantity = quantity(5.0, unit="ms", bound=TIME_CONSTANT, extent="any", doc="Fast decay.")
    tau_slow_decay: Quantity = quantity(50.0, unit="ms", bound=TIME_CONSTANT, extent="any", doc="Slow decay.")


class RFSTracedSynapses(FilteredSynapses[RFSTracedSynapsesConfig]):
    """Each spike starts a current with a fast and a slow component, as of AMPA and NMDA receptors.

    Dynamics: I = α·RD_fast + (1 − α)·RD_slow, each the rise and decay of RDTracedSynapses, with one τ_rise and two
    decay times.

    Parameters: kernel (signed, units + input shape), scale (pA per unit weight), alpha (0 … 1), tau_rise,
    tau_fast_decay, tau_slow_decay (ms, 1e-4 … 1e7; shapes as in TracedSynapses). State: f_d, f_r (fast), l_d, l_r
    (slow) at the filter's site. Input spikes [*pre] or [*post, *pre]; output current [units] pA. Errors: ConfigError.
    Source: Neuronal Dynamics, section 3.1.

    >>> synapses = RFSTracedSynapses(units=(1,), kernel=[[1.0]], scale=100.0, alpha=1.0).build(1)
    >>> outputs, _ = synapses.run(np.array([[1], [0], [0]]))
    >>> [round(float(i), 2) for i in outputs["current"][:, 0]]
    [0.0, 51.75, 57.96]
    """

    config_class = RFSTracedSynapsesConfig
    time_constants = ("tau_rise", "tau_fast_decay", "tau_slow_decay")

    def filter_params(self) -> Params:
        return {"dt": self.dt, "alpha": self.config.alpha} | {name: self.at_site(name) for name in self.time_constants}

    def filter_state(self, size: tuple[int, ...]) -> State:
        return {name: np.zeros(size) for name in ("f_d", "f_r", "l_d", "l_r")}

    def filter(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        rise, fast, slow = (params[name] for name in self.time_constants)
        taus = {"f_d": fast, "f_r": rising(rise, fast), "l_d": slow, "l_r": rising(rise, slow)}
        z = {name: jnp.exp(-params["dt"] / tau) * state[name] + inputs["current"] for name, tau in taus.items()}
        alpha = params["alpha"]
        return z, {"current": alpha * (z["f_d"] - z["f_r"]) + (1 - alpha) * (z["l_d"] - z["l_r"])}
