"""Delays as modules: values come out some steps after they went in."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from spark.core.config import Fault, Quantity, between, quantity
from spark.core.module import State
from spark.nn.components.connections.base import Connection, ConnectionConfig, Shape, shape_fault
from spark.nn.components.delays.base import DEEPEST


class DelayConfig(ConnectionConfig):
    """Parameters of Delay."""

    steps: Quantity = quantity(1, extent="any", bound=between(0, DEEPEST),
                               doc="Delay in steps, of the shape of the input or a scalar.")

    def check(self) -> list[Fault]:
        fractional = np.any(np.asarray(self.steps) % 1)
        return [Fault("steps", self.steps, "whole numbers of steps")] if fractional else []


class Delay(Connection[DelayConfig]):
    """y(t) = x(t − k): every unit k steps late, 0 before.

    Parameters: steps k (0 … 4095; 0 is within the step), of the shape of the input or a scalar. State: `line`
    [longest k, *shape], the last inputs, newest first. Input signal, output current of the same shape.
    Errors: ConfigError. Source: NIR, primitive Delay (there in seconds).

    >>> Delay(steps=[0, 2]).build(2).run(np.eye(3)[:, :2])[0]["current"].tolist()
    [[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    """

    config_class = DelayConfig

    @property
    def steps(self) -> np.ndarray:
        """The delays, integers of the shape of the input."""
        self._require_built()
        return np.broadcast_to(np.asarray(self.config.steps), self.input_shape).astype(np.int32)

    def misfits(self, shape: Shape) -> list[Fault]:
        steps = np.shape(self.config.steps)
        return [] if steps in ((), shape) else [shape_fault(shape, f"{steps}, the shape of the delays")]

    def initial_state(self) -> State:
        return {"line": np.zeros((int(self.steps.max()), *self.input_shape))}

    def step(self, state: State, inputs: dict[str, Any], params: Any) -> tuple[State, dict[str, Any]]:
        line = jnp.concatenate([inputs["signal"][None], state["line"]])
        late = jnp.take_along_axis(line, jnp.asarray(self.steps)[None], axis=0)[0]
        return {"line": line[:-1]}, {"current": late}
