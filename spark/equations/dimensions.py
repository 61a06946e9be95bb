"""Dimensional analysis: every expression has a dimension, or is a truth value, or is at fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from spark.core.faults import closest
from spark.equations.errors import ProblemFound
from spark.equations.model import FUNCTIONS, NEW, OLD
from spark.equations.tree import Node
from spark.equations.units import NONE, Dimension, unit_named

TRUTH = "a truth value"
NOUGHT = "nought"
"""The literal 0, which is of any dimension."""
Kind = Dimension | str
Known = Mapping[str, Kind]


def dimension(node: Node, known: Known, states: Mapping[str, object] | None = None) -> Kind:
    """The dimension of an expression, `TRUTH` or `NOUGHT`. `known`: that of every declared name.

    `states`: what `new` and `old` may be asked of. Raises ProblemFound at the operator that does not fit.
    """
    return _Dimensions(known, states or {}).of(node)


def require(node: Node, kind: Kind, wanted: Kind, what: str, hint: str = "") -> None:
    """Demand that `what`, of dimension `kind`, is `wanted`."""
    if kind != wanted and not (kind == NOUGHT and wanted != TRUTH):
        raise ProblemFound(node.at, f"{what} has another dimension", found=spoken(kind), expected=spoken(wanted),
                           hint=hint)


def spoken(kind: Kind) -> str:
    return "a number" if kind == NOUGHT else str(kind)


class _Dimensions:
    def __init__(self, known: Known, states: Mapping[str, object]) -> None:
        self.known, self.states = known, states

    def of(self, node: Node) -> Kind:
        return _RULES[node.op](self, node)

    def real(self, node: Node) -> Dimension | str:
        """The dimension of a part that must be a number."""
        kind = self.of(node)
        if kind == TRUTH:
            raise ProblemFound(node.at, "a truth value is no number", found=TRUTH, expected="a number",
                               hint="write `1 if condition else 0`")
        return kind

    def truth(self, node: Node) -> None:
        kind = self.of(node)
        if kind != TRUTH:
            raise ProblemFound(node.at, "a condition is needed here", found=spoken(kind), expected=TRUTH,
                               hint="compare it: `v > theta`")

    def plain(self, node: Node, what: str) -> None:
        kind = self.real(node)
        if kind not in (NONE, NOUGHT):
            raise ProblemFound(node.at, f"{what} is a plain number", found=spoken(kind), expected="a number",
                               hint="divide it by a quantity of the same unit")

    def same(self, node: Node, *parts: Node) -> Kind:
        """The one dimension of several parts."""
        kinds = [self.real(part) for part in parts]
        met = next((kind for kind in kinds if kind != NOUGHT), NOUGHT)
        for kind, part in zip(kinds, parts, strict=True):
            if kind not in (met, NOUGHT):
                at = node.at if len(parts) == 2 and node.op != "call" else part.at
                raise ProblemFound(at, f"the sides of `{node.value or node.op}` have different dimensions",
                                   found=f"{spoken(kinds[0])} and {spoken(kind)}", expected="the same dimension",
                                   hint=_unit_hint(kinds[0], kind))
        return met

    def number(self, node: Node) -> Kind:
        literal = node.value
        if not literal.unit:
            return NOUGHT if literal.number == 0 else NONE
        unit = unit_named(literal.unit)
        return NONE if unit is None else unit.dimension ** literal.power

    def name(self, node: Node) -> Kind:
        if node.value in self.known:
            return self.known[node.value]
        unit = unit_named(node.value)
        if unit is not None:
            return unit.dimension
        raise ProblemFound(node.at, f"`{node.value}` is not declared", found=f"`{node.value}`", hint=_name_hint(
            node.value, self.known))

    def sum(self, node: Node) -> Kind:
        return self.same(node, *node.parts)

    def product(self, node: Node) -> Kind:
        kinds = [self.real(part) for part in node.parts]
        one, other = (NONE if kind == NOUGHT else kind for kind in kinds)
        if node.op == "/" and node.parts[1].op == "number" and node.parts[1].value.number == 0:
            raise ProblemFound(node.at, "division by nought", found="0")
        if kinds[0] == NOUGHT or kinds[1] == NOUGHT and node.op == "*":
            return NOUGHT
        assert isinstance(one, Dimension) and isinstance(other, Dimension)
        return one * other if node.op == "*" else one / other

    def power(self, node: Node) -> Kind:
        base, exponent = node.parts
        kind = self.real(base)
        self.plain(exponent, "an exponent")
        if kind in (NONE, NOUGHT):
            return NONE
        value = whole(exponent)
        if value is None:
            raise ProblemFound(exponent.at, "the power of a quantity with a unit is a whole number",
                               found=f"a base in {spoken(kind)}", expected="a literal such as 2, or a plain base")
        assert isinstance(kind, Dimension)
        return kind ** value

    def call(self, node: Node) -> Kind:
        if node.value in (OLD, NEW):
            return self.other_time(node)
        if node.value not in FUNCTIONS:
            raise ProblemFound(node.at, f"there is no function `{node.value}`", found=f"`{node.value}`",
                               expected=", ".join(FUNCTIONS), hint=_call_hint(node.value))
        wanted, given = FUNCTIONS[node.value], len(node.parts)
        if given != wanted and not (node.value in ("min", "max") and given > wanted):
            raise ProblemFound(node.at, f"`{node.value}` takes {wanted} argument{'s' * (wanted > 1)}",
                               found=str(given), expected=str(wanted))
        if node.value in ("exp", "log", "tanh"):
            self.plain(node.parts[0], f"the argument of `{node.value}`")
            return NONE
        if node.value == "sqrt":
            kind = self.real(node.parts[0])
            return kind if isinstance(kind, str) else kind ** Fraction(1, 2)
        return self.same(node, *node.parts)

    def other_time(self, node: Node) -> Kind:
        """old(x), new(x): of a state only."""
        part = node.parts[0]
        if len(node.parts) != 1 or part.op != "name" or part.value not in self.states:
            raise ProblemFound(node.at, f"`{node.value}` is asked of one state", found=f"`{part.value or part.op}`",
                               expected=", ".join(self.states) or "a state with a differential equation")
        return self.known[part.value]

    def comparison(self, node: Node) -> Kind:
        self.same(node, *node.parts)
        return TRUTH

    def logic(self, node: Node) -> Kind:
        for part in node.parts:
            self.truth(part)
        return TRUTH

    def conditional(self, node: Node) -> Kind:
        condition, yes, no = node.parts
        self.truth(condition)
        return self.same(node, yes, no)

    def sign(self, node: Node) -> Kind:
        return self.real(node.parts[0])


_RULES: dict[str, Callable[[_Dimensions, Node], Kind]] = {
    "number": _Dimensions.number, "name": _Dimensions.name, "call": _Dimensions.call, "neg": _Dimensions.sign,
    "+": _Dimensions.sum, "-": _Dimensions.sum, "*": _Dimensions.product, "/": _Dimensions.product,
    "^": _Dimensions.power, "if": _Dimensions.conditional,
    **{name: _Dimensions.comparison for name in ("<", ">", "<=", ">=", "==", "!=")},
    **{name: _Dimensions.logic for name in ("and", "or", "not")},
}


def whole(node: Node) -> int | None:
    """The whole number that a literal exponent is, else None."""
    if node.op == "neg":
        inner = whole(node.parts[0])
        return None if inner is None else -inner
    literal = node.value
    if node.op != "number" or literal.unit or not literal.number.is_integer() or abs(literal.number) > 64:
        return None
    return int(literal.number)


def _unit_hint(one: Kind, other: Kind) -> str:
    if NONE in (one, other):
        return "give the plain number its unit, for example `5 mV`"
    return ""


def _name_hint(name: str, known: Known) -> str:
    if name == "t":
        return "time does not enter an equation; make what depends on it an input"
    if name in ("xi", "rand", "randn"):
        return "noise does not enter an equation; make it an input"
    near = closest(name, known)
    return near if near.startswith("did") else f"declare it: `{name} = 1 mV in [0, 10]`, or `{name} = … : unit`"


_INSTEAD = {"where": "a if condition else b", "select": "a if condition else b", "pow": "a^b", "ln": "log(x)",
            "log10": "log(x)/log(10)", "log2": "log(x)/log(2)", "int": "1 if condition else 0"}


def _call_hint(name: str) -> str:
    if name in _INSTEAD:
        return f"write `{_INSTEAD[name]}`"
    if name in ("sin", "cos", "tan", "rand", "randn", "xi"):
        return "what an equation cannot say, make an input"
    near = closest(name, FUNCTIONS)
    return near if near.startswith("did") else ""
