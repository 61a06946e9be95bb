"""Synapses whose current decays after a spike."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from spark.core.config import ConfigError, Fault, Quantity, quantity
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
    Source: Neuronal Dynamics, eq. 1.19 (exponential pulse).

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
