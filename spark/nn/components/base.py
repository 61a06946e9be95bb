"""What every component of a neuron has in common."""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np

from spark.core.config import (
    ConfigError,
    Fault,
    SparkConfig,
    between,
    choice,
    integer,
    quantity,
    shape,
)
from spark.core.module import SparkModule
from spark.core.precision import DTYPES
from spark.core.seeds import SEED_LIMIT

TIME_STEP = between(1e-4, 1e4)
TIME_CONSTANT = between(1e-4, 1e7)
POTENTIAL = between(-1e6, 1e6)
RESISTANCE = between(1e-12, 1e6)
DURATION = between(0, 1e5)

HALF_SPACING = {"float16": 2.0**-12, "bfloat16": 2.0**-9, "float32": 2.0**-25, "float64": 2.0**-54}
"""Below this, 1 − x is 1 in the number type."""


class PartConfig(SparkConfig):
    """Fields that a neuron hands down to its components."""

    units: tuple[int, ...] = shape(None, optional=True, inherited=True, doc="Shape of the pool of neurons.")
    dt: float = quantity(1.0, unit="ms", bound=TIME_STEP, extent="scalar", inherited=True, doc="Time step.")
    dtype: str = choice("float32", options=DTYPES, inherited=True, doc="Number type of a run.")
    seed: int = integer(0, bound=between(0, SEED_LIMIT), inherited=True, doc="Seed of everything drawn.")

    def check(self) -> list[Fault]:
        return [fault for name in self.fields if "tau" in name.split("_")
                for fault in self.standing_still(name)]

    def standing_still(self, name: str) -> list[Fault]:
        """The fault of a time constant so long that exp(−dt/τ) is 1 in the number type: nothing would move."""
        tau = getattr(self, name)
        if tau is None or hasattr(tau, "sample") or np.all(self.dt / np.asarray(tau) > HALF_SPACING[self.dtype]):
            return []
        bound = f"< {self.dt / HALF_SPACING[self.dtype]:g} ms, where exp(-dt/tau) still differs from 1 in {self.dtype}"
        return [Fault(name, tau, bound, "take a wider dtype")]


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
