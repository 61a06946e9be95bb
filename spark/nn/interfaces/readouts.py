"""Read-outs: from spikes to a signal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from spark.core.config import ConfigError, Fault, above, at_least, flag, integer, quantity
from spark.core.module import Params, SparkModule, State
from spark.core.payloads import FloatArray, SpikeArray
from spark.core.seeds import generator
from spark.core.specs import PortSpecs
from spark.nn.components.base import TIME_CONSTANT
from spark.nn.interfaces.base import InterfaceConfig


class ExponentialIntegratorConfig(InterfaceConfig):
    """Parameters of ExponentialIntegrator."""

    num_outputs: int = integer(bound=at_least(1), doc="Number of signals.")
    tau: float = quantity(20.0, unit="ms", bound=TIME_CONSTANT, extent="scalar", doc="Time constant of the average.")
    saturation_freq: float = quantity(50.0, unit="Hz", bound=above(0), extent="scalar",
                                      doc="Mean rate of a group at which its signal is 1.")
    shuffle: bool = flag(True, doc="Draw the groups from the seed; else neighbours form a group.")


class ExponentialIntegrator(SparkModule[ExponentialIntegratorConfig]):
    """Signals as exponential averages of the spikes of groups of units.

    Dynamics: z_k ← d·z_k + (1 − d)·c_k·Σ_{i in group k} |s_i| with d = exp(−dt/τ) and c_k = 1/(n_k·saturation_freq·dt):
    a group whose n_k units fire at the saturation rate gives signal 1 on average, for any dt.

    Parameters: num_outputs (≥ 1, at most the number of units), tau (ms, 1e-4 … 1e7), saturation_freq (Hz, > 0),
    shuffle. State: z [num_outputs]. Input spikes, any shape; output signal [num_outputs]. Errors: ConfigError.
    Source: Neuronal Dynamics, section 7.2 (sliding average with an exponential window).

    >>> reader = ExponentialIntegrator(num_outputs=2, tau=100.0, shuffle=False).build(4)
    >>> outputs, _ = reader.run(np.tile([[1, 1, 0, 0], [0, 0, 0, 0]], (500, 1)))
    >>> [round(float(value), 1) for value in outputs["signal"][-2:].mean(axis=0)]
    [10.0, 0.0]
    """

    config_class = ExponentialIntegratorConfig
    input_ports = {"spikes": SpikeArray}
    output_ports = {"signal": FloatArray}
    shape_is_free = True

    def _build(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        units, groups = math.prod(shapes["spikes"]), self.config.num_outputs
        if groups > units:
            fault = Fault("num_outputs", groups, f"<= {units}, the number of units")
            raise ConfigError(type(self).__name__, [fault])
        member = np.arange(units) * groups // units
        if self.config.shuffle:
            member = generator(self.config.seed, "ExponentialIntegrator.groups").permutation(member)
        groups_of = (member == np.arange(groups)[:, None]).astype(np.float64)
        saturated = groups_of.sum(axis=1, keepdims=True) * self.config.saturation_freq * self.dt / 1000
        self._hold(dt=self.dt, tau=self.config.tau, shares=groups_of / saturated)

    @property
    def output_specs(self) -> dict[str, PortSpecs]:
        return {"signal": PortSpecs((self.config.num_outputs,), FloatArray)}

    def initial_state(self) -> State:
        self._require_built()
        return {"z": np.zeros(self.config.num_outputs)}

    def step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        d = jnp.exp(-params["dt"] / params["tau"])
        arriving = jnp.dot(jnp.abs(inputs["spikes"]).reshape(-1), params["shares"].T)
        z = d * state["z"] + (1 - d) * arriving
        return {"z": z}, {"signal": z}
