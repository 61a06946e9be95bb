"""The sections of the page below the summary."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler.explain.blame import Blame, shares
from compiler.explain.explanation import Explanation
from compiler.explain.pairing import COMPONENTS
from compiler.explain.text import percent
from compiler.page import charts
from compiler.page.markup import SAME, Content, Markup, joined, number, prose, table, tag
from compiler.page.pictures import Picture, pictures

if TYPE_CHECKING:
    from compiler.pipeline import Compilation


def section(name: str, title: str, *children: Content) -> Markup:
    return tag("section", tag("h2", title), *children, id=name)


def words(text: str) -> Markup:
    return tag("p", prose(text), class_="words")


def spikes(compilation: Compilation, found: Explanation) -> Markup:
    """Rasters and traces of the sample in which the two runs first differ."""
    shown = pictures(found, compilation.model)
    key = [
        tag("span", "in both", class_="key both"),
        " ",
        tag("span", "only in floating point", class_="key lost"),
        " ",
        tag("span", "only on integers", class_="key added"),
        " ",
        tag("span", "first difference", class_="key marked"),
    ]
    text = (
        f"Sample {shown[0].sample} of the {found.samples} that were run, the one in which a spike first differs, in "
        "floating point and on integers."
        if shown
        else ""
    )
    return section(
        "spikes",
        "Spikes and membranes",
        words(text),
        tag("p", *key, class_="legend"),
        tag("div", *(part for item in shown for part in _pictures(item)), class_="charts two"),
    )


def _pictures(item: Picture) -> Iterator[Markup]:
    if item.spikes is not None:
        yield charts.raster(f"{item.population}: spikes of {_units(item)}", item.units, *item.spikes, item.mark)
    if item.values is not None:
        note = "floating point and integers (dashed)" + (", threshold dotted" if item.threshold is not None else "")
        state = item.state.rpartition(".")[2]
        yield charts.traces(
            f"{item.population}: {state} of neuron {item.unit}", *item.values, item.threshold, item.mark, "", note
        )


def _units(item: Picture) -> str:
    return f"{len(item.units)} neurons" if item.units[-1] >= len(item.units) else f"all {len(item.units)} neurons"


def errors(found: Explanation) -> Markup:
    """Per population, states and decisions."""
    states = [
        [
            name,
            _real(state.lsb),
            _real(state.closed_rms),
            _real(state.closed_max),
            _real(state.forced_rms),
            _real(state.forced_max),
            number(item.saturated.get(name, 0)),
        ]
        for item in found.populations.values()
        for name, state in item.states.items()
    ]
    decisions = [
        [
            item.name,
            _real(item.rates[0]),
            _real(item.rates[1]),
            _real(item.rate_distance),
            percent(item.spike_count_error or 0.0),
            "" if item.grey_zone is None else percent(item.grey_zone),
            _place(item),
        ]
        for item in found.populations.values()
        if item.rates is not None
    ]
    return section(
        "errors",
        "Errors of every population",
        words(
            f"Measured on {found.samples} samples of {found.steps} steps. States are compared in units of their own "
            "last bit: running freely (closed loop, one moved spike counts as a whole threshold) and "
            "with the spikes of the "
            "float network fed in (teacher-forced: what the arithmetic itself does)."
        ),
        table(["state", "last bit", "closed rms", "closed max", "forced rms", "forced max", "saturated"], states),
        table(
            [
                "population",
                "rate float",
                "rate integers",
                "rate distance",
                "spike counts off",
                "in the grey zone",
                "first difference",
            ],
            decisions,
            "Rates are spikes per step and neuron. Grey zone: decisions nearer to the threshold than the error.",
        )
        if decisions
        else None,
    )


def _place(item) -> str:
    first = item.divergence
    if first is None:
        return "none"
    margin = "" if first.margin is None else f", margin {number(first.margin, 2)}"
    return f"sample {first.sample}, step {first.step}, neuron {first.neuron}{margin}"


def _real(value: float | None) -> str:
    return "" if value is None else number(value, 3)


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


def weights(compilation: Compilation, found: Explanation) -> Markup | None:
    """Histograms of the weights of every projection in units of its integer grid."""
    if found.pair is None:
        return None
    parts = []
    for scaled in found.pair.scaled.projections:
        fixed = found.pair.fixed.projection(scaled.name)
        for before, after in zip(scaled.chain, fixed.chain, strict=True):
            if before.weights is None or after.weights is None:
                continue
            exact = np.asarray(found.pair.scaled.tensor(before.weights).values, np.float64).ravel()
            rounded = found.pair.fixed.tensor(after.weights)
            parts.append(_histogram(scaled.name, exact, rounded.values.ravel(), str(rounded.type)))
    return section(
        "weights",
        "Weights before and after",
        words(
            "In units of the integer grid, after the scale of every neuron was taken out. The line is before "
            "rounding, the bars after; heights are square roots of counts, so that few are seen too."
        ),
        tag("div", *parts, class_="charts"),
    )


def _histogram(name: str, exact: np.ndarray, rounded: np.ndarray, format_: str) -> Markup:
    top = max(float(np.abs(exact).max(initial=0.0)), float(np.abs(rounded).max(initial=0.0)), 1e-9)
    levels = np.unique(rounded)
    step = float(np.diff(levels).min()) if len(levels) > 1 else 1.0
    count = int(min(2 * np.ceil(top / step) + 1, 41))
    edges = np.linspace(-0.5 * count, 0.5 * count, count + 1) * (step if count < 41 else 2 * top / 41)
    before, after = (np.histogram(np.clip(item, edges[0], edges[-1]), edges)[0] for item in (exact, rounded))
    zero = int(((rounded == 0) & (exact != 0)).sum())
    note = f"{number(exact.size)} weights as {format_}, {number(len(levels))} levels used, {number(zero)} became zero"
    return charts.histogram(name, before, after, edges, note)


def formats(report: Mapping[str, Any], certificate: Mapping[str, Any]) -> Markup:
    """Every integer value with its proved range; states with witness and bits to spare."""
    states = certificate["sites"]
    proved, others = [], []
    for site in report["sites"]:
        for value in site["values"]:
            row = [
                f"{site['site']}.{value['name']}",
                value["format"],
                value["grade"],
                number(value["low"]),
                number(value["high"]),
            ]
            entry = states.get(site["site"], {}).get("states", {}).get(value["name"])
            if value["state"] and entry:
                witness = entry["witness"]
                proved.append(
                    [*row, number(entry["slack"]), number(witness["value"]), f"{100 * witness['reached']:.0f} %"]
                )
            else:
                others.append(row)
    functions = [
        [
            f"{item['site']}.{item['result']}",
            item["opcode"],
            item["format"],
            f"{item['bound']:g}",
            f"{item['method']}, {number(item['points'])} arguments",
        ]
        for item in certificate.get("functions", [])
    ]
    return section(
        "formats",
        "Formats and certificates",
        words(
            "Ranges are integers; s24.6 is signed, 24 bits in all, 6 of them fraction. Proved: no "
            "input whatsoever leads out "
            "of the range, and an independent check agreed. A witness is a value that a drive of the inputs really "
            "reaches, with its share of the proved bound."
        ),
        table(["state", "format", "grade", "lowest", "highest", "bits to spare", "witness", "of the bound"], proved),
        table(["function", "is", "format", "largest error in last bits", "how it is known"], functions)
        if functions
        else None,
        tag(
            "details",
            tag("summary", f"All other values ({len(others)})"),
            table(["value", "format", "grade", "lowest", "highest"], others),
        )
        if others
        else None,
    )


def constants(report: Mapping[str, Any]) -> Markup | None:
    """Thresholds and time constants, asked and realised."""
    rows = []
    for item in report["populations"]:
        for entry in item["constants"]:
            time = "time_constant" in entry
            pair = (
                (entry["time_constant"], entry["realised_time_constant"])
                if time
                else (entry["asked"], entry["realised"])
            )
            rows.append(
                [
                    f"{item['name']}.{entry['name']}" + (" (τ in ms)" if time else ""),
                    *(number(x, 6) for x in pair),
                    percent(entry["time_constant_error" if time else "error"]),
                ]
            )
    if not rows:
        return None
    return section(
        "constants",
        "Constants, asked and realised",
        words("Medians over neurons; the largest error of any neuron."),
        table(["constant", "asked", "realised", "largest error"], rows),
    )


def checks(report: Mapping[str, Any]) -> Markup | None:
    """Verdicts and warnings in full."""
    rows = [
        [
            item["stage"].replace("fixed = ", "golden = "),
            item["equal"],
            number(item["values"]),
            number(item["samples"]),
            item["detail"] or _coverage(item["coverage"]),
        ]
        for item in report["verdicts"]
    ]
    warnings = [[item["code"], item["message"], item.get("hint") or ""] for item in report["warnings"]]
    if not rows and not warnings:
        return None
    return section(
        "checks",
        "Checks and warnings",
        table(["stage", "verdict", "values compared", "samples", "what was reached"], rows) if rows else None,
        table(["code", "warning", "what helps"], warnings) if warnings else None,
    )


def _coverage(coverage: Mapping[str, Any]) -> str:
    return f"{100 * coverage['units']:.0f} % of units active" if "units" in coverage else ""


def comparison(found: Any) -> Markup:
    """Every row of `sparkc compare`."""
    rows: list[list[Content]] = [["floating point", "", "", str(found.reference), ""]]
    rows += [
        [row.target, row.weights, row.state, str(row.accuracy), percent(row.agreement.value)] for row in found.rows
    ]
    return section(
        "comparison",
        "Floating point and integers",
        words(f"{found.reference.n} decisions, read-out {found.readout}; accuracy with its exact 95 % interval."),
        table(["target", "weight bits", "state bits", "accuracy", "same class as float"], rows),
    )


def several(parts: list[Markup | None]) -> Markup:
    return joined(part for part in parts if part)
