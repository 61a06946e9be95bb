"""Maps that leave units where they are: factors, another shape, sums of several signals."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import reduce
from typing import Any

import numpy as np

from spark.core.config import ConfigError, Fault, Quantity, between, integer, quantity
from spark.core.module import State
from spark.core.payloads import FloatArray
from spark.nn.components.connections.base import Connection, ConnectionConfig, Shape, shape_fault


class ScaleConfig(ConnectionConfig):
    """Parameters of Scale."""

    scale: Quantity = quantity(1.0, extent="any", doc="Factor, of the shape of the input or a scalar.")


class Scale(Connection[ScaleConfig]):
    """y = s·x, unit by unit.

    Parameters: scale, of the shape of the input or a scalar. Input signal, output current of the same shape. State:
    none. Errors: ConfigError. Source: NIR, primitive Scale.

    >>> Scale(scale=[2.0, 3.0]).build(2).run([[1.0, 1.0]])[0]["current"].tolist()
    [[2.0, 3.0]]
    """

    config_class = ScaleConfig

    def misfits(self, shape: Shape) -> list[Fault]:
        scale = np.shape(self.config.scale)
        return [] if scale in ((), shape) else [shape_fault(shape, f"{scale}, the shape of the scale")]

    def params_for(self, shape: Shape) -> dict[str, np.ndarray]:
        return {"scale": np.broadcast_to(np.asarray(self.config.scale, np.float64), shape).copy()}

    def apply(self, signal: Any, params: Any) -> Any:
        return params["scale"] * signal


class FlattenConfig(ConnectionConfig):
    """Parameters of Flatten."""

    start_dim: int = integer(0, doc="First axis that is joined; negative ones count from the end.")
    end_dim: int = integer(-1, doc="Last axis that is joined.")


class Flatten(Connection[FlattenConfig]):
    """Joins the axes start_dim … end_dim of its (unbatched) input into one, in C order.

    Parameters: start_dim, end_dim. Input signal; output current, the same values in another shape. State: none.
    Errors: ConfigError for axes that the input does not have. Source: NIR, primitive Flatten.

    >>> Flatten(start_dim=1).build((2, 3, 4)).output_specs["current"].shape
    (2, 12)
    """

    config_class = FlattenConfig

    def axes(self, shape: Shape) -> tuple[int, int]:
        """First and last axis, counted from 0."""
        config, rank = self.config, len(shape)
        return tuple(axis + rank if axis < 0 else axis for axis in (config.start_dim, config.end_dim))  # type: ignore

    def misfits(self, shape: Shape) -> list[Fault]:
        first, last = self.axes(shape)
        if 0 <= first <= last < len(shape):
            return []
        found = f"start_dim {self.config.start_dim}, end_dim {self.config.end_dim}"
        return [Fault("start_dim, end_dim", found, f"a range of the {len(shape)} axes of the input {shape}")]

    def output_shape(self, shape: Shape) -> Shape:
        first, last = self.axes(shape)
        return (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])

    def apply(self, signal: Any, params: Any) -> Any:
        return signal.reshape(self._shape)


class SumConfig(ConnectionConfig):
    """Parameters of Sum."""

    inputs: int = integer(2, bound=between(1, 4096), doc="How many signals are added.")


class Sum(Connection[SumConfig]):
    """y = x_1 + x_2 + …: several wires that arrive at one port and add up, as edges of NIR do.

    Parameters: inputs, how many there are. Input signals signal_1, signal_2, …, all of one shape; output current.
    State: none. Errors: ConfigError for shapes that differ.

    >>> total = Sum(inputs=2).build({"signal_1": 2, "signal_2": 2})
    >>> total.run({"signal_1": [[1.0, 2.0]], "signal_2": [[3.0, 4.0]]})[0]["current"].tolist()
    [[4.0, 6.0]]
    """

    config_class = SumConfig

    def __init__(self, config: Any = None, **keywords: Any) -> None:
        super().__init__(config, **keywords)
        self.input_ports = {f"signal_{i + 1}": FloatArray for i in range(self.config.inputs)}  # type: ignore[misc]

    def _build(self, shapes: Mapping[str, Shape]) -> None:
        if len(set(shapes.values())) > 1:
            raise ConfigError("Sum", [Fault("inputs", dict(shapes), "signals of one shape")])
        super()._build(shapes)

    def step(self, state: State, inputs: dict[str, Any], params: Any) -> tuple[State, dict[str, Any]]:
        return {}, {"current": reduce(lambda total, port: total + inputs[port], list(self.input_ports)[1:],
                                      inputs["signal_1"])}
