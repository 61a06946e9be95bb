"""A parameter from its definition: default, unit and bounds."""

from __future__ import annotations

import math

from spark.core.fields import Bound
from spark.equations.constants import Constant
from spark.equations.errors import ProblemFound
from spark.equations.model import Parameter
from spark.equations.statements import Interval, Statement
from spark.equations.units import Unit, unit_named


def parameter_of(item: Statement, value: Constant) -> Parameter:
    """The parameter that a definition with a number declares. Errors: ProblemFound."""
    unit, text = (value.unit, value.text) if item.unit is None else (item.unit, item.unit_text)
    if value.unit.dimension != unit.dimension and value.number != 0:
        raise ProblemFound(item.at, f"the default of `{item.name}` has another dimension", found=value.text,
                           expected=text)
    scale = 1.0 if value.unit.dimension != unit.dimension else _ratio(value.unit, unit)
    bound = _bound(item.interval, unit, text) if item.interval is not None else Bound()
    default = value.number * scale
    if not math.isfinite(default):
        raise ProblemFound(item.at, f"the default of `{item.name}` is not finite", found=str(default))
    if not _inside(default, bound):
        raise ProblemFound(item.at, f"the default of `{item.name}` is out of its bounds", found=f"{default:g}",
                           expected=str(bound))
    return Parameter(default, unit, text, bound, item.doc, item.at)


def _inside(value: float, bound: Bound) -> bool:
    low = value > bound.low if bound.open_low else value >= bound.low
    return low and (value < bound.high if bound.open_high else value <= bound.high)


def _ratio(one: Unit, other: Unit) -> float:
    return 1.0 if one.scale == other.scale else float(f"{one.scale / other.scale:.15g}")


def _bound(interval: Interval, unit: Unit, text: str) -> Bound:
    low, high = (_end(end, unit, text, interval.at) for end in (interval.low, interval.high))
    if not low < high and not (low == high and not interval.open_low and not interval.open_high):
        raise ProblemFound(interval.at, "the bounds enclose nothing", found=f"{low:g} … {high:g}")
    return Bound(low, high, interval.open_low and low > -math.inf, interval.open_high and high < math.inf)


def _end(end: tuple[float, str | None], unit: Unit, text: str, at: int) -> float:
    number, name = end
    if name is None:
        return number
    own = unit_named(name)
    assert own is not None
    if own.dimension != unit.dimension:
        raise ProblemFound(at, "a bound has another dimension than its parameter", found=name, expected=text)
    return number * _ratio(own, unit)
