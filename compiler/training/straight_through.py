"""Exact integers forward, smooth gradients backward.

Bengio, Léonard & Courville 2013 (straight-through estimator); Esser et al. 2020 (learned step size, equations 3 and 5).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

Array = Any


@jax.custom_vjp
def exactly(smooth: Array, exact: Array) -> Array:
    """`exact`, with the gradient of `smooth`: what a value is, and what it would be without rounding."""
    return exact.astype(smooth.dtype)


def _exactly_forward(smooth: Array, exact: Array) -> tuple[Array, None]:
    return exactly(smooth, exact), None


def _exactly_backward(_: None, gradient: Array) -> tuple[Array, None]:
    return gradient, None


exactly.defvjp(_exactly_forward, _exactly_backward)


@jax.custom_vjp
def on_grid(weights: Array, ratio: Array, exact: Array, inside: Array, slope: Array) -> Array:
    """`exact`: weights rounded to a grid that the ratio stretches.

    Backward, weights get the gradient where they are `inside` the grid's ends, the ratio gets it times `slope`.
    """
    return exact.astype(weights.dtype)


def _on_grid_forward(weights: Array, ratio: Array, exact: Array, inside: Array, slope: Array) -> tuple[Array, Any]:
    return on_grid(weights, ratio, exact, inside, slope), (inside, slope)


def _on_grid_backward(held: Any, gradient: Array) -> tuple[Array, Array, None, None, None]:
    inside, slope = held
    return jnp.where(inside, gradient, 0), gradient * slope, None, None, None


on_grid.defvjp(_on_grid_forward, _on_grid_backward)
