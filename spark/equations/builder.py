"""Lark's tree of one line to its statement."""

from __future__ import annotations

import math
from typing import Any

from lark import Token, Transformer, v_args

from spark.core.faults import closest
from spark.equations.errors import ProblemFound
from spark.equations.statements import Assignment, Interval, Statement
from spark.equations.tree import Literal, Node
from spark.equations.units import NONE, TIME, Unit, symbol_of, unit_named

HIGHEST_POWER = 64


@v_args(inline=True)
class Builder(Transformer):
    """Lark's tree to statements and nodes."""

    def __init__(self, line: str, start: int) -> None:
        super().__init__()
        self.line, self.start = line, start

    def _place(self, token: Any) -> int:
        return self.start + int(token.start_pos or 0)

    # -- statements ---------------------------------------------------------------------------------------------

    def differential(self, derivative: Token, expression: Node, unit: tuple[Unit, str], *frozen: Any) -> Statement:
        name = str(derivative)[1:].partition("/")[0].strip()
        text = self.line.replace(" ", "").replace("\t", "")
        return Statement("differential", self._place(derivative), name, expression, *unit,
                         frozen=text.endswith("(unlessrefractory)"))

    def definition(self, name: Token, expression: Node, unit: Any, interval: Any, doc: Any) -> Statement:
        unit, unit_text = unit or (None, "")
        return Statement("definition", self._place(name), str(name), expression, unit, unit_text, interval,
                         doc=str(doc)[1:-1] if doc else "")

    def initial(self, name: Token, zero: Token, expression: Node) -> Statement:
        if float(zero) != 0:
            raise ProblemFound(self._place(zero), "a start value is that of time 0", found=str(zero), expected="0")
        return Statement("initial", self._place(name), str(name), expression)

    def input(self, name: Token, unit: tuple[Unit, str]) -> Statement:
        return Statement("input", self._place(name), str(name), None, *unit)

    def threshold(self, expression: Node) -> Statement:
        return Statement("threshold", self._first(), expression=expression)

    def refractory(self, expression: Node) -> Statement:
        return Statement("refractory", self._first(), expression=expression)

    def reset(self, *assignments: Any) -> Statement:
        return Statement("reset", self._first(), expression=tuple(item for item in assignments if item is not None))

    def integrator(self, name: Token) -> Statement:
        return Statement("integrator", self._place(name), str(name))

    def output(self, name: Token) -> Statement:
        return Statement("output", self._place(name), str(name))

    def time_step(self, digits: Token, name: Token) -> Statement:
        unit = unit_named(self._known(name))
        if unit is None or unit.dimension != TIME:
            raise ProblemFound(self._place(name), "a time step is a time", found=f"`{name}`", expected="ms")
        return Statement("time_step", self._place(digits), expression=float(f"{self._value(digits) * unit.scale:.15g}"))

    def units(self, *sizes: Token | None) -> Statement:
        given = [token for token in sizes if token is not None]
        for token in given:
            if not str(token).isdigit() or int(token) == 0:
                raise ProblemFound(self._place(token), "units are counted", found=str(token),
                                   expected="a positive whole number, or several as in (4, 4)")
        return Statement("units", self._place(given[0]), expression=tuple(map(int, given)))

    def assignment(self, name: Token, operator: Token, expression: Node) -> Assignment:
        return Assignment(str(name), str(operator), expression, self._place(name))

    def _first(self) -> int:
        return self.start + len(self.line) - len(self.line.lstrip())

    # -- bounds and units ----------------------------------------------------------------------------------------

    def interval(self, opening: Token, low: Any, high: Any, closing: Token) -> Interval:
        return Interval(low, high, opening == "(", closing == ")", self._place(opening))

    def number(self, sign: Token | None, digits: Token, unit: Token | None) -> tuple[float, str | None]:
        value = self._value(digits)
        return (value if sign in (None, "+") else -value), None if unit is None else str(self._known(unit))

    def infinity(self, sign: Token | None, name: Token) -> tuple[float, None]:
        if name not in ("inf", "∞"):
            raise ProblemFound(self._place(name), "a bound is a number", found=f"`{name}`", expected="a number or inf")
        return (math.inf if sign in (None, "+") else -math.inf), None

    def unit_name(self, name: Token) -> tuple[Unit, str]:
        unit = unit_named(self._known(name))
        assert unit is not None
        return unit, str(name)

    def unit_number(self, digits: Token) -> tuple[Unit, str]:
        if float(digits) != 1:
            raise ProblemFound(self._place(digits), "a unit has no number in it", found=str(digits), expected="1",
                               hint="write `: 1` for a plain number")
        return Unit(NONE), "1"

    def unit_operation(self, one: tuple[Unit, str], operator: Token, other: tuple[Unit, str]) -> tuple[Unit, str]:
        unit = one[0] / other[0] if operator == "/" else one[0] * other[0]
        grouped = operator == "/" and ("/" in other[1] or "*" in other[1])
        return unit, f"{one[1]}{'/' if operator == '/' else '*'}{f'({other[1]})' if grouped else other[1]}"

    def unit_power(self, one: tuple[Unit, str], sign: Token | None, digits: Token) -> tuple[Unit, str]:
        power = self._power(sign, digits)
        return one[0] ** power, f"({one[1]})^{power}" if "/" in one[1] or "*" in one[1] else f"{one[1]}^{power}"

    def _known(self, name: Token) -> str:
        if unit_named(str(name)) is None:
            hint = "for example ms, mV, pA, GΩ, nS, pF, Hz, mM, or 1 for a plain number"
            symbol = symbol_of(str(name))
            hint = hint if symbol is None else f"write `{symbol}`"
            near = closest(str(name), ("ms", "mV", "pA", "nA", "GΩ", "MΩ", "nS", "uS", "pF", "nF", "Hz", "mM"))
            raise ProblemFound(self._place(name), f"`{name}` is no unit", found=f"`{name}`",
                               hint=near if near.startswith("did") and symbol is None else hint)
        return str(name)

    def _power(self, sign: Token | None, digits: Token) -> int:
        value = float(digits)
        if not value.is_integer() or not 0 < value <= HIGHEST_POWER:
            raise ProblemFound(self._place(digits), "the power of a unit is a whole number", found=str(digits))
        return int(value) if sign in (None, "+") else -int(value)

    def _value(self, digits: Token) -> float:
        value = float(digits)
        if math.isinf(value):
            raise ProblemFound(self._place(digits), "a number is too large", found=str(digits))
        return value

    # -- expressions ---------------------------------------------------------------------------------------------

    def literal(self, digits: Token) -> Node:
        return Node("number", value=Literal(self._value(digits)), at=self._place(digits))

    def quantity(self, digits: Token, unit: Token, sign: Token | None, power: Token | None) -> Node:
        exponent = 1 if power is None else self._power(sign, power)
        return Node("number", value=Literal(self._value(digits), self._known(unit), exponent), at=self._place(digits))

    def name(self, name: Token) -> Node:
        return Node("name", value=str(name), at=self._place(name))

    def call(self, name: Token, *arguments: Node) -> Node:
        return Node("call", arguments, str(name), self._place(name))

    def prefix(self, operator: Token, part: Node) -> Node:
        if operator == "+":
            return part
        return Node("not" if operator == "not" else "neg", (part,), at=self._place(operator))

    def operation(self, one: Node, operator: Token, other: Node) -> Node:
        spelling = {"−": "-", "·": "*"}.get(str(operator), str(operator))
        return Node(spelling, (one, other), at=self._place(operator))

    def raised(self, base: Node, exponent: Node) -> Node:
        return Node("^", (base, exponent), at=exponent.at)

    def conditional(self, yes: Node, word: Token, condition: Node, no: Node) -> Node:
        return Node("if", (condition, yes, no), at=self._place(word))
