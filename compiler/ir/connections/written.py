"""The fields of a connection as they are written in a network's text."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, fields
from typing import Any

from compiler.ir.connections.base import Connection

Fault = Callable[[str, str, str], None]
"""Called as fault(message, found, expected)."""


def fields_of(keyword: str, kind: type[Connection], given: Iterable[tuple[str | None, Any]],
              fault: Fault) -> dict[str, Any] | None:
    """Values of a connection's fields by name: leading ones by position, the others by name. None after a fault."""
    names = [item.name for item in fields(kind)]
    values: dict[str, Any] = {}
    for index, (key, value) in enumerate(given):
        name = str(key) if key is not None else (names[index] if index < len(names) else "")
        if name not in names or name in values:
            fault("no such field, or one given twice", name or str(value), ", ".join(names))
            return None
        values[name] = value
    missing = [item.name for item in fields(kind) if item.name not in values and _required(item)]
    wrong = [name for name in values if not _is_a(values[name], typing.get_type_hints(kind)[name])]
    if not missing and not wrong:
        return values
    fault(f"{keyword} lacks fields, or they are of the wrong kind",
          ", ".join([*(f"no {name}" for name in missing), *(f"{n}={values[n]}" for n in wrong)]),
          ", ".join(f"{item.name}: {item.type}" for item in fields(kind)))
    return None


def _required(item: Field) -> bool:
    return item.default is MISSING and item.default_factory is MISSING


def _is_a(value: Any, kind: Any) -> bool:
    """Whether a value of the text belongs to the declared type of a connection's field."""
    origin, of = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return any(_is_a(value, item) for item in of)
    if origin is tuple:
        kinds = of[:1] * len(value) if isinstance(value, tuple) and of[1:] == (...,) else of
        return isinstance(value, tuple) and len(value) == len(kinds) and all(map(_is_a, value, kinds))
    if kind in (int, float) and isinstance(value, bool):
        return False
    return isinstance(value, (int, float) if kind is float else kind)
