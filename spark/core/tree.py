"""Nested dictionaries of arrays addressed by dotted path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def flatten(tree: Mapping[str, Any], separator: str = ".") -> dict[str, Any]:
    """Leaves by path."""
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}{separator}{inner}": leaf for inner, leaf in flatten(value, separator).items()}
        else:
            flat[name] = value
    return flat


def map_leaves(function: Any, tree: Mapping[str, Any], path: str = "") -> dict[str, Any]:
    """The same nesting with `function(path, leaf)` in place of each leaf."""
    return {
        name: map_leaves(function, value, f"{path}{name}.") if isinstance(value, Mapping)
        else function(f"{path}{name}", value) for name, value in tree.items()
    }


def frozen(array: Any) -> Any:
    """The array, read-only where it is NumPy's, so that what was handed out cannot change what is held."""
    if isinstance(array, np.ndarray):
        array = array.copy() if array.flags.writeable else array
        array.setflags(write=False)
    return array


def checked_like(pattern: Mapping[str, Any], given: Mapping[str, Any], what: str) -> dict[str, Any]:
    """`given`, if it has exactly the paths and shapes of `pattern`.

    Errors: `ValueError` naming the missing, the unknown and the misshaped paths.
    """
    expected, found = flatten(pattern), flatten(given)
    complaints = [f"missing {path}" for path in expected if path not in found]
    complaints += [f"unknown {path}" for path in found if path not in expected]
    complaints += [f"{path} has shape {np.shape(found[path])}, expected {np.shape(leaf)}"
                   for path, leaf in expected.items() if path in found and np.shape(found[path]) != np.shape(leaf)]
    if complaints:
        raise ValueError(f"{what} do not fit: " + "; ".join(complaints))
    return map_leaves(lambda path, leaf: found[path], pattern)
