"""What is to blame, as bars and a table."""

from __future__ import annotations

from compiler.explain.blame import Blame, shares
from compiler.explain.pairing import COMPONENTS
from compiler.page import charts
from compiler.page.markup import SAME, Markup, table, tag
from compiler.page.sections import section, words
from compiler.percent import percent


def blame(found: Blame, title: str = "What is to blame") -> Markup:
    """Bars and a table."""
    bars = {
        COMPONENTS[name]
        .replace(" and other coefficients", "")
        .replace(", resets, biases", "")
        .replace(" and rounding", ""): pair
        for name, pair in shares(found).items()
    }
    rows = []
    for item in found.components:
        if item.alone is None or item.put_back is None:
            rows.append([COMPONENTS[item.name], SAME, "", "", "", ""])
            continue
        alone, saved = shares(found)[item.name]
        changed = [(cost.changed_predictions, cost.spike_count_error) for cost in (item.alone, item.put_back)]
        rows.append(
            [
                COMPONENTS[item.name],
                percent(alone),
                percent(saved),
                percent(changed[0][1]),
                percent(changed[1][1]),
                "" if changed[0][0] is None else f"{percent(changed[0][0])} → {percent(changed[1][0] or 0.0)}",
            ]
        )
    left = found.remainder("alone"), found.remainder("put_back")
    total = found.total.decision_error or 1.0
    rows.append(
        [
            "unexplained",
            *(percent((item["decision_error"] or 0.0) / total) for item in left),
            percent(left[0]["spike_count_error"] or 0.0),
            "",
            "",
        ]
    )
    culprit = f"Most of it: {COMPONENTS[found.culprit]}. " if found.culprit else "Nothing is lost. "
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
            [
                "part",
                "error alone",
                "saved when put back",
                "spike counts off, alone",
                "left when put back",
                "classes changed, alone → left",
            ],
            rows,
        ),
    )
