"""Statements to a model: names, kinds, dimensions, all faults at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from spark.equations.constants import constant
from spark.equations.dimensions import TRUTH, Kind, dimension, require
from spark.equations.errors import EquationError, Problem, ProblemFound
from spark.equations.model import (
    DT,
    FUNCTIONS,
    INPUT,
    INTEGRATORS,
    NEW,
    OLD,
    READY,
    UNNAMED,
    Definition,
    Equation,
    Model,
    Parameter,
)
from spark.equations.parameters import parameter_of
from spark.equations.parse import parse
from spark.equations.statements import Statement
from spark.equations.tree import Node, names
from spark.equations.units import CURRENT, NONE, TIME, Dimension

RESERVED = {DT, READY, OLD, NEW, "t", "inf", "units", "dtype", "seed", "surrogate", "surrogate_slope", "equations",
            "integrator", "parameters", "current", "spikes", "potential", "model", "fields", "replace", "check",
            "children", "faults", "given", "read", "write", *FUNCTIONS}
"""Names that mean something already: to equations, or as fields, methods and ports of a soma."""


@lru_cache(maxsize=256)
def elaborated(text: str) -> Model:
    """The model of a text. Errors: EquationError with everything wrong in it."""
    return _Elaboration(text, parse(text)).model()


@dataclass
class _Elaboration:
    """One elaboration under way."""

    text: str
    statements: list[Statement]
    problems: list[Problem] = field(default_factory=list)
    equations: dict[str, Equation] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    definitions: dict[str, Definition] = field(default_factory=dict)
    known: dict[str, Kind] = field(default_factory=dict)
    input: tuple[str, Dimension] = (INPUT, CURRENT)

    def model(self) -> Model:
        for step in (self._declare, self._order, self._dimensions):
            step()
            if self.problems:
                raise EquationError(self.text, self.problems)
        model = Model(
            self.text, self.equations, self.parameters, self.definitions,
            {item.name: item.expression for item in self._all("initial")}, *self.input,
            threshold=self._said("threshold"), refractory=self._said("refractory"),
            resets=tuple(part for item in self._all("reset") for part in item.expression),
            integrator=self._named("integrator", "automatic"), output=self._named("output", self._read_out()),
            dt=self._said("time_step"), units=self._said("units"))
        self._constants(model)
        if self.problems:
            raise EquationError(self.text, self.problems)
        return model

    def _all(self, kind: str) -> Iterable[Statement]:
        return [item for item in self.statements if item.kind == kind]

    def _only(self, kind: str) -> Statement | None:
        return next(iter(self._all(kind)), None)

    def _said(self, kind: str) -> Any:
        """What the one statement of a kind says, None if there is none."""
        item = self._only(kind)
        return item and item.expression

    def _named(self, kind: str, default: str) -> str:
        item = self._only(kind)
        return item.name if item else default

    def _read_out(self) -> str:
        return "v" if "v" in self.equations else next(iter(self.equations), "")

    def _attempt(self, check: Callable[..., None], *arguments: object) -> None:
        try:
            check(*arguments)
        except ProblemFound as found:
            self.problems.append(found.problem)

    # -- names --------------------------------------------------------------------------------------------------

    def _declare(self) -> None:
        declared: dict[str, Statement] = {}
        for item in self.statements:
            if item.kind in ("differential", "definition", "input"):
                self._attempt(self._require_name, item, declared)
                declared.setdefault(item.name, item)
        for item in declared.values():
            self._attempt(self._declare_one, item, declared)
        for kind in ("threshold", "refractory", "integrator", "output", "input", "time_step", "units"):
            self._attempt(self._require_once, kind)
        for item in self._all("initial"):
            self._attempt(self._require_state, item.name, item.at, "a start value")
        self._attempt(self._require_one_start)
        self._attempt(self._require_parts)
        if self.input[0] in declared and not self._all("input"):
            self.input = (UNNAMED, CURRENT)
        self.known.update({DT: TIME, self.input[0]: self.input[1]})
        if self._only("refractory"):
            self.known[READY] = TRUTH

    def _require_name(self, item: Statement, declared: dict[str, Statement]) -> None:
        name = item.name
        if name in declared:
            first = self.text.count("\n", 0, declared[name].at) + 1
            raise ProblemFound(item.at, f"`{name}` is declared twice", found=f"`{name}`, also in line {first}",
                               expected="one declaration")
        if name in RESERVED:
            raise ProblemFound(item.at, f"the name `{name}` is taken", found=f"`{name}`", hint="choose another name")
        if not name.isascii() or name.startswith("_") or "__" in name:
            raise ProblemFound(item.at, "a name is made of ASCII letters, digits and single underscores",
                               found=f"`{name}`", hint="spell it out, for example tau for τ")

    def _declare_one(self, item: Statement, declared: dict[str, Statement]) -> None:
        if item.kind == "differential":
            assert item.unit is not None
            self.equations[item.name] = Equation(item.expression, item.unit.dimension, item.frozen, item.at)
            self.known[item.name] = item.unit.dimension
        elif item.kind == "input":
            assert item.unit is not None
            if item.unit.scale != 1:
                raise ProblemFound(item.at, "an input arrives in ms, mV, pA and what follows from them",
                                   found=item.unit_text, expected=str(item.unit.dimension))
            self.input = (item.name, item.unit.dimension)
        else:
            self._declare_definition(item, declared)

    def _declare_definition(self, item: Statement, declared: dict[str, Statement]) -> None:
        value = constant(item.expression, declared)
        if value is not None:
            self.parameters[item.name] = parameter = parameter_of(item, value)
            self.known[item.name] = parameter.unit.dimension
            return
        if item.unit is None:
            raise ProblemFound(item.at, f"`{item.name}` needs its unit", expected=f"{item.name} = … : unit",
                               hint="only a parameter, a number with its unit, goes without")
        if item.interval is not None:
            raise ProblemFound(item.interval.at, "only a parameter has bounds", found=f"`{item.name}`",
                               hint="a parameter is a number with its unit")
        self.definitions[item.name] = Definition(item.expression, item.unit.dimension, item.at)
        self.known[item.name] = item.unit.dimension

    def _require_once(self, kind: str) -> None:
        for item in list(self._all(kind))[1:]:
            raise ProblemFound(item.at, f"there are two statements `{kind}`", expected="one")

    def _require_one_start(self) -> None:
        started: set[str] = set()
        for item in self._all("initial"):
            if item.name in started:
                raise ProblemFound(item.at, f"`{item.name}` has two start values", expected="one")
            started.add(item.name)

    def _require_state(self, name: str, at: int, what: str) -> None:
        if name not in self.equations:
            raise ProblemFound(at, f"{what} belongs to a state", found=f"`{name}`",
                               expected=", ".join(self.equations) or "a name with a differential equation")

    def _require_parts(self) -> None:
        threshold, output, integrator = self._only("threshold"), self._only("output"), self._only("integrator")
        for kind in ("reset", "refractory"):
            item = self._only(kind)
            if item and not threshold:
                raise ProblemFound(item.at, f"a `{kind}` without a threshold", hint="add `threshold: v > …`")
        if output and threshold:
            raise ProblemFound(output.at, "a model with a threshold puts out spikes", found=f"`{output.name}`",
                               hint="leave `output` out")
        if output:
            self._require_state(output.name, output.at, "an output")
        if integrator and integrator.name not in INTEGRATORS:
            raise ProblemFound(integrator.at, f"there is no integrator `{integrator.name}`",
                               found=f"`{integrator.name}`", expected=", ".join(INTEGRATORS))
        frozen = next((item for item in self._all("differential") if item.frozen), None)
        if frozen and not self._only("refractory"):
            raise ProblemFound(frozen.at, "`unless refractory` without a refractory time",
                               hint="add `refractory: 2 ms`")
        if not self.equations and not threshold:
            raise ProblemFound(0, "there is no differential equation", expected="dv/dt = … : mV")

    # -- definitions in terms of each other ------------------------------------------------------------------------

    def _order(self) -> None:
        """Find definitions that need themselves."""
        done: set[str] = set()
        for name in self.definitions:
            self._attempt(self._visit, name, [], done)

    def _visit(self, name: str, path: list[str], done: set[str]) -> None:
        if name in path:
            cycle = " → ".join([*path[path.index(name):], name])
            raise ProblemFound(self.definitions[name].at, f"`{name}` is defined by itself", found=cycle,
                               hint="a quantity with a memory is a state: d…/dt")
        if name in done:
            return
        if len(path) > 50:
            raise ProblemFound(self.definitions[name].at, "definitions build on each other too deeply")
        for part in names(self.definitions[name].expression):
            if part.value in self.definitions:
                self._visit(part.value, [*path, name], done)
        done.add(name)

    # -- dimensions --------------------------------------------------------------------------------------------------

    def _dimensions(self) -> None:
        for name, equation in self.equations.items():
            self._attempt(self._require_dimension, equation.expression, equation.dimension / TIME,
                          f"the right-hand side of d{name}/dt", f"a derivative is per time: {name} is "
                          f"{'' if equation.dimension == NONE else 'in '}{equation.dimension}")
        for name, definition in self.definitions.items():
            self._attempt(self._require_dimension, definition.expression, definition.dimension, f"`{name}`")
        for item in self._all("initial"):
            self._attempt(self._require_dimension, item.expression, self.known[item.name], f"`{item.name}(0)`")
        if item := self._only("threshold"):
            self._attempt(self._require_truth, item.expression)
        if item := self._only("refractory"):
            self._attempt(self._require_dimension, item.expression, TIME, "the refractory time")
        for item in self._all("reset"):
            for assignment in item.expression:
                self._attempt(self._require_assignment, assignment)

    def _kind(self, node: Node) -> Kind:
        return dimension(node, self.known, self.equations)

    def _require_dimension(self, node: Node, wanted: Kind, what: str, hint: str = "") -> None:
        require(node, self._kind(node), wanted, what, hint)

    def _require_truth(self, node: Node) -> None:
        kind = self._kind(node)
        if kind != TRUTH:
            raise ProblemFound(node.at, "a threshold is a condition", found=str(kind), expected=TRUTH,
                               hint="compare: `threshold: v > theta`")

    def _require_assignment(self, assignment: object) -> None:
        name, operator, node = assignment.name, assignment.operator, assignment.expression  # type: ignore[attr-defined]
        self._require_state(name, assignment.at, "a reset")  # type: ignore[attr-defined]
        wanted = self.known[name] if operator in ("=", "+=", "-=") else NONE
        self._require_dimension(node, wanted, f"what `{name}` is reset by")

    def _constants(self, model: Model) -> None:
        """What must not depend on anything that changes."""
        for item in (*self._all("initial"), *self._all("refractory")):
            if not model.is_constant(item.expression):
                what = f"the start value of `{item.name}`" if item.name else "the refractory time"
                changing = sorted(model.needs(item.expression) - set(model.parameters) - {DT})
                self.problems.append(Problem(item.expression.at, f"{what} depends on what changes in time",
                                             found=", ".join(changing), expected="parameters only"))
