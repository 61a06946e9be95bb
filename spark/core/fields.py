"""What a configuration can declare: fields with unit, bound and sentence.

Each field is a descriptor, so that a configuration class reads like its own table of parameters:

    potential_tau: Quantity = quantity(20.0, unit="ms", bound=above(0), doc="Membrane time constant.")
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from spark.core.faults import Fault, brief

Quantity: TypeAlias = Any
"""A float, an array of shape `units`, or an initializer."""

NO_DEFAULT = object()
WHOLE = (int, np.integer)
REAL = (int, float, np.integer, np.floating)


@dataclass(frozen=True)
class Bound:
    """An interval; an open end does not belong to it."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    def holds(self, value: np.ndarray) -> bool:
        above_low = value > self.low if self.open_low else value >= self.low
        below_high = value < self.high if self.open_high else value <= self.high
        return bool(np.all(above_low & below_high))

    def __str__(self) -> str:
        low = f"{'>' if self.open_low else '>='} {self.low:g}" if self.low > -math.inf else ""
        high = f"{'<' if self.open_high else '<='} {self.high:g}" if self.high < math.inf else ""
        return " and ".join(part for part in (low, high) if part) or "finite"


def above(low: float) -> Bound:
    return Bound(low=low, open_low=True)


def at_least(low: float) -> Bound:
    return Bound(low=low)


def between(low: float, high: float) -> Bound:
    return Bound(low=low, high=high)


ANY = Bound()


class Field:
    """One declared entry of a configuration.

    `parse` turns what the user gave into the stored form or raises `Rejected`; `check` yields the faults of a
    stored value. `optional` fields take None; `inherited` ones take their parent's value unless given.
    """

    kind = "value"

    def __init__(self, default: Any = NO_DEFAULT, *, doc: str = "", unit: str = "", optional: bool = False,
                 inherited: bool = False) -> None:
        self.default = default
        self.doc = doc
        self.unit = unit
        self.optional = optional
        self.inherited = inherited
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else instance._values[self.name]

    @property
    def required(self) -> bool:
        return self.default is NO_DEFAULT

    def make_default(self) -> Any:
        return None if self.required else self.default

    def parse(self, value: Any) -> Any:
        return value

    def check(self, path: str, value: Any, config: Any) -> list[Fault]:
        return []

    @property
    def allowed(self) -> str:
        return self.kind


class Rejected(ValueError):
    """A value that no bound can save: wrong kind of thing. The text says what is allowed."""


class QuantityField(Field):
    """A real number, an array of shape `units`, or an initializer that draws one.

    `extent` says which arrays are allowed: 'scalar' none, 'units' the shape of the pool, 'any' every shape (checked
    where the shape is known).
    """

    kind = "a number"

    def __init__(self, default: Any = NO_DEFAULT, *, bound: Bound = ANY, extent: str = "units", **rest: Any) -> None:
        super().__init__(default, **rest)
        self.bound = bound
        self.extent = extent

    @property
    def allowed(self) -> str:
        return f"{self.bound}{' ' + self.unit if self.unit else ''}"

    def parse(self, value: Any) -> Any:
        if isinstance(value, (bool, str, bytes)):
            raise Rejected(self.accepted)
        if isinstance(value, REAL):
            return float(value)
        if hasattr(value, "sample") and self.extent != "scalar":
            return value
        try:
            array = np.asarray(value, dtype=np.float64)
        except (TypeError, ValueError):
            raise Rejected(self.accepted) from None
        if array.ndim == 0:
            return float(array)
        if self.extent == "scalar":
            raise Rejected(self.accepted)
        array = array.copy()
        array.setflags(write=False)
        return array

    @property
    def accepted(self) -> str:
        return "a number" if self.extent == "scalar" else "a number, an array of numbers or an initializer"

    def check(self, path: str, value: Any, config: Any) -> list[Fault]:
        if hasattr(value, "sample"):
            return value.faults(path)
        return self.check_array(path, np.asarray(value), getattr(config, "units", None))

    def check_array(self, path: str, array: np.ndarray, units: tuple[int, ...] | None) -> list[Fault]:
        """The faults of numbers, whether given or drawn."""
        faults = []
        if self.extent == "units" and array.ndim and units is not None and array.shape != tuple(units):
            faults.append(Fault(path, f"array of shape {array.shape}", f"of shape {tuple(units)} (units) or a scalar"))
        if not np.all(np.isfinite(array)):
            faults.append(Fault(path, offender(array, ~np.isfinite(array)), "finite"))
        elif not self.bound.holds(array):
            wrong = np.array([not self.bound.holds(entry) for entry in array.ravel()]).reshape(array.shape)
            faults.append(Fault(path, offender(array, wrong), self.allowed))
        return faults


