"""Expressions as trees, and what can be asked of any of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from spark.equations.errors import ProblemFound

DEEPEST = 100
"""Levels of an expression; deeper ones nobody reads, and they would exhaust the stack."""


@dataclass(frozen=True, eq=False)
class Node:
    """One operation. `op`: `number` and `name` are leaves with their `value`; else an operator or function.

    `at`: offset of what to point at. Nodes are compared by identity, so that they can key memos.
    """

    op: str
    parts: tuple[Node, ...] = ()
    value: Any = None
    at: int = 0
    depth: int = field(init=False, default=1)

    def __post_init__(self) -> None:
        depth = 1 + max((part.depth for part in self.parts), default=0)
        if depth > DEEPEST:
            raise ProblemFound(self.at, "an expression is nested too deeply", found=f"{depth} levels",
                               expected=f"at most {DEEPEST}", hint="give a part of it a name: `part = … : unit`")
        object.__setattr__(self, "depth", depth)


@dataclass(frozen=True)
class Literal:
    """A number as written, and the unit behind it, if any."""

    number: float
    unit: str = ""
    power: int = 1


def names(node: Node) -> Iterator[Node]:
    """Every leaf of an expression that is a name."""
    if node.op == "name":
        yield node
    for part in node.parts:
        yield from names(part)


def number(value: float, at: int = 0) -> Node:
    return Node("number", value=Literal(value), at=at)


def is_number(node: Node, value: float) -> bool:
    return node.op == "number" and not node.value.unit and node.value.number == value


def added(one: Node, other: Node) -> Node:
    """one + other, without adding nought."""
    if is_number(one, 0):
        return other
    return one if is_number(other, 0) else Node("+", (one, other), at=other.at)


def multiplied(one: Node, other: Node) -> Node:
    """one · other, without multiplying by nought or one."""
    if is_number(one, 0) or is_number(other, 1):
        return one
    return other if is_number(other, 0) or is_number(one, 1) else Node("*", (one, other), at=other.at)


def negated(node: Node) -> Node:
    return node if is_number(node, 0) else Node("neg", (node,), at=node.at)
