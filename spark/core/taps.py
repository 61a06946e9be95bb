"""Seeing, and replacing, what modules inside a composite put out, without changing their steps."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spark.core.module import SparkModule

Replacements = Mapping[str, Callable[[Any], Any]]
_open_tap: ContextVar[tuple[str, dict[str, Any], Replacements] | None] = ContextVar("open_tap", default=None)


@contextlib.contextmanager
def tapped(replacements: Replacements | None = None) -> Iterator[dict[str, Any]]:
    """Collects every inner output of the steps called within, by path `child.grandchild.port`.

    replacements: functions by path; what they make of an output takes its place.
    """
    seen: dict[str, Any] = {}
    token = _open_tap.set(("", seen, replacements or {}))
    try:
        yield seen
    finally:
        _open_tap.reset(token)


def see(name: str, value: Any) -> Any:
    """A value inside a step, seen by an open tap under its name; gives it back."""
    tap = _open_tap.get()
    if tap is not None:
        tap[1][tap[0] + name] = value
    return value


def step_child(name: str, child: SparkModule, state: Any, inputs: dict[str, Any], params: Any) -> tuple[Any, Any]:
    """One step of a child; its outputs are seen by an open tap under the child's name."""
    tap = _open_tap.get()
    if tap is None:
        return child.step(state, inputs, params)
    prefix, seen, replacements = tap
    path = f"{prefix}{name}."
    token = _open_tap.set((path, seen, replacements))
    try:
        state, outputs = child.step(state, inputs, params)
    finally:
        _open_tap.reset(token)
    outputs = {port: replacements[path + port](value) if path + port in replacements else value
               for port, value in outputs.items()}
    seen.update({path + port: value for port, value in outputs.items()})
    return state, outputs