def offender(array: np.ndarray, wrong: np.ndarray) -> Any:
    """The first wrong entry: the number itself, or the number with its index."""
    if array.ndim == 0:
        return float(array)
    index = tuple(int(axis[0]) for axis in np.nonzero(wrong))
    return Entry(float(array[index]), index)


@dataclass(frozen=True)
class Entry:
    """A number out of an array, shown with its place."""

    value: float
    index: tuple[int, ...]

    def __repr__(self) -> str:
        return f"{self.value!r} at {list(self.index)}"


class IntegerField(Field):
    kind = "an integer"

    def __init__(self, default: Any = NO_DEFAULT, *, bound: Bound = ANY, **rest: Any) -> None:
        super().__init__(default, **rest)
        self.bound = bound

    @property
    def allowed(self) -> str:
        return "an integer" if self.bound == ANY else f"an integer {self.bound}"

    def parse(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, REAL) or not float(value).is_integer():
            raise Rejected(self.allowed)
        return int(value)

    def check(self, path: str, value: Any, config: Any) -> list[Fault]:
        return [] if self.bound.holds(np.asarray(value)) else [Fault(path, value, self.allowed)]


class FlagField(Field):
    kind = "True or False"

    def parse(self, value: Any) -> Any:
        if not isinstance(value, (bool, np.bool_)):
            raise Rejected(self.kind)
        return bool(value)


class ChoiceField(Field):
    def __init__(self, default: Any = NO_DEFAULT, *, options: tuple[str, ...], **rest: Any) -> None:
        super().__init__(default, **rest)
        self.options = options
        self.kind = "one of " + ", ".join(repr(option) for option in options)

    def parse(self, value: Any) -> Any:
        name = value if isinstance(value, str) else getattr(value, "__name__", None) or str(value)
        if name not in self.options:
            raise Rejected(self.kind)
        return name


class ShapeField(Field):
    kind = "a tuple of positive integers"

    def parse(self, value: Any) -> Any:
        sizes = (value,) if isinstance(value, WHOLE) else value
        if isinstance(sizes, (str, bytes)) or not hasattr(sizes, "__iter__"):
            raise Rejected(self.kind)
        shape = tuple(sizes)
        if not shape or not all(isinstance(n, WHOLE) and not isinstance(n, bool) and n > 0 for n in shape):
            raise Rejected(self.kind)
        return tuple(int(n) for n in shape)


class ConfigField(Field):
    """A nested configuration. `base` is the class it must belong to, or a function returning that class."""

    def __init__(self, default: Callable[[], Any] | None | object = NO_DEFAULT, *, base: Callable[..., Any],
                 **rest: Any) -> None:
        super().__init__(default, **rest)
        self.base = base

    @property
    def base_class(self) -> type:
        return self.base if isinstance(self.base, type) else self.base()

    @property
    def allowed(self) -> str:
        return f"a {self.base_class.__name__}{' or None' if self.optional else ''}"

    def make_default(self) -> Any:
        return self.default() if callable(self.default) else None

    def parse(self, value: Any) -> Any:
        if isinstance(value, type) and issubclass(value, self.base_class):
            return value()
        if not isinstance(value, self.base_class):
            raise Rejected(self.allowed)
        return value


def quantity(default: Any = NO_DEFAULT, **rest: Any) -> Any:
    return QuantityField(default, **rest)


def integer(default: Any = NO_DEFAULT, **rest: Any) -> Any:
    return IntegerField(default, **rest)


def flag(default: Any = NO_DEFAULT, **rest: Any) -> Any:
    return FlagField(default, **rest)


def choice(default: Any = NO_DEFAULT, **rest: Any) -> Any:
    return ChoiceField(default, **rest)


def shape(default: Any = NO_DEFAULT, **rest: Any) -> Any:
    return ShapeField(default, **rest)


def nested(default: Any = NO_DEFAULT, **rest: Any) -> Any:
    return ConfigField(default, **rest)


__all__ = [
    "ANY", "Bound", "ChoiceField", "ConfigField", "Entry", "Field", "FlagField", "IntegerField", "Quantity",
    "QuantityField", "Rejected", "ShapeField", "above", "at_least", "between", "brief", "choice", "flag", "integer",
    "nested", "quantity", "shape",
]
