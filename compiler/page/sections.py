"""The sections of the page below the summary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from compiler.explain.explanation import Explanation
from compiler.explain.text import BROUGHT_ALONG
from compiler.page import charts
from compiler.page.markup import Content, Markup, number, prose, table, tag
from compiler.page.pictures import Picture, pictures
from compiler.percent import percent

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
    states, decisions = list(_states(found)), list(_decisions(found))
    told = (
        "States are compared in units of their own last bit: running freely (closed loop, one moved spike counts as "
        "a whole threshold) and with the spikes of the float network fed in (teacher-forced: what the arithmetic "
        "itself does)."
        if states
        else ""
    )
    told += f" {BROUGHT_ALONG[:1].upper()}{BROUGHT_ALONG[1:]}." if found.pair is None else ""
    header = ["state", "last bit", "closed rms", "closed max", "forced rms", "forced max", "saturated"]
    return section(
        "errors",
        "Errors of every population",
        words(f"Measured on {found.samples} samples of {found.steps} steps. {told}"),
        table(header, states) if states else None,
        table(
            ["population", "rate float", "rate integers", "rate distance", "spike counts off", "in the grey zone",
             "first difference"],
            decisions,
            "Rates are spikes per step and neuron. Grey zone: decisions nearer to the threshold than the error.",
        )
        if decisions
        else None,
    )


def _states(found: Explanation) -> Iterator[list[str]]:
    for item in found.populations.values():
        for name, state in item.states.items():
            sizes = (state.lsb, state.closed_rms, state.closed_max, state.forced_rms, state.forced_max)
            yield [name, *map(_real, sizes), number(item.saturated.get(name, 0))]


def _decisions(found: Explanation) -> Iterator[list[str]]:
    for item in found.populations.values():
        if item.rates is not None:
            yield [item.name, *map(_real, (*item.rates, item.rate_distance)), percent(item.spike_count_error or 0.0),
                   "" if item.grey_zone is None else percent(item.grey_zone), _place(item)]


def _place(item) -> str:
    first = item.divergence
    if first is None:
        return "none"
    margin = "" if first.margin is None else f", margin {number(first.margin, 2)}"
    return f"sample {first.sample}, step {first.step}, neuron {first.neuron}{margin}"


def _real(value: float | None) -> str:
    return "" if value is None else number(value, 3)


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
