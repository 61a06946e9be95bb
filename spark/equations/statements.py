"""What a line of equations says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spark.equations.tree import Node
from spark.equations.units import Unit


@dataclass(frozen=True)
class Statement:
    """One statement: its kind (the name of a rule), the name it is about, and what is said of it."""

    kind: str
    at: int
    name: str = ""
    expression: Any = None
    unit: Unit | None = None
    unit_text: str = ""
    interval: Any = None
    frozen: bool = False
    doc: str = ""


@dataclass(frozen=True)
class Interval:
    """Bounds as written: two (number, unit name or None) pairs and whether each end belongs to it."""

    low: tuple[float, str | None]
    high: tuple[float, str | None]
    open_low: bool
    open_high: bool
    at: int


@dataclass(frozen=True)
class Assignment:
    """`name op expression` of a reset."""

    name: str
    operator: str
    expression: Node
    at: int
