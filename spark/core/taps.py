"""Seeing what modules inside a composite put out, without changing their steps."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spark.core.module import SparkModule

_open_tap: ContextVar[tuple[str, dict[str, Any]] | None] = ContextVar("open_tap", default=None)


@contextlib.contextmanager
def tapped() -> Iterator[dict[str, Any]]:
    """Collects every inner output of the steps called within, by path `child.grandchild.port`."""
    seen: dict[str, Any] = {}
    token = _open_tap.set(("", seen))
    try:
        yield seen
    finally:
        _open_tap.reset(token)


def step_child(name: str, child: SparkModule, state: Any, inputs: dict[str, Any], params: Any) -> tuple[Any, Any]:
    """One step of a child; its outputs are seen by an open tap under the child's name."""
    tap = _open_tap.get()
    if tap is None:
        return child.step(state, inputs, params)
    path = f"{tap[0]}{name}."
    token = _open_tap.set((path, tap[1]))
    try:
        state, outputs = child.step(state, inputs, params)
    finally:
        _open_tap.reset(token)
    tap[1].update({path + port: value for port, value in outputs.items()})
    return state, outputs
