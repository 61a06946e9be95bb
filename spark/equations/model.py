"""What a text of equations declares: states, parameters, definitions, threshold, reset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from spark.core.fields import Bound
from spark.equations.statements import Assignment
from spark.equations.tree import Node
from spark.equations.units import CURRENT, Dimension, Unit

INPUT = "I"
UNNAMED = "unnamed input"
"""The input of a text that calls something else `I` and names no input."""
DT, READY = "dt", "not_refractory"
FUNCTIONS = {"exp": 1, "log": 1, "sqrt": 1, "tanh": 1, "abs": 1, "min": 2, "max": 2, "clip": 3}
"""Functions and how many arguments they take (min and max: at least)."""
OLD, NEW = "old", "new"
INTEGRATORS = ("automatic", "exact", "exponential_euler", "euler", "midpoint")


@dataclass(frozen=True)
class Equation:
    """A differential equation: what its derivative is. `frozen`: the state stands still while refractory."""

    expression: Node
    dimension: Dimension
    frozen: bool
    at: int


@dataclass(frozen=True)
class Parameter:
    """A parameter: default and bound in its declared unit, `unit_text` as written."""

    default: float
    unit: Unit
    unit_text: str
    bound: Bound
    doc: str
    at: int


@dataclass(frozen=True)
class Definition:
    """An algebraic line: a name for an expression, worked out anew wherever it stands."""

    expression: Node
    dimension: Dimension
    at: int


@dataclass(frozen=True, eq=False)
class Model:
    """A text of equations, checked. Everything by name, in the order of the text."""

    text: str
    equations: Mapping[str, Equation] = field(default_factory=dict)
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    definitions: Mapping[str, Definition] = field(default_factory=dict)
    starts: Mapping[str, Node] = field(default_factory=dict)
    input: str = INPUT
    input_dimension: Dimension = CURRENT
    threshold: Node | None = None
    resets: tuple[Assignment, ...] = ()
    refractory: Node | None = None
    integrator: str = "automatic"
    output: str = ""
    dt: float | None = None
    units: tuple[int, ...] | None = None

    @property
    def counter(self) -> str:
        """The state that counts steps since the last spike."""
        return "n_refractory" if "n" in self.equations or "n" in self.parameters else "n"

    def needs(self, node: Node) -> frozenset[str]:
        """The names an expression depends on, through its definitions: states, parameters, input, `dt`, the ready
        flag; of `new(x)` and `old(x)`, `new x` and `old x`."""
        found: set[str] = set()
        seen: set[str] = set()
        waiting = [node]
        while waiting:
            part = waiting.pop()
            if part.op == "call" and part.value in (OLD, NEW):
                found.add(f"{part.value} {part.parts[0].value}")
            elif part.op == "name" and part.value in self.definitions:
                if part.value not in seen:
                    seen.add(part.value)
                    waiting.append(self.definitions[part.value].expression)
            elif part.op == "name":
                found.add(part.value)
            else:
                waiting.extend(part.parts)
        return frozenset(found)

    def is_constant(self, node: Node) -> bool:
        """Whether an expression depends on nothing that changes from step to step."""
        return not any(name in self.equations or name in (self.input, READY) or " " in name
                       for name in self.needs(node))
