"""Configurations: immutable, declared field by field, validated as a whole."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Self

import numpy as np

from spark.core import registry
from spark.core.faults import ConfigError, Fault, closest, joined
from spark.core.fields import (
    ANY,
    NO_DEFAULT,
    Bound,
    ConfigField,
    Field,
    Quantity,
    Rejected,
    above,
    at_least,
    between,
    choice,
    flag,
    integer,
    nested,
    quantity,
    shape,
)

__all__ = [
    "ANY", "Bound", "ConfigError", "Fault", "Field", "Quantity", "SparkConfig", "above", "at_least", "between",
    "choice", "flag", "integer", "nested", "quantity", "shape",
]

SHARED = "_s_"
NESTED = "__"


class SparkConfig:
    """Base of every configuration.

    Keywords: `x=v` sets field x; `a__b=v` sets field b of the nested configuration a; `_s_x=v` sets x at every level
    that has it. What is nearer to a field wins: `a__b` over `_s_b`, an own keyword over both. A nested configuration
    that is given replaces the default one. Fields declared as inherited (dt, dtype, units, seed) come from the
    enclosing configuration unless they were given.

    A configuration never changes: `replace` makes another one. Two are equal when class and values are.

    Errors: `ConfigError` with every fault: unknown keywords and wrong kinds always, bounds unless
    `__skip_validation__`.

    >>> from spark.nn.neurons import LIFNeuronConfig
    >>> config = LIFNeuronConfig(units=(4,), dt=0.5, soma__potential_tau=10.0)
    >>> config.soma.potential_tau, config.soma.dt
    (10.0, 0.5)
    """

    fields: ClassVar[dict[str, Field]] = {}
    _values: dict[str, Any]
    _explicit: set[str]

    def __init_subclass__(cls, **rest: Any) -> None:
        super().__init_subclass__(**rest)
        registry.note(cls)
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Field)}
        inherited = {name: field for base in reversed(cls.__mro__[1:]) for name, field in
                     getattr(base, "fields", {}).items()}
        cls.fields = inherited | own
        cls.__signature__ = _signature(cls.fields)  # type: ignore[attr-defined]

    def __init__(self, __skip_validation__: bool = False, **keywords: Any) -> None:
        self._start({name: field.make_default() for name, field in self.fields.items()}, set())
        self._finish(keywords, __skip_validation__)

    def _start(self, values: dict[str, Any], explicit: set[str]) -> None:
        own = {name: value._copy() if isinstance(value, SparkConfig) else value for name, value in values.items()}
        object.__setattr__(self, "_values", own)
        object.__setattr__(self, "_explicit", set(explicit))

    def _finish(self, keywords: Mapping[str, Any], skip_validation: bool) -> None:
        faults: list[Fault] = []
        self._apply(keywords, "", faults)
        self._hand_down()
        if not skip_validation:
            spoiled = {fault.path for fault in faults}
            faults += [fault for fault in self.faults() if fault.path not in spoiled]
        if faults:
            raise ConfigError(type(self).__name__, faults)

    def _copy(self) -> Self:
        twin = object.__new__(type(self))
        twin._start(self._values, self._explicit)
        return twin

    def replace(self, **keywords: Any) -> Self:
        """Another configuration with these keywords applied to the values of this one."""
        twin = self._copy()
        twin._finish(keywords, False)
        return twin

    def given(self, name: str) -> bool:
        """Whether the field was set by somebody, rather than left at its default or inherited."""
        return name in self._explicit

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{type(self).__name__} does not change; use replace({name}=…)")

    # -- keywords -----------------------------------------------------------------------------------------------

    def _apply(self, keywords: Mapping[str, Any], path: str, faults: list[Fault]) -> None:
        own = {name: value for name, value in keywords.items() if name in self.fields}
        for name in sorted(own, key=lambda name: not isinstance(self.fields[name], ConfigField)):
            if isinstance(self.fields[name], ConfigField):
                self._assign(name, own[name], path, faults)
        for name, value in keywords.items():
            if name.startswith(SHARED) and not self._share(name[len(SHARED):], value, path, faults):
                hint = self._hint(name[len(SHARED):], deep=True)
                faults.append(Fault(joined(path, name), value, "a field of some level", hint))
        for name, value in own.items():
            if not isinstance(self.fields[name], ConfigField):
                self._assign(name, value, path, faults)
        self._apply_nested(keywords, path, faults)

    def _apply_nested(self, keywords: Mapping[str, Any], path: str, faults: list[Fault]) -> None:
        groups: dict[str, dict[str, Any]] = {}
        for name, value in keywords.items():
            if name in self.fields or name.startswith(SHARED):
                continue
            head, _, rest = name.partition(NESTED)
            if not rest or not isinstance(self.fields.get(head), ConfigField):
                faults.append(Fault(joined(path, name), value, "a known field", self._hint(head)))
                continue
            groups.setdefault(head, {})[rest] = value
        for head, inner in groups.items():
            child = self._values[head]
            where = joined(path, head)
            if child is None:
                hint = f"{where} is None here; give {head}=…Config(…) first"
                faults += [Fault(joined(where, name), value, "set on a configuration", hint)
                           for name, value in inner.items()]
                continue
            child._apply(inner, where, faults)
            self._explicit.add(head)

    def _assign(self, name: str, value: Any, path: str, faults: list[Fault]) -> None:
        field = self.fields[name]
        if value is None and (field.optional or field.default is None):
            parsed = None
        else:
            try:
                parsed = field.parse(value)
            except Rejected as rejection:
                faults.append(Fault(joined(path, name), value, str(rejection)))
                return
        self._values[name] = parsed._copy() if isinstance(parsed, SparkConfig) else parsed
        self._explicit.add(name)

    def _share(self, name: str, value: Any, path: str, faults: list[Fault]) -> bool:
        found = name in self.fields
        if found:
            self._assign(name, value, path, faults)
        for child_name, child in self.children().items():
            found |= child._share(name, value, joined(path, child_name), faults)
        return found

    def _hint(self, name: str, deep: bool = False) -> str:
        known = set(self.fields)
        if deep:
            known |= {inner for child in self.children().values() for inner in child.fields}
        return closest(name, known)

    # -- inheritance and validation -------------------------------------------------------------------------------

    def children(self) -> dict[str, SparkConfig]:
        """The nested configurations by field name (initializers are values, not children)."""
        return {name: value for name, value in self._values.items()
                if isinstance(self.fields[name], ConfigField) and isinstance(value, SparkConfig)}

    def _hand_down(self) -> None:
        for child in self.children().values():
            for name, field in child.fields.items():
                if field.inherited and name in self.fields and name not in child._explicit:
                    child._values[name] = self._values[name]
            child._hand_down()

    def faults(self, path: str = "", enclosing: Collection[str] = ()) -> list[Fault]:
        """Every fault of this configuration and the ones inside it.

        `enclosing`: fields of the configuration around it; what was inherited from there is checked there.
        """
        found: list[Fault] = []
        for name, field in self.fields.items():
            where, value = joined(path, name), self._values[name]
            if field.inherited and name in enclosing and name not in self._explicit:
                continue
            if isinstance(value, SparkConfig) and isinstance(field, ConfigField):
                found += value.faults(where, self.fields)
            elif value is not None:
                found += field.check(where, value, self)
            elif not (field.optional or field.default is None):
                found.append(Fault(where, None, field.allowed, "this field is required" if field.required else ""))
        if not found:
            found = [Fault(joined(path, fault.path), fault.value, fault.bound, fault.hint) for fault in self.check()]
        return found

    def check(self) -> list[Fault]:
        """Faults that concern several fields at once; called when each field alone is right."""
        return []

    # -- as a value -----------------------------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(_same(value, other._values[name]) for name, value in self._values.items())  # type: ignore

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={self._values[name]!r}" for name in self.fields if name in self._explicit)
        return f"{type(self).__name__}({shown})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self._values, self._explicit)

    def write(self, path: Any, compressed: bool = False) -> None:
        """Write an `.scfg` file (JSON; xz-compressed on demand)."""
        from spark.core.scfg import write

        write(self, path, compressed)

    @classmethod
    def read(cls, path: Any) -> Self:
        """Read an `.scfg` file, plain or xz. Errors: `ConfigError` for unknown keys, types and values out of bounds."""
        from spark.core.scfg import read

        config = read(path)
        if not isinstance(config, cls):
            raise ConfigError(str(path), [Fault("__type__", type(config).__name__, f"a {cls.__name__}")])
        return config


def _restore(cls: type[SparkConfig], values: dict[str, Any], explicit: set[str]) -> SparkConfig:
    config = object.__new__(cls)
    config._start(values, explicit)
    return config


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        one, other = np.asarray(one), np.asarray(other)
        return one.dtype == other.dtype and np.array_equal(one, other)
    return bool(one == other)


def _signature(fields: Mapping[str, Field]) -> inspect.Signature:
    names = sorted(fields, key=lambda name: not fields[name].required)
    kind = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(name, kind) if fields[name].default is NO_DEFAULT
        else inspect.Parameter(name, kind, default=fields[name].default) for name in names
    ]
    return inspect.Signature([*parameters, inspect.Parameter("nested", inspect.Parameter.VAR_KEYWORD)])
