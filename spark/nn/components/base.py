"""What every component of a neuron has in common."""

from __future__ import annotations

from typing import Any, TypeVar

from spark.core.config import ConfigError, Fault, SparkConfig, above, between, choice, integer, quantity, shape
from spark.core.module import SparkModule
from spark.core.precision import DTYPES
from spark.core.seeds import SEED_LIMIT


class PartConfig(SparkConfig):
    """Fields that a neuron hands down to its components."""

    units: tuple[int, ...] = shape(None, optional=True, inherited=True, doc="Shape of the pool of neurons.")
    dt: float = quantity(1.0, unit="ms", bound=above(0), extent="scalar", inherited=True, doc="Time step.")
    dtype: str = choice("float32", options=DTYPES, inherited=True, doc="Number type of a run.")
    seed: int = integer(0, bound=between(0, SEED_LIMIT), inherited=True, doc="Seed of everything drawn.")


PartConfigType = TypeVar("PartConfigType", bound=PartConfig)


class Part(SparkModule[PartConfigType]):
    """A component of a neuron; `units` is the shape of the neuron's pool.

    Errors: `ConfigError` if `units` is neither given nor handed down.
    """

    def __init__(self, config: Any = None, **keywords: Any) -> None:
        super().__init__(config, **keywords)
        if self.config.units is None:
            hint = "give units=…, or let a neuron hand it down"
            raise ConfigError(type(self).__name__, [Fault("units", None, "a tuple of positive integers", hint)])
        self.units: tuple[int, ...] = self.config.units
