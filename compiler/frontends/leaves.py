"""The states, inputs and parameters that a step is traced with, and their names in the program."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from compiler.diagnostics import declare, fail

E114 = declare("E114", "a step does not return the states it was given")

Path = tuple[str, ...]


def declared_names(
    state: Mapping[str, Any], inputs: Mapping[str, Any], params: Mapping[str, Any]
) -> dict[str, dict[Path, str]]:
    """Program name of every leaf, by role (`state`, `input`, `param`) and path.

    Nested keys are joined by `_`. A parameter called like a state or an input gets `_0` appended.
    """
    names: dict[str, dict[Path, str]] = {"state": {}, "input": {}, "param": {}}
    taken: set[str] = set()
    for role, tree in (("state", state), ("input", inputs), ("param", params)):
        for path, _ in flatten(tree):
            name = "_".join(path)
            while role == "param" and name in taken:
                name += "_0"
            if name in taken:
                raise fail(E114, f"an input and a state are both called `{name}`", name, hint="rename one of them")
            taken.add(name)
            names[role][path] = name
    return names


def flatten(tree: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Leaves of nested dicts with their paths, in order."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from flatten(value, (*path, str(key)))
        else:
            yield (*path, str(key)), value


@dataclasses.dataclass(frozen=True)
class Leaf:
    """One array of a step. role: `state`, `input` or `param`. per_unit: whether it has a value for each unit."""

    role: str
    path: Path
    name: str
    dtype: Any
    per_unit: bool

    def abstract(self, units: int | None) -> jax.ShapeDtypeStruct:
        """What stands for it in a trace; units: None for one unit with scalars."""
        return jax.ShapeDtypeStruct((units,) if units and self.per_unit else (), self.dtype)

    def zero(self) -> float | int | bool:
        return np.zeros((), self.dtype).item()


def leaves_of(state: Mapping[str, Any], inputs: Mapping[str, Any], params: Mapping[str, Any]) -> list[Leaf]:
    """Every array of a step, states first. Errors: E114."""
    names = declared_names(state, inputs, params)
    return [
        Leaf(role, path, names[role][path], _traced_dtype(value), role != "param" or np.ndim(value) > 0)
        for role, tree in (("state", state), ("input", inputs), ("param", params))
        for path, value in flatten(tree)
    ]


def _traced_dtype(value: Any) -> Any:
    dtype = np.asarray(value).dtype if isinstance(value, bool | int | float) else value.dtype
    if jnp.issubdtype(dtype, jnp.floating):
        return np.dtype(np.float64)
    return np.dtype(np.int32) if jnp.issubdtype(dtype, jnp.integer) and dtype.itemsize == 8 else np.dtype(dtype)


def nested(leaves: list[Leaf], values: tuple[Any, ...], role: str) -> dict[str, Any]:
    """The values of one role, as the step takes them."""
    tree: dict[str, Any] = {}
    for leaf, value in zip(leaves, values, strict=True):
        if leaf.role == role:
            branch = tree
            for key in leaf.path[:-1]:
                branch = branch.setdefault(key, {})
            branch[leaf.path[-1]] = value
    return tree
