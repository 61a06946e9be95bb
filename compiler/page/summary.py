"""The top of the page: what came of it, in plain words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from compiler.comparison.accuracy import Proportion
from compiler.explain.explanation import Explanation
from compiler.page.markup import Markup, number, prose, tag
from compiler.percent import percent

if TYPE_CHECKING:
    from compiler.pipeline import Compilation

GOOD, DOUBTFUL, BAD = "good", "doubtful", "bad"


def summary(
    compilation: Compilation, found: Explanation | None, accuracy: tuple[Proportion, Proportion] | None
) -> Markup:
    """Cards: checks, fit, proofs, accuracy, spikes, warnings."""
    cards = [
        *_checks(compilation.report["verdicts"]),
        _fit(compilation.report),
        _proofs(compilation.report),
        _accuracy(accuracy, compilation.model.outputs != []),
        *_spikes(found),
        _warnings(compilation.report),
    ]
    return tag("section", tag("h2", "In short"), tag("div", *cards, class_="cards"), id="summary")


def card(state: str, head: str, *words: str) -> Markup:
    sign = {GOOD: "✓", DOUBTFUL: "!", BAD: "✗", "": "·"}[state]
    return tag(
        "div",
        tag("h3", tag("span", sign, class_="sign"), " ", head),
        *(tag("p", prose(item)) for item in words),
        class_=f"card {state}".strip(),
    )


def _checks(verdicts: list[dict[str, Any]]) -> Iterator[Markup]:
    if not verdicts:
        return
    failed = [item["stage"] for item in verdicts if item["equal"] == "different"]
    idle = [item["stage"] for item in verdicts if item["equal"] == "not exercised"]
    values = sum(item["values"] for item in verdicts if item["equal"] == "equal")
    if failed:
        yield card(BAD, "A check failed", f"Not equal to the stage before: {', '.join(failed)}.")
    elif idle:
        yield card(
            DOUBTFUL,
            "Equal as far as it was exercised",
            f"The stimulus left much of the network silent in: {', '.join(idle)}.",
        )
    else:
        yield card(
            GOOD,
            "Every check passed",
            "Each stage does what the one before it does: "
            f"{number(values)} values were compared, every integer bit for bit.",
        )


def _fit(report: dict[str, Any]) -> Markup:
    resources = report["resources"]
    if not resources:
        return card("", "Not mapped to a chip", "Compiled without a chip; `--chip NAME` maps it to one.")
    cores, fullest = resources["cores"], _fullest(resources["per_core"])
    words = [
        f"{number(cores['used'])} of {number(cores['available'])} cores are used; "
        f"no mapping needs fewer than {number(cores['bound'])}."
    ]
    if fullest:
        words.append(
            f"The tightest resource is {fullest[0].replace('_', ' ')}: {100 * fullest[1]:.0f} % of what a core has."
        )
    return card(GOOD, f"Fits the chip {report['chip']}", *words)


def _fullest(per_core: dict[str, Any]) -> tuple[str, float] | None:
    shares = {name: item["max"] / item["available"] for name, item in per_core.items() if item["available"]}
    return max(shares.items(), key=lambda item: item[1]) if shares else None


def _proofs(report: dict[str, Any]) -> Markup:
    states = [(site["site"], value) for site in report["sites"] for value in site["values"] if value["state"]]
    cut = [f"{site}.{value['name']}" for site, value in states if value["grade"] != "proved"]
    harmless = _harmless(report)
    if not states:
        return card("", "Nothing to prove", "The network has no integer states.")
    if not cut:
        return card(
            GOOD, "No overflow, proved", f"{_all(len(states))} stay inside their format for any input whatsoever.",
            *harmless,
        )
    return card(
        DOUBTFUL,
        "Some states can reach the end of their format",
        f"{len(states) - len(cut)} of {len(states)} states are proved for any input; these saturate where they "
        f"would overflow: {', '.join(cut[:6])}{' and others' if len(cut) > 6 else ''}.",
        *harmless,
    )


def _harmless(report: dict[str, Any]) -> list[str]:
    """What is cut off on the way without changing anything, in a sentence."""
    names = [f"{site['site']}.{value['name']}" for site in report["sites"] for value in site["values"]
             if value["grade"] == "harmless"]
    if not names:
        return []
    return [f"Cut off on the way, proved to change neither a spike nor a state: {', '.join(names[:6])}"
            f"{' and others' if len(names) > 6 else ''}."]


def _all(count: int) -> str:
    return "The only state does" if count == 1 else f"All {count} states"


def _accuracy(found: tuple[Proportion, Proportion] | None, has_outputs: bool) -> Markup:
    if found is None:
        words = "The source brings no labelled data; `sparkc compare SOURCE --data FILE.npz` measures it."
        return card("", "Accuracy not measured", words if has_outputs else "The network has no output.")
    exact, fixed = found
    lost = 100 * (exact.value - fixed.value)
    state = GOOD if lost <= 1 else DOUBTFUL if lost <= 5 else BAD
    return card(
        state,
        f"Accuracy {100 * fixed.value:.1f} % on integers",
        f"In floating point {_interval(exact)}, on integers {_interval(fixed)} ({fixed.n} decisions, 95 % intervals).",
    )


def _interval(share: Proportion) -> str:
    low, high = share.interval
    return f"{100 * share.value:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def _spikes(found: Explanation | None) -> Iterator[Markup]:
    errors = (
        {}
        if found is None
        else {item.name: item for item in found.populations.values() if item.spike_count_error is not None}
    )
    if not errors:
        return
    worst = max(errors.values(), key=lambda item: item.spike_count_error or 0.0)
    share = worst.spike_count_error or 0.0
    words = f"Spike counts of {worst.name} differ most: by {percent(share)} of the mean count."
    first = min(
        (item.divergence for item in errors.values() if item.divergence), key=lambda item: item.step, default=None
    )
    if first is None:
        yield card(GOOD, "Every spike is where the float network has it", f"On {found.samples} samples.")  # pyright: ignore
        return
    yield card(
        "",
        "Spikes that moved",
        words,
        f"The first that differs: {first.population}, neuron {first.neuron}, "
        f"step {first.step} of sample {first.sample}"
        + (f", {number(first.margin, 2)} from its threshold." if first.margin is not None else "."),
    )


def _warnings(report: dict[str, Any]) -> Markup:
    found = report["warnings"]
    if not found:
        return card(
            GOOD, "No warnings", "No dead weights, no silent or saturated population, no threshold lost in rounding."
        )
    told = (f"{item['message']}{': ' if item['found'] else ''}{item['found']}." for item in found[:5])
    return card(DOUBTFUL, f"{len(found)} warning{'s' if len(found) > 1 else ''}", *told)
