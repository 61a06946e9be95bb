"""Finding classes: a file under `spark/nn` is its own registration."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from functools import cache
from typing import Any

from spark.core.faults import ConfigError, Fault, closest

_noted: dict[str, type] = {}
"""Every module and configuration class by qualified name, noted when it is defined."""

_modules: dict[type, type] = {}
"""The module class of each configuration class."""


def note(cls: type) -> None:
    """Remember a class; called when one is defined, so nobody else needs to."""
    _noted[f"{cls.__module__}:{cls.__qualname__}"] = cls


def belongs(config_class: type, module_class: type) -> None:
    """Remember which module a configuration is for; the first one that declares it."""
    _modules.setdefault(config_class, module_class)


def module_of(config_class: type) -> type | None:
    """The module class a configuration is for, or None."""
    return _modules.get(config_class)


@cache
def _import_all() -> None:
    """Import every file under `spark/nn`."""
    package = importlib.import_module("spark.nn")
    for entry in pkgutil.walk_packages(package.__path__, "spark.nn."):
        importlib.import_module(entry.name)


def name_of(cls: type) -> str:
    """The name under which `find` gives this class back: short for spark's own, `module:Class` for others."""
    return cls.__name__ if _own(cls) else f"{cls.__module__}:{cls.__qualname__}"


def find(name: str) -> Any:
    """The class of this name: spark's own by its plain name, a user's by plain or qualified name.

    Nothing is imported but spark itself, so a name from a file cannot load code. Errors: `ConfigError` if there is
    none, or several of a user's with the same plain name.
    """
    _import_all()
    if name in _noted:
        return _noted[name]
    matches = [cls for cls in _noted.values() if cls.__name__ == name]
    own = [cls for cls in matches if _own(cls)]
    if len(own or matches) == 1:
        return (own or matches)[0]
    if matches:
        places = ", ".join(f"{cls.__module__}:{cls.__qualname__}" for cls in matches)
        raise ConfigError("registry", [Fault("name", name, "unambiguous", f"use one of {places}")])
    known = {cls.__name__ for cls in _noted.values() if _own(cls)}
    raise ConfigError("registry", [Fault("name", name, "the name of a class", closest(name, known))])


def concrete(base: type) -> dict[str, type]:
    """Every class of spark that belongs to `base` and can be made, by name."""
    _import_all()
    found = {cls.__name__: cls for cls in _noted.values()
             if _own(cls) and issubclass(cls, base) and not inspect.isabstract(cls)}
    return dict(sorted(found.items()))


def neurons() -> dict[str, type]:
    """Every neuron, by name."""
    from spark.nn.neurons.base import Neuron

    return concrete(Neuron)


def _own(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == "spark"
