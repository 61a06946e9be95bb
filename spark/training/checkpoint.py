"""Training that was interrupted goes on from its last complete epoch, to the same result."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jax
import numpy as np

HISTORY, RUN = "history", "run"


def save(path: Path, tree: Any, history: list[dict[str, float]], run: dict[str, Any]) -> None:
    """Write the leaves of a tree, the history so far and what the run was started with; all or nothing."""
    leaves = {f"leaf{index}": np.asarray(leaf) for index, leaf in enumerate(jax.tree.leaves(tree))}
    notes = {HISTORY: np.array(json.dumps(history)), RUN: np.array(json.dumps(run, sort_keys=True))}
    temporary = path.with_name(f"{path.name}.part")
    with temporary.open("wb") as stream:
        np.savez(stream, **notes, **leaves)  # type: ignore[arg-type]
    os.replace(temporary, path)


def load(path: Path, tree: Any, run: dict[str, Any]) -> tuple[Any, list[dict[str, float]]]:
    """The tree as it was written, in the structure of `tree`, and the history.

    Errors: ValueError where the file is another run's, or none.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        history, found = json.loads(str(arrays.pop(HISTORY))), json.loads(str(arrays.pop(RUN)))
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{path} is no checkpoint: {error}") from error
    if found != json.loads(json.dumps(run)):
        raise ValueError(f"{path} belongs to another run: it was started with {found}, this one with {run}")
    leaves, structure = jax.tree.flatten(tree)
    read = [arrays.get(f"leaf{index}") for index in range(len(leaves))]
    wrong = [index for index, (new, old) in enumerate(zip(read, leaves, strict=True))
             if new is None or new.shape != np.shape(old) or new.dtype != np.asarray(old).dtype]
    if wrong or len(arrays) != len(leaves):
        raise ValueError(f"{path} belongs to another run: {len(arrays)} arrays, of which {len(wrong)} do not fit")
    return jax.tree.unflatten(structure, read), history
