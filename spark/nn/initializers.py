"""Initializers: how an array is drawn. Each is a configuration that can be compared, saved and shared."""

from __future__ import annotations

import math
from abc import abstractmethod

import numpy as np

from spark.core.config import Fault, SparkConfig, above, between, quantity


class Initializer(SparkConfig):
    """Draws an array of a given shape.

    `sample(rng, shape, fan=None)` returns float64 numbers; `fan` says how many leading axes are postsynaptic, for
    initializers that treat the inputs of one unit together (all but the last axis if it is not given).
    """

    @abstractmethod
    def sample(self, rng: np.random.Generator, size: tuple[int, ...], fan: int | None = None) -> np.ndarray:
        """Numbers of shape `size`."""


class Constant(Initializer):
    """The same number everywhere.

    Parameters: `value`.

    >>> Constant(value=2.0).sample(np.random.default_rng(0), (2,)).tolist()
    [2.0, 2.0]
    """

    value: float = quantity(1.0, extent="scalar", doc="The number.")

    def sample(self, rng: np.random.Generator, size: tuple[int, ...], fan: int | None = None) -> np.ndarray:
        return np.full(size, self.value)


class Uniform(Initializer):
    """Uniform numbers in [low, high).

    Parameters: `low` ≤ `high`. Errors: `ConfigError` if they are not in order.
    """

    low: float = quantity(0.0, extent="scalar", doc="Smallest number.")
    high: float = quantity(1.0, extent="scalar", doc="End of the interval, not in it.")

    def check(self) -> list[Fault]:
        return [Fault("high", self.high, f">= low ({self.low:g})")] if self.high < self.low else []

    def sample(self, rng: np.random.Generator, size: tuple[int, ...], fan: int | None = None) -> np.ndarray:
        return rng.uniform(self.low, self.high, size)


class SparseUniform(Uniform):
    """Uniform numbers where a synapse exists, zero elsewhere.

    Parameters: `low`, `high`; `density`, the probability that a synapse exists, 0…1. An existing synapse is never
    drawn as exactly zero.
    """

    density: float = quantity(0.2, extent="scalar", bound=between(0, 1), doc="Probability of a synapse.")

    def sample(self, rng: np.random.Generator, size: tuple[int, ...], fan: int | None = None) -> np.ndarray:
        exists = rng.random(size) < self.density
        drawn = rng.uniform(self.low, self.high, size)
        return np.where(exists, np.where(drawn == 0, np.finfo(np.float32).tiny, drawn), 0.0)


class NormalizedSparseUniform(SparseUniform):
    """SparseUniform, scaled so that the absolute weights into one postsynaptic unit sum to `total`.

    A unit without any synapse keeps none. Parameters: those of SparseUniform and `total` > 0.
    """

    total: float = quantity(1.0, extent="scalar", bound=above(0), doc="Sum of absolute weights into one unit.")

    def sample(self, rng: np.random.Generator, size: tuple[int, ...], fan: int | None = None) -> np.ndarray:
        drawn = super().sample(rng, size)
        post = max(len(size) - 1, 0) if fan is None else fan
        rows = drawn.reshape(math.prod(size[:post]), -1)
        sums = np.abs(rows).sum(axis=1, keepdims=True)
        return (rows * (self.total / np.where(sums > 0, sums, 1.0))).reshape(size)

