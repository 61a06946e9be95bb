"""Values of expressions, in NumPy or JAX."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import jax.numpy as jnp

from spark.equations.dimensions import whole
from spark.equations.model import NEW, OLD, Model
from spark.equations.tree import Node
from spark.equations.units import unit_named

Numbers = Mapping[str, Any]


class Values:
    """What expressions of a model are worth, given its names' numbers (inner units); each is worked out once.

    `numbers`: states, parameters, input, `dt`, the ready flag, and `new x`, `old x` where they are asked for.
    `library`: `numpy` or `jax.numpy`.
    """

    def __init__(self, model: Model, numbers: Numbers, library: Any = jnp) -> None:
        self.model, self.numbers, self.library = model, numbers, library
        self._known: dict[Node, Any] = {}

    def of(self, node: Node) -> Any:
        if node not in self._known:
            self._known[node] = self._value(node)
        return self._known[node]

    def _value(self, node: Node) -> Any:
        if node.op == "number":
            return _literal(node)
        if node.op == "name":
            return self._named(node)
        if node.op == "call":
            return self._called(node)
        if node.op == "^":
            return self._power(node)
        return _OPERATIONS[node.op](self.library, *map(self.of, node.parts))

    def _named(self, node: Node) -> Any:
        name = node.value
        if name in self.numbers:
            return self.numbers[name]
        if name in self.model.definitions:
            return self.of(self.model.definitions[name].expression)
        unit = unit_named(name)
        if unit is None:
            raise KeyError(name)
        return unit.scale

    def _called(self, node: Node) -> Any:
        if node.value in (OLD, NEW):
            return self.numbers[f"{node.value} {node.parts[0].value}"]
        arguments = [self.of(part) for part in node.parts]
        return _FUNCTIONS[node.value](self.library, *arguments)

    def _power(self, node: Node) -> Any:
        base, exponent = node.parts
        power = whole(exponent)
        if power is not None:
            return self.of(base) ** power
        if base.op == "number" and not base.value.unit and base.value.number > 0:
            # An exponential has an integer form, a power of two changing numbers has none.
            return self.library.exp(math.log(base.value.number) * self.of(exponent))
        return self.library.power(self.of(base), self.of(exponent))


def _literal(node: Node) -> float:
    literal = node.value
    unit = unit_named(literal.unit) if literal.unit else None
    return literal.number if unit is None else literal.number * unit.scale ** literal.power


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "+": lambda _, a, b: a + b,
    "-": lambda _, a, b: a - b,
    "*": lambda _, a, b: a * b,
    "/": lambda _, a, b: a / b,
    "neg": lambda _, a: -a,
    "<": lambda _, a, b: a < b,
    ">": lambda _, a, b: a > b,
    "<=": lambda _, a, b: a <= b,
    ">=": lambda _, a, b: a >= b,
    "==": lambda _, a, b: a == b,
    "!=": lambda _, a, b: a != b,
    "and": lambda library, a, b: library.logical_and(a, b),
    "or": lambda library, a, b: library.logical_or(a, b),
    "not": lambda library, a: library.logical_not(a),
    "if": lambda library, condition, yes, no: library.where(condition, yes, no),
}

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": lambda library, a: library.exp(a),
    "log": lambda library, a: library.log(a),
    "sqrt": lambda library, a: library.sqrt(a),
    "tanh": lambda library, a: library.tanh(a),
    "abs": lambda library, a: library.abs(a),
    "min": lambda library, *a: reduce(library.minimum, a),
    "max": lambda library, *a: reduce(library.maximum, a),
    "clip": lambda library, a, low, high: library.minimum(library.maximum(a, low), high),
}
