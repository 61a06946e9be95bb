"""What travels between ports: arrays that say what they mean."""

from __future__ import annotations

from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np


class Payload:
    """An array with a meaning. Takes part in NumPy and JAX expressions as its `value`.

    State: `value`, an array of any shape. Errors: none of its own.
    """

    unit = ""

    def __init__(self, value: Any) -> None:
        self._value = value if isinstance(value, (jax.Array, np.ndarray)) else np.asarray(value)

    @property
    def value(self) -> Any:
        return self._value

    @classmethod
    def from_value(cls, value: Any) -> Self:
        return cls(value)

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.value.shape)

    @property
    def dtype(self) -> Any:
        return self.value.dtype

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.value, dtype=dtype)

    def __jax_array__(self) -> jax.Array:
        return jnp.asarray(self.value)

    def __len__(self) -> int:
        return len(self.value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"

    def _leaves(self) -> tuple[Any, ...]:
        return (self._value,)

    @classmethod
    def _from_leaves(cls, leaves: tuple[Any, ...]) -> Self:
        payload = object.__new__(cls)
        payload._value = leaves[0]
        return payload

    def __init_subclass__(cls, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        jax.tree_util.register_pytree_node(
            cls, lambda payload: (payload._leaves(), None), lambda _, leaves: cls._from_leaves(tuple(leaves)))


class FloatArray(Payload):
    """Numbers without a unit."""


class CurrentArray(Payload):
    """Currents in pA."""

    unit = "pA"


class PotentialArray(Payload):
    """Potentials in mV, relative to rest."""

    unit = "mV"


class SpikeArray(Payload):
    """Spikes of a pool and which of its units are inhibitory.

    `spikes` is boolean; `value` is signed: +1, or −1 where an inhibitory unit spikes, as float32.

    Parameters: `spikes`, anything that is zero where there is no spike; `inhibition_mask`, a boolean or an array of
    booleans of the same shape.

    >>> SpikeArray([1, 0, 1], inhibition_mask=[False, True, True]).value.tolist()
    [1.0, 0.0, -1.0]
    """

    def __init__(self, spikes: Any, inhibition_mask: Any = False) -> None:
        given = spikes.spikes if isinstance(spikes, SpikeArray) else spikes
        self.spikes = _numbers(given) != 0
        self.inhibition_mask = _numbers(inhibition_mask) != 0

    @classmethod
    def from_value(cls, value: Any) -> Self:
        """From signed values: a negative one is a spike of an inhibitory unit."""
        return cls(value, _numbers(value) < 0)

    @property
    def value(self) -> Any:
        numeric = jnp if isinstance(self.spikes, jax.Array) else np
        one = np.float32(1)
        return numeric.where(self.spikes, numeric.where(self.inhibition_mask, -one, one), np.float32(0))

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.spikes.shape)

    def __repr__(self) -> str:
        return f"SpikeArray(spikes={self.spikes!r}, inhibition_mask={self.inhibition_mask!r})"

    def _leaves(self) -> tuple[Any, ...]:
        return self.spikes, self.inhibition_mask

    @classmethod
    def _from_leaves(cls, leaves: tuple[Any, ...]) -> Self:
        payload = object.__new__(cls)
        payload.spikes, payload.inhibition_mask = leaves
        return payload


def _numbers(value: Any) -> Any:
    return value if isinstance(value, (jax.Array, np.ndarray)) else np.asarray(value)
