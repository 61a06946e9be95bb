"""The number type of a run: cast at the border, never inside a step."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

DTYPES = ("float32", "float64", "float16", "bfloat16")


@contextlib.contextmanager
def precision(dtype: str) -> Iterator[None]:
    """Within it, arrays of `dtype` can exist: float64 switches JAX's 64-bit types on, for this block only."""
    if dtype != "float64":
        yield
        return
    with _switch()(True):
        yield


def _switch() -> Any:
    """JAX's context manager for 64-bit types; it moved out of `jax.experimental` in 0.8."""
    switch = getattr(jax, "enable_x64", None)
    return switch if callable(switch) else importlib.import_module("jax.experimental").enable_x64


def released(tree: Any, dtype: str) -> Any:
    """Results that may leave a `precision` block: float64 arrays of JAX break outside it, so they become NumPy's."""
    foreign = dtype == "float64" and not jax.config.read("jax_enable_x64")
    return jax.tree.map(np.asarray, tree) if foreign else tree


def cast(tree: Any, dtype: str) -> Any:
    """Every floating-point leaf in `dtype`; integers and booleans as they are."""
    def leaf(value: Any) -> Any:
        return jnp.asarray(value, dtype) if jnp.issubdtype(jnp.result_type(value), jnp.floating) else jnp.asarray(value)

    return jax.tree.map(leaf, tree)
