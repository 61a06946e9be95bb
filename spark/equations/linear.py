"""Right-hand sides as sums: coefficients of some states, and the rest."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from spark.equations.errors import ProblemFound
from spark.equations.model import Model
from spark.equations.tree import Node, added, multiplied, negated, number


@dataclass(frozen=True)
class Affine:
    """Σ coefficients[x]·x + rest; neither coefficients nor rest contain the states x."""

    coefficients: dict[str, Node]
    rest: Node


def affine(model: Model, node: Node, states: Collection[str]) -> Affine:
    """An expression as an affine function of some states, through definitions.

    Raises ProblemFound at what is not linear in them.
    """
    return _Affine(model, frozenset(states)).of(node)


class _Affine:
    def __init__(self, model: Model, states: frozenset[str]) -> None:
        self.model, self.states = model, states
        self.known: dict[Node, Affine] = {}

    def of(self, node: Node) -> Affine:
        if node not in self.known:
            self.known[node] = self._form(node)
        return self.known[node]

    def _form(self, node: Node) -> Affine:
        if not self.states & self.model.needs(node):
            return Affine({}, node)
        if node.op == "name":
            if node.value in self.states:
                return Affine({node.value: number(1.0, node.at)}, number(0.0, node.at))
            return self.of(self.model.definitions[node.value].expression)
        if node.op in ("+", "-"):
            one, other = map(self.of, node.parts)
            return _sum(one, other if node.op == "+" else _scaled(other, negated))
        if node.op == "neg":
            return _scaled(self.of(node.parts[0]), negated)
        if node.op in ("*", "/"):
            return self._product(node)
        if node.op == "if":
            return self._conditional(node)
        if node.op == "^" and node.parts[1].op == "number" and node.parts[1].value.number == 1:
            return self.of(node.parts[0])
        raise self._fault(node)

    def _product(self, node: Node) -> Affine:
        one, other = node.parts
        if not self.states & self.model.needs(other):
            if node.op == "/":
                return _scaled(self.of(one), lambda part: Node("/", (part, other), at=node.at))
            return _scaled(self.of(one), lambda part: multiplied(part, other))
        if node.op == "*" and not self.states & self.model.needs(one):
            return _scaled(self.of(other), lambda part: multiplied(one, part))
        raise self._fault(node)

    def _conditional(self, node: Node) -> Affine:
        condition, *cases = node.parts
        if self.states & self.model.needs(condition):
            raise self._fault(node)
        yes, no = map(self.of, cases)
        nought = number(0.0, node.at)

        def chosen(one: Node, other: Node) -> Node:
            return Node("if", (condition, one, other), at=node.at)

        names = yes.coefficients.keys() | no.coefficients.keys()
        return Affine({name: chosen(yes.coefficients.get(name, nought), no.coefficients.get(name, nought))
                       for name in sorted(names)}, chosen(yes.rest, no.rest))

    def _fault(self, node: Node) -> ProblemFound:
        inside = ", ".join(sorted(self.states & self.model.needs(node)))
        what = node.value if node.op == "call" else node.op
        return ProblemFound(node.at, f"`{what}` is not linear in {inside}", found=f"`{what}` of {inside}")


def _sum(one: Affine, other: Affine) -> Affine:
    coefficients = dict(one.coefficients)
    for name, part in other.coefficients.items():
        coefficients[name] = added(coefficients[name], part) if name in coefficients else part
    return Affine(coefficients, added(one.rest, other.rest))


def _scaled(form: Affine, scale: Callable[[Node], Node]) -> Affine:
    rest = form.rest if form.rest.op == "number" and form.rest.value.number == 0 else scale(form.rest)
    return Affine({name: scale(part) for name, part in form.coefficients.items()}, rest)
