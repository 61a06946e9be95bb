"""Which states are integrated together, how, and in which order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from spark.equations.errors import EquationError, Problem, ProblemFound
from spark.equations.linear import Affine, affine
from spark.equations.model import NEW, Model
from spark.equations.tree import Node


@dataclass(frozen=True, eq=False)
class Part:
    """States that one method advances together. `forms`: their right-hand sides where these are taken as sums."""

    method: str
    states: tuple[str, ...]
    forms: tuple[Affine, ...] = ()

    @property
    def coupled(self) -> bool:
        """Whether it takes a matrix exponential rather than one number's."""
        return self.method == "exact" and len(self.states) > 1

    def linked(self, row: int, column: int) -> bool:
        """Whether the derivative of one state contains the other."""
        return self.states[column] in self.forms[row].coefficients

    def reached(self, row: int) -> list[int]:
        """The states that influence one within a step, itself included."""
        found, waiting = {row}, [row]
        while waiting:
            at = waiting.pop()
            new = {column for column in range(len(self.states)) if self.linked(at, column)} - found
            found |= new
            waiting += new
        return sorted(found)

    def matrix_nodes(self) -> Iterator[Node]:
        for form in self.forms:
            yield from form.coefficients.values()


@lru_cache(maxsize=512)
def plan(model: Model, integrator: str) -> tuple[Part, ...]:
    """The parts of a model in the order in which they are advanced.

    `automatic`: the states that are linear in each other with constant coefficients, exactly; of the others those that
    are linear in themselves by exponential Euler, the rest by Euler. Errors: EquationError where `exact`,
    `exponential_euler` or `midpoint` is demanded and impossible, or where `new(x)` goes round in a circle.
    """
    try:
        return tuple(_ordered(model, _PLANS[integrator](model)))
    except _Impossible as found:
        raise EquationError(model.text, found.problems) from None


class _Impossible(Exception):
    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__()


# -- who is linear ----------------------------------------------------------------------------------------------------


def _linear(model: Model) -> tuple[dict[str, Affine], list[Problem]]:
    """The largest set of states that are linear in each other and depend on no others, and why others are not."""
    inside, problems = set(model.equations), []
    while True:
        forms: dict[str, Affine] = {}
        for name in [name for name in model.equations if name in inside]:
            try:
                forms[name] = _linear_form(model, name, inside)
            except ProblemFound as found:
                problems.append(found.problem)
        if len(forms) == len(inside):
            return forms, problems
        inside = set(forms)


def linear_states(model: Model) -> dict[str, Affine]:
    """Right-hand sides of the states that are linear in each other with constant coefficients, by name."""
    return _linear(model)[0]


def _linear_form(model: Model, name: str, inside: set[str]) -> Affine:
    equation = model.equations[name]
    form = affine(model, equation.expression, inside)
    for part in form.coefficients.values():
        if not model.is_constant(part):
            raise ProblemFound(part.at, f"a coefficient of d{name}/dt changes in time", expected="parameters only")
    outside = (set(model.equations) - inside) & model.needs(equation.expression)
    if outside:
        raise ProblemFound(equation.at, f"d{name}/dt depends on what is not linear", found=", ".join(sorted(outside)))
    return form


def _components(forms: dict[str, Affine]) -> list[list[str]]:
    """Sets of states that are linked, in the order of their first ones."""
    group = {name: {name} for name in forms}
    for name, form in forms.items():
        for other in form.coefficients:
            if group[name] is not group[other]:
                union = group[name] | group[other]
                for member in union:
                    group[member] = union
    ordered = [[member for member in forms if member in group[name]] for name in forms]
    return [names for name, names in zip(forms, ordered, strict=True) if names[0] == name]


# -- plans ------------------------------------------------------------------------------------------------------------


def _exact_parts(forms: dict[str, Affine]) -> Iterator[Part]:
    for names in _components(forms):
        yield Part("exact", tuple(names), tuple(forms[name] for name in names))


def _automatic(model: Model) -> Iterable[Part]:
    forms, _ = _linear(model)
    yield from _exact_parts(forms)
    for name in model.equations:
        if name not in forms:
            try:
                yield _exponential_part(model, name)
            except ProblemFound:
                yield Part("euler", (name,))


def _exact(model: Model) -> Iterable[Part]:
    forms, problems = _linear(model)
    if problems:
        hint = "integrator: exponential_euler, midpoint or euler"
        raise _Impossible([_because("exact", problem, hint) for problem in problems])
    return _exact_parts(forms)


def _exponential_part(model: Model, name: str) -> Part:
    form = affine(model, model.equations[name].expression, (name,))
    return Part("exponential_euler" if name in form.coefficients else "euler", (name,), (form,))


def _exponential_euler(model: Model) -> Iterable[Part]:
    parts, problems = [], []
    for name in model.equations:
        try:
            parts.append(_exponential_part(model, name))
        except ProblemFound as found:
            problems.append(_because("exponential_euler", found.problem, "integrator: midpoint or euler"))
    if problems:
        raise _Impossible(problems)
    return parts


def _euler(model: Model) -> Iterable[Part]:
    return [Part("euler", (name,)) for name in model.equations]


def _midpoint(model: Model) -> Iterable[Part]:
    asked = [(equation, name) for equation in model.equations.values()
             for name in sorted(model.needs(equation.expression)) if name.startswith(f"{NEW} ")]
    if asked:
        raise _Impossible([Problem(equation.at, "integrator `midpoint` is impossible here: all states move together",
                                   found=f"new({name.partition(' ')[2]})", hint="integrator: euler")
                           for equation, name in asked])
    return [Part("midpoint", tuple(model.equations))] if model.equations else []


def _because(integrator: str, problem: Problem, hint: str) -> Problem:
    return Problem(problem.at, f"integrator `{integrator}` is impossible here: {problem.message}", problem.found,
                   problem.expected, hint)


_PLANS = {"automatic": _automatic, "exact": _exact, "exponential_euler": _exponential_euler, "euler": _euler,
          "midpoint": _midpoint}


# -- order ------------------------------------------------------------------------------------------------------------


def _ordered(model: Model, parts: Iterable[Part]) -> Iterator[Part]:
    """Parts after those whose new values they ask for."""
    waiting = list(parts)
    ready: set[str] = set()
    while waiting:
        free = next((part for part in waiting if _asked(model, part) <= ready), None)
        if free is None:
            raise _Impossible([Problem(model.equations[part.states[0]].at, "new values go round in a circle",
                                       found=", ".join(f"new({name})" for name in sorted(_asked(model, part) - ready)),
                                       hint="drop `new` in one of the equations") for part in waiting])
        waiting.remove(free)
        ready |= set(free.states)
        yield free


def _asked(model: Model, part: Part) -> set[str]:
    needs = (model.needs(model.equations[name].expression) for name in part.states)
    return {need.partition(" ")[2] for names in needs for need in names if need.startswith(f"{NEW} ")}
