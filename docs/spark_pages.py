"""Pages of spark's families, from what their classes declare: dynamics, parameters, units, bounds, source, example."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from spark.core.config import SparkConfig
from spark.core.fields import ConfigField, Field
from spark.core.module import SparkModule
from spark.core.registry import concrete, neurons
from spark.equations import gallery
from spark.nn.components.delays import Delays
from spark.nn.components.learning_rules import LearningRule
from spark.nn.components.somas import Soma
from spark.nn.components.synapses import Synapses
from spark.nn.initializers import Initializer
from spark.nn.interfaces.base import InterfaceConfig

FIGURES = Path(__file__).parent / "figures"
SHARED = ("units", "dt", "dtype", "seed", "surrogate", "surrogate_slope")
"""Fields that every class of a family has; their table stands once, at the top of the page."""


def families() -> dict[str, dict[str, type]]:
    """The classes of each page, by name."""
    return {
        "spark neurons": neurons(), "spark somas": concrete(Soma), "spark synapses": concrete(Synapses),
        "spark delays": concrete(Delays), "spark learning rules": concrete(LearningRule),
        "spark interfaces": {name: cls for name, cls in concrete(SparkModule).items()
                             if issubclass(cls.config_class, InterfaceConfig)},
        "spark initializers": {name: cls for name, cls in concrete(SparkConfig).items()
                               if issubclass(cls, Initializer) and cls is not Initializer},
    }


def page(family: str) -> str:
    """The generated part of a family's page."""
    classes = families()[family]
    shared = _shared(classes.values())
    head = f"Every one of them has these fields:\n\n{_table(shared)}\n" if shared else ""
    return head + "\n".join(_section(cls, shared) for cls in classes.values())


def gallery_text() -> str:
    """Every text of the gallery under its name."""
    return "\n".join(f"## {name}\n\n```eq\n{text.strip()}\n```\n" for name, text in gallery().items())


def _fields(cls: type) -> dict[str, Field]:
    config = getattr(cls, "config_class", cls)
    return dict(config.fields)


def _shared(classes: Iterable[type]) -> dict[str, Field]:
    every = [_fields(cls) for cls in classes]
    return {name: field for name, field in every[0].items()
            if name in SHARED and all(name in fields for fields in every)}


def _section(cls: type, shared: dict[str, Field]) -> str:
    own = {name: field for name, field in _fields(cls).items() if name not in shared}
    file = inspect.getsourcefile(cls)
    assert file is not None
    where = Path(file).relative_to(Path(__file__).parent.parent)
    parts = [f"## {cls.__name__}", f"`from {_public(cls)} import {cls.__name__}`, file [{where}](../{where})",
             *_described(cls), _table(own) if own else "It has no fields of its own.\n"]
    if (FIGURES / f"{cls.__name__}.svg").exists():
        parts.append(f"![{cls.__name__}](figures/{cls.__name__}.svg)\n")
    if cls.__name__ in gallery():
        parts.append(f"Its equations: [{cls.__name__}](spark-gallery.md#{cls.__name__.lower()}).\n")
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _public(cls: type) -> str:
    """The shortest package that offers a class."""
    parts = cls.__module__.split(".")
    for count in range(1, len(parts)):
        package = __import__(".".join(parts[:count]), fromlist=[cls.__name__])
        if cls.__name__ in vars(package):
            return ".".join(parts[:count])
    return cls.__module__


def _described(cls: type) -> list[str]:
    """The docstring as Markdown: paragraphs, and the example as code."""
    text, _, example = (inspect.getdoc(cls) or "").partition(">>> ")
    found = [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]
    found = [re.sub(r"^(Dynamics|Parameters|State|Errors|Source)\b", r"**\1**", part) for part in found]
    return [*(part.replace("|", "\\|").replace("<", "&lt;") for part in found),
            *([f"```python\n>>> {example.strip()}\n```"] if example else [])]


def _table(fields: dict[str, Field]) -> str:
    lines = ["| field | default | unit | allowed | what it is |", "| --- | --- | --- | --- | --- |"]
    for name, field in fields.items():
        cells = [f"`{name}`", _default(field), field.unit, _allowed(field), field.doc]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _default(field: Field) -> str:
    if field.required:
        return "needed"
    value: Any = field.make_default()
    return f"`{value}`" if isinstance(value, (int, float, str)) and "\n" not in str(value) else _named(value)


def _named(value: Any) -> str:
    if isinstance(value, str):
        return "the leaky soma as text"
    return "None" if value is None else f"`{type(value).__name__}()`"


def _allowed(field: Field) -> str:
    bound = getattr(field, "bound", None)
    said = field.allowed if isinstance(field, ConfigField) else field.kind if bound is None else str(bound)
    return said + (" or None" if field.optional and "None" not in said else "")


__all__ = ["families", "gallery_text", "page"]
