"""An explanation for people, line by line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from compiler.explain.blame import Blame, Cost, shares
from compiler.explain.errors import PopulationError, StateError
from compiler.explain.explanation import Explanation
from compiler.explain.pairing import COMPONENTS
from compiler.percent import percent

BROUGHT_ALONG = ("the integers were not made from the model (they came with the source, or the target's family offers "
                 "no exact form), so nothing is blamed")


def lines(found: Explanation) -> Iterator[str]:
    """Errors of every population, then blame."""
    states = list(_states(found.populations.values()))
    told = ["errors of states in their last bit: rms (largest)"] if states else []
    told += [BROUGHT_ALONG] if found.pair is None else []
    yield "; ".join([f"measured on {found.samples} samples, {found.steps} steps", *told])
    if states:
        yield from _columns([("state", "last bit", "closed loop", "teacher-forced", "saturated"), *states])
    yield ""
    header = ("population", "spikes a step", "rate distance", "spike-count error", "grey zone", "first divergence")
    yield from _columns([header, *(_spikes(item) for item in found.populations.values())])
    constants = list(_constants(found.populations.values()))
    if constants:
        yield ""
        yield from _columns([("constant", "asked", "realised", "error"), *constants])
    if found.blame:
        yield ""
        yield from blame_lines(found.blame)


def _states(populations: Iterable[PopulationError]) -> Iterator[Sequence[str]]:
    for item in populations:
        for name, state in item.states.items():
            yield name, f"{state.lsb:.3g}", *_error(state), str(item.saturated.get(name, 0))
        for name, count in item.saturated.items():
            if name not in item.states:
                yield name, "", "", "", str(count)
        for name, count in item.harmless.items():
            yield name, "", "", "", f"{count}, harmless"


def _error(state: StateError) -> tuple[str, str]:
    forced = "" if state.forced_rms is None else f"{state.forced_rms:.3g} ({state.forced_max:.3g})"
    return f"{state.closed_rms:.3g} ({state.closed_max:.3g})", forced


def _spikes(item: PopulationError) -> Sequence[str]:
    if item.rates is None or item.rate_distance is None or item.spike_count_error is None:
        return item.name, "emits values", "", "", "", ""
    grey = "" if item.grey_zone is None else f"{percent(item.grey_zone)} within {item.zone:.3g} bits"
    first = item.divergence
    where = "none" if first is None else f"sample {first.sample}, step {first.step}, neuron {first.neuron}"
    if first is not None and first.margin is not None:
        where += f", margin {first.margin:.2g}"
    return (item.name, f"{item.rates[0]:.4g} -> {item.rates[1]:.4g}", f"{item.rate_distance:.2g}",
            percent(item.spike_count_error), grey, where)


def _constants(populations: Iterable[PopulationError]) -> Iterator[Sequence[str]]:
    for item in populations:
        for entry in item.constants:
            name = f"{item.name}.{entry['name']}"
            if "time_constant" in entry:
                yield (f"{name} τ", f"{entry['time_constant']:.6g} ms", f"{entry['realised_time_constant']:.6g} ms",
                       percent(entry["time_constant_error"]))
            else:
                yield name, f"{entry['asked']:.6g}", f"{entry['realised']:.6g}", percent(entry["error"])


def blame_lines(found: Blame) -> Iterator[str]:
    """What each component costs alone, and what is left when it alone is put back."""
    classes = found.total.changed_predictions is not None
    header = ["blame", "error alone", "put back saves", "spikes alone", "left", *_if(classes, "classes alone", "left")]
    rows = [header, *(_component(name, found, classes) for name in COMPONENTS), _unexplained(found, classes)]
    yield from _columns(rows)
    total = found.total
    told = f"; {percent(total.changed_predictions or 0.0)} of the classes change" if classes else ""
    yield (f"everything: decision error {percent(total.decision_error ** 0.5)} of the decision values (rms), "
           f"spike counts off by {percent(total.spike_count_error)}{told}")
    yield f"most of it: {COMPONENTS[found.culprit]}" if found.culprit else "nothing is lost"
    if found.remedy:
        yield f"what may help: {found.remedy}"


def _component(name: str, found: Blame, classes: bool) -> list[str]:
    cost = next(item for item in found.components if item.name == name)
    words = COMPONENTS[name]
    if cost.alone is None or cost.put_back is None:
        return [words, "the same", "", "", "", *_if(classes, "", "")]
    alone, saved = shares(found)[name]
    pairs = _pair(cost.alone, cost.put_back, "changed_predictions") if classes else []
    return [words, percent(alone), percent(saved), *_pair(cost.alone, cost.put_back, "spike_count_error"), *pairs]


def _pair(alone: Cost, left: Cost, measure: str) -> list[str]:
    return [percent(getattr(item, measure)) for item in (alone, left)]


def _unexplained(found: Blame, classes: bool) -> list[str]:
    alone, back = found.remainder("alone"), found.remainder("put_back")
    total = found.total.decision_error or 1.0
    row = ["unexplained", percent((alone["decision_error"] or 0.0) / total),
           percent((back["decision_error"] or 0.0) / total), percent(alone["spike_count_error"] or 0.0), ""]
    return [*row, *_if(classes, percent(alone["changed_predictions"] or 0.0), "")]


def _if(present: bool, *cells: str) -> list[str]:
    return list(cells) if present else []


def _columns(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    found = [list(row) for row in rows]
    widths = [max(len(row[i]) for row in found) for i in range(len(found[0]))]
    for row in found:
        yield "  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip()
