"""The configuration of a soma given by equations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spark.core.faults import ConfigError, Fault, closest, joined
from spark.core.fields import Field, QuantityField, Rejected, choice
from spark.equations.elaborate import elaborated
from spark.equations.model import INTEGRATORS, Model, Parameter
from spark.equations.plan import plan
from spark.nn.components.somas.base import SomaConfig

LEAKY = """\
dv/dt = (v_rest - v + R*I)/tau : mV
tau = 20 ms in (0, 1e7]         "Membrane time constant."
R = 0.1 GΩ in (0, 1e6]          "Membrane resistance."
v_rest = -60 mV                 "Resting potential."
v_reset = -50 mV                "Potential right after a spike."
theta = -40 mV                  "Potential above which a spike is fired."
v(0) = v_rest
threshold: v > theta
reset: v = v_reset
"""


class EquationField(Field):
    """A text of equations."""

    kind = "a text of equations"

    def parse(self, value: Any) -> Any:
        if not isinstance(value, str):
            raise Rejected(self.kind)
        model = elaborated(value)
        plan(model, model.integrator)
        return value


class Given(dict[str, Any]):
    """Values given to parameters by name; equal if all of them are."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, dict) or self.keys() != other.keys():
            return False
        return all(_same(value, other[name]) for name, value in self.items())

    __hash__ = None  # type: ignore[assignment]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return np.array_equal(one, other)
    return bool(one == other)


class GivenField(Field):
    """Values of parameters by name, as a file holds them."""

    kind = "values by parameter name"

    def make_default(self) -> Any:
        return Given()

    def parse(self, value: Any) -> Any:
        if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
            raise Rejected(self.kind)
        return Given(value)


class EquationSomaConfig(SomaConfig):
    """Parameters of EquationSoma. Every parameter that the equations declare is a keyword and an attribute too.

    >>> config = EquationSomaConfig(equations="dv/dt = -v/tau : mV\\ntau = 20 ms in (0, 100]", tau=10)
    >>> config.tau, config.replace(tau=5).tau
    (10.0, 5.0)
    """

    equations: str = EquationField(LEAKY, doc="The text of the model.")  # type: ignore[assignment]
    integrator: str = choice("automatic", options=INTEGRATORS, doc="How the equations are integrated.")
    parameters: dict[str, Any] = GivenField({}, doc="Values of its parameters, by name.")  # type: ignore[assignment]

    @property
    def model(self) -> Model:
        """The text, elaborated."""
        return elaborated(self.equations)

    @property
    def chosen_integrator(self) -> str:
        """The integrator given, else the one that the text names, else `automatic`."""
        return self.integrator if self.given("integrator") else self.model.integrator

    def __getattr__(self, name: str) -> Any:
        values = self.__dict__.get("_values", {})
        declared = elaborated(values["equations"]).parameters if "equations" in values else {}
        if name not in declared:
            raise AttributeError(f"{type(self).__name__} has no field and its equations no parameter {name!r}")
        return values["parameters"].get(name, declared[name].default)

    def given(self, name: str) -> bool:
        return super().given(name) or name in self._values["parameters"]

    # -- keywords --------------------------------------------------------------------------------------------------

    def _apply(self, keywords: Mapping[str, Any], path: str, faults: list[Fault]) -> None:
        if "equations" in keywords:
            self._assign("equations", keywords["equations"], path, faults)
            for name in ("dt", "units"):
                said = getattr(self.model, name)
                if said is not None:
                    self._assign(name, said, path, faults)
        fields = {name: value for name, value in keywords.items()
                  if name not in self.model.parameters and name != "equations"}
        super()._apply(fields, path, faults)
        for name, value in keywords.items():
            if name not in fields and name != "equations":
                self._give(name, value, path, faults)

    def _assign(self, name: str, value: Any, path: str, faults: list[Fault]) -> None:
        super()._assign(name, value, path, faults)
        if name == "parameters":
            given, self._values["parameters"] = self._values["parameters"], Given()
            for inner, entry in given.items():
                self._give(inner, entry, joined(path, name), faults)

    def _give(self, name: str, value: Any, path: str, faults: list[Fault]) -> None:
        parameters = self.model.parameters
        if name not in parameters:
            faults.append(Fault(joined(path, name), value, "a parameter of the equations", closest(name, parameters)))
            return
        try:
            entry = quantity_field(name, parameters[name]).parse(value)
        except Rejected as rejection:
            faults.append(Fault(joined(path, name), value, str(rejection)))
            return
        self._values["parameters"] = Given({**self._values["parameters"], name: entry})
        self._explicit.add("parameters")

    def _share(self, name: str, value: Any, path: str, faults: list[Fault]) -> bool:
        found = super()._share(name, value, path, faults)
        if name not in self.model.parameters:
            return found
        self._give(name, value, path, faults)
        return True

    def _hint(self, name: str, deep: bool = False) -> str:
        return closest(name, {*self.fields, *self.model.parameters})

    # -- validation ------------------------------------------------------------------------------------------------

    def check(self) -> list[Fault]:
        found = super().check()
        for name, value in self._values["parameters"].items():
            if name not in self.model.parameters:
                found.append(Fault(name, value, "a parameter of the equations"))
            else:
                found += quantity_field(name, self.model.parameters[name]).check(name, value, self)
        if not found:
            try:
                plan(self.model, self.chosen_integrator)
            except ConfigError as error:
                found += error.faults
        return found


def quantity_field(name: str, parameter: Parameter) -> QuantityField:
    """The field that a declared parameter is."""
    unit = "" if parameter.unit_text == "1" else parameter.unit_text
    field = QuantityField(parameter.default, bound=parameter.bound, unit=unit, doc=parameter.doc)
    field.__set_name__(EquationSomaConfig, name)
    return field
