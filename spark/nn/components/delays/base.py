"""Delays: integer numbers of steps between a spike and its arrival, held in a ring buffer."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, TypeVar

import jax.numpy as jnp
import numpy as np
from jax import lax

from spark.core.config import ConfigError, Fault, Quantity, above, between, quantity
from spark.core.module import Params, State
from spark.core.payloads import SpikeArray
from spark.core.seeds import generator
from spark.core.specs import PortSpecs
from spark.nn.components.base import Part, PartConfig

DEEPEST = 4095
"""Longest delay in steps."""


class DelaysConfig(PartConfig):
    """Fields of all delays: drawn up to `max_delay`, or given by `steps`."""

    max_delay: float = quantity(8.0, unit="ms", bound=above(0), extent="scalar",
                                doc="Longest delay; B = ceil(max_delay/dt) steps, at most 4095.")
    steps: Quantity = quantity(None, optional=True, extent="any", bound=between(0, DEEPEST),
                               doc="Delays in steps instead of drawn ones: a scalar or an array of integers.")

    @property
    def depth(self) -> int:
        """B, the longest delay in steps."""
        if self.steps is not None:
            return int(np.max(self.steps))
        # A tiny slack: 0.3/0.1 is 2.9999999999999996, 0.8/0.1 is 8.000000000000002 in some roundings.
        return max(1, math.ceil(self.max_delay / self.dt - 1e-9))

    def check(self) -> list[Fault]:
        if self.steps is not None and np.any(np.asarray(self.steps) % 1):
            return [Fault("steps", self.steps, "whole numbers of steps")]
        if self.depth > DEEPEST:
            hint = f"{self.max_delay:g} ms are {self.depth} steps of {self.dt:g} ms"
            return [Fault("max_delay", self.max_delay, f"at most {DEEPEST} steps", hint)]
        return []


DelaysConfigType = TypeVar("DelaysConfigType", bound=DelaysConfig)


class Delays(Part[DelaysConfigType]):
    """Base of the delays: a spike comes out k steps after it went in.

    `steps`: integers k, drawn uniformly from {1 … B} under the seed unless given (then 0 … 4095, 0 being within the
    step). State: `buffer` [B + 1, *pre], the last B + 1 inputs (so that k = B and k = 0 are different rows), and
    `cursor`, the row written next. Errors: ConfigError for delays below 0, above 4095 or of the wrong shape.
    """

    config_class = DelaysConfig
    input_ports = {"in_spikes": SpikeArray}
    output_ports = {"out_spikes": SpikeArray}

    def _build(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.input_shape = shapes["in_spikes"]
        self._hold(steps=self._draw_steps())

    @property
    def role(self) -> str:
        return "delays"

    @property
    def steps(self) -> np.ndarray:
        """The delays in steps, integers of shape `steps_shape`."""
        self._require_built()
        return np.asarray(self._params["steps"])

    @property
    @abstractmethod
    def steps_shape(self) -> tuple[int, ...]:
        """One delay for each of these."""

    def _draw_steps(self) -> np.ndarray:
        size = self.steps_shape
        if self.config.steps is None:
            return generator(self.config.seed, self.role).integers(1, self.config.depth + 1, size, dtype=np.int32)
        given = np.asarray(self.config.steps).astype(np.int32)
        if given.ndim and given.shape != size:
            fault = Fault("steps", f"array of shape {given.shape}", f"of shape {size}")
            raise ConfigError(type(self).__name__, [fault])
        return np.broadcast_to(given, size).copy()

    def initial_state(self) -> State:
        self._require_built()
        return {"buffer": np.zeros((self.config.depth + 1, *self.input_shape)), "cursor": np.zeros((), np.int32)}

    @property
    def output_specs(self) -> dict[str, PortSpecs]:
        return {"out_spikes": PortSpecs(self.steps_shape, SpikeArray)}

    def step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        cursor = state["cursor"]
        rows = self.config.depth + 1
        buffer = lax.dynamic_update_index_in_dim(state["buffer"], inputs["in_spikes"], cursor, 0)
        row = jnp.mod(cursor - params["steps"], rows).reshape(-1, math.prod(self.input_shape))
        flat = buffer.reshape(rows, -1)
        out = flat[row, jnp.arange(flat.shape[1])]
        return {"buffer": buffer, "cursor": jnp.mod(cursor + 1, rows)}, {"out_spikes": out.reshape(self.steps_shape)}
