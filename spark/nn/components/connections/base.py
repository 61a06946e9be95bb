"""What every connection is: values in, a linear map of them out, within the same step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from spark.core.config import ConfigError, Fault, SparkConfig, between, choice, integer, quantity
from spark.core.module import SparkModule, State
from spark.core.payloads import CurrentArray, FloatArray
from spark.core.precision import DTYPES
from spark.core.seeds import SEED_LIMIT
from spark.core.specs import PortSpecs
from spark.nn.components.base import TIME_STEP

Shape = tuple[int, ...]


class ConnectionConfig(SparkConfig):
    """Fields of all connections."""

    dt: float = quantity(1.0, unit="ms", bound=TIME_STEP, extent="scalar", inherited=True, doc="Time step.")
    dtype: str = choice("float32", options=DTYPES, inherited=True, doc="Number type of a run.")
    seed: int = integer(0, bound=between(0, SEED_LIMIT), inherited=True, doc="Seed of everything drawn.")


ConnectionConfigType = TypeVar("ConnectionConfigType", bound=ConnectionConfig)


class Connection(SparkModule[ConnectionConfigType]):
    """Base of the connections: values (spikes or currents) in, currents out, linear in what comes in.

    A subclass defines `output_shape`, `params_for` and `step`. Parameters: weights, trainable like any others. State:
    none, delays excepted. Errors: ConfigError for weights and shapes that do not fit.
    """

    config_class = ConnectionConfig
    input_ports: Mapping[str, type] = {"signal": FloatArray}
    output_ports = {"current": CurrentArray}

    def _build(self, shapes: Mapping[str, Shape]) -> None:
        self.input_shape = next(iter(shapes.values()))
        faults = self.misfits(self.input_shape)
        if faults:
            raise ConfigError(type(self).__name__, faults)
        self._shape = self.output_shape(self.input_shape)
        self._hold(**self.params_for(self.input_shape))

    def misfits(self, shape: Shape) -> list[Fault]:
        """What keeps an input of this shape out."""
        return []

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of what comes out for an input of a shape that fits."""
        return shape

    def params_for(self, shape: Shape) -> dict[str, np.ndarray]:
        """The parameters by name, float64."""
        return {}

    def initial_state(self) -> State:
        self._require_built()
        return {}

    @property
    def output_specs(self) -> dict[str, PortSpecs]:
        self._require_built()
        return {"current": PortSpecs(self._shape, CurrentArray)}

    def apply(self, signal: Any, params: Any) -> Any:
        """The map itself. Pure; unbatched."""
        raise NotImplementedError

    def step(self, state: State, inputs: dict[str, Any], params: Any) -> tuple[State, dict[str, Any]]:
        return {}, {"current": self.apply(inputs["signal"], params)}


def shape_fault(shape: Shape, expected: str, hint: str = "") -> Fault:
    return Fault("input", f"shape {shape}", expected, hint)
