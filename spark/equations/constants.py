"""Constants: expressions of numbers and units only, which is what makes a definition a parameter."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from spark.equations.dimensions import whole
from spark.equations.tree import Node
from spark.equations.units import NONE, Unit, unit_named


@dataclass(frozen=True)
class Constant:
    """A number times a unit; `above` and `below` are the factors of the unit as written."""

    number: float
    unit: Unit = Unit(NONE)
    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        upper = "*".join(self.above) or "1"
        if not self.below:
            return upper
        lower = "*".join(self.below)
        return f"{upper}/({lower})" if len(self.below) > 1 else f"{upper}/{lower}"


def constant(node: Node, declared: Container[str]) -> Constant | None:
    """The constant that an expression is, or None. Names that are declared are not units."""
    if node.op == "number":
        literal = node.value
        if not literal.unit:
            return Constant(literal.number)
        power = "" if literal.power == 1 else f"^{literal.power}"
        return Constant(literal.number, _unit(literal.unit) ** literal.power, (literal.unit + power,))
    if node.op == "name" and node.value not in declared and unit_named(node.value) is not None:
        return Constant(1.0, _unit(node.value), (node.value,))
    parts = [constant(part, declared) for part in node.parts] if node.op in ("neg", "*", "/", "^") else [None]
    if None in parts:
        return None
    return _combined(node, [part for part in parts if part is not None])


def _combined(node: Node, parts: list[Constant]) -> Constant | None:
    one, other = parts[0], parts[-1]
    if node.op == "neg":
        return Constant(-one.number, one.unit, one.above, one.below)
    if node.op == "*":
        return Constant(one.number * other.number, one.unit * other.unit, one.above + other.above,
                        one.below + other.below)
    if node.op == "/":
        if other.number == 0:
            return None
        return Constant(one.number / other.number, one.unit / other.unit, one.above + other.below,
                        one.below + other.above)
    power = whole(node.parts[1])
    if power is None or one.above[1:] or one.below or (one.number == 0 and power < 0) or abs(one.number) > 1e6:
        return None
    return Constant(one.number ** power, one.unit ** power, tuple(f"{name}^{power}" for name in one.above))


def _unit(name: str) -> Unit:
    unit = unit_named(name)
    return Unit(NONE) if unit is None else unit
