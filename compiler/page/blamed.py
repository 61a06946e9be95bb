"""What is to blame, as bars and a table."""

from __future__ import annotations

from collections.abc import Mapping

from compiler.explain.blame import Blame, ComponentCost, shares
from compiler.explain.pairing import COMPONENTS
from compiler.page import charts
from compiler.page.markup import SAME, Content, Markup, table, tag
from compiler.page.sections import section, words
from compiler.percent import percent

_LEFT_OUT = (" and other coefficients", ", resets, biases", " and rounding")
"""What the names of bars have no room for."""


def blame(found: Blame, title: str = "What is to blame") -> Markup:
    """Bars and a table."""
    bars = {_short(COMPONENTS[name]): pair for name, pair in shares(found).items()}
    culprit = f"Most of it: {COMPONENTS[found.culprit]}. " if found.culprit else "Nothing is lost. "
    culprit += f"What may help: {found.remedy}. " if found.remedy else ""
    return section(
        "blame",
        title,
        words(
            culprit
            + "Each part of quantizing is tried alone in the float network, and put back alone to exact numbers in "
            "the integer one. Shares are of the mean square error of decisions with the float spikes fed in."
        ),
        tag(
            "div",
            charts.bars("Share of the error", bars, ("quantized alone", "saved when put back"), ""),
            class_="charts",
        ),
        table(
            ["part", "error alone", "saved when put back", "spike counts off, alone", "left when put back",
             "classes changed, alone → left"],
            [*(_part(item, shares(found)) for item in found.components), _unexplained(found)],
        ),
    )


def _short(name: str) -> str:
    for words_ in _LEFT_OUT:
        name = name.replace(words_, "")
    return name


def _part(item: ComponentCost, share: Mapping[str, tuple[float, float]]) -> list[Content]:
    """The row of one component."""
    if item.alone is None or item.put_back is None:
        return [COMPONENTS[item.name], SAME, "", "", "", ""]
    alone, left = item.alone, item.put_back
    changed = ""
    if alone.changed_predictions is not None:
        changed = f"{percent(alone.changed_predictions)} → {percent(left.changed_predictions or 0.0)}"
    return [COMPONENTS[item.name], *map(percent, share[item.name]), percent(alone.spike_count_error),
            percent(left.spike_count_error), changed]


def _unexplained(found: Blame) -> list[Content]:
    left, total = (found.remainder("alone"), found.remainder("put_back")), found.total.decision_error or 1.0
    errors = (percent((item["decision_error"] or 0.0) / total) for item in left)
    return ["unexplained", *errors, percent(left[0]["spike_count_error"] or 0.0), "", ""]
