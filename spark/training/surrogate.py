"""Surrogate gradients: a spike is a step forward and something smooth backward.

Neftci, Mostafa & Zenke 2019, "Surrogate Gradient Learning in Spiking Neural Networks".
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

Array = Any


def fast_sigmoid(x: Array) -> Array:
    """1 / (1 + |x|)², Zenke & Ganguli 2018 (SuperSpike)."""
    return 1 / jnp.square(1 + jnp.abs(x))


def arctangent(x: Array) -> Array:
    """1 / (1 + (πx)²), Fang et al. 2021."""
    return 1 / (1 + jnp.square(jnp.pi * x))


def triangle(x: Array) -> Array:
    """max(0, 1 − |x|), Esser et al. 2016; Bellec et al. 2018."""
    return jnp.maximum(0, 1 - jnp.abs(x))


def gaussian(x: Array) -> Array:
    """exp(−x²/2), Yin et al. 2021 (without side lobes)."""
    return jnp.exp(-jnp.square(x) / 2)


SURROGATES: dict[str, Callable[[Array], Array]] = {
    function.__name__: function for function in (fast_sigmoid, arctangent, triangle, gaussian)
}


@partial(jax.custom_jvp, nondiff_argnums=(2, 3))
def fire(v: Array, theta: Array, surrogate: str = "fast_sigmoid", slope: float = 10.0) -> Array:
    """Spikes 0/1 in v's number type: exactly `v > theta`.

    The derivative is g(slope·(v − θ)/|θ|)/|θ| with respect to v and its negative with respect to θ: the distance to
    threshold is taken relative to the threshold, so that one slope serves any unit (|θ| = 1 where θ is 0).

    >>> float(fire(jnp.float32(2.0), 1.0)), float(jax.grad(fire)(jnp.float32(1.0), 1.0))
    (1.0, 1.0)
    """
    return (v > theta).astype(jnp.result_type(v))


@fire.defjvp
def _fire_jvp(surrogate: str, slope: float, primals: Any, tangents: Any) -> tuple[Array, Array]:
    v, theta = primals
    v_dot, theta_dot = tangents
    spikes = fire(v, theta, surrogate, slope)
    scale = jnp.where(theta == 0, 1, jnp.abs(theta)).astype(jnp.result_type(v))
    height = SURROGATES[surrogate](slope * (v - theta) / scale) / scale
    return spikes, (height * (v_dot - theta_dot)).astype(jnp.result_type(v))
