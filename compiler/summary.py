"""The report of a compile for people: what was chosen, what was proved, what it costs, what was checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from compiler.percent import percent

Report = dict[str, Any]


def lines(report: Report) -> Iterator[str]:
    """The summary of a report, line by line."""
    calibration = report["calibration"]
    yield f"target {report['target']}  chip {report['chip']}  dt {report['dt']:g} ms"
    yield (f"calibrated on {calibration['origin']}: {calibration['samples']} samples, {calibration['steps']} steps")
    yield from _section("assumed", iter(report["assumed"]))
    yield from _section("populations", _columns(_population(item) for item in report["populations"]))
    yield from _section("projections", _columns(_projection(item) for item in report["projections"]))
    yield from _section("synapses that learn", _columns(_learned(report)))
    yield from _section("constants, asked and realised", _columns(_constants(report)))
    for title, rows in report.get("family", {}).get("sections", []):
        yield from _section(title, _columns(iter(rows)))
    if report["resources"]:
        yield from _section("resources", _resources(report["resources"]))
    yield from _section("checks", _checks(report["verdicts"]))


def _section(title: str, content: Iterator[str]) -> Iterator[str]:
    found = list(content)
    if found:
        yield ""
        yield title
        yield from (f"  {line}" for line in found)


def _columns(rows: Iterator[Sequence[str]]) -> Iterator[str]:
    """Rows in columns as wide as they must be."""
    found = [list(row) for row in rows]
    width = max((len(row) for row in found), default=0)
    found = [row + [""] * (width - len(row)) for row in found]
    widths = [max(len(row[i]) for row in found) for i in range(width)]
    for row in found:
        yield "  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip()


def _population(item: Report) -> list[str]:
    """Name, units, and every state with its format and proved range in integers."""
    states = [_range(value) for value in item["values"] if value["state"]]
    cut = [value["name"] for value in item["values"] if value["grade"] == "harmless"]
    states += [f"cut off without harm: {', '.join(cut)}"] if cut else []
    rate = max(item["spike_rate"].values(), default=None)
    fires = "" if rate is None else f"spikes in {100 * rate:.2g} % of steps"
    skew = f"skew {item['skew']}" if item["skew"] else ""
    return [item["name"], f"{item['units']} units", "; ".join(states), fires, skew]


def _learned(report: Report) -> Iterator[list[str]]:
    """Program and states of the synapses of every plastic projection."""
    for item in report["sites"]:
        if item["site"].endswith(".synapse"):
            states = [_range(value) for value in item["values"] if value["state"]]
            yield [item["site"], f"@{item['program'].split('.')[0]}", "; ".join(states)]


def _range(value: Report) -> str:
    return f"{value['name']} {value['format']} {value['grade']} [{value['low']}, {value['high']}]"


def _projection(item: Report) -> list[str]:
    weights = [f"{entry['count']} weights {entry['format']}" + _zeros(entry) for entry in item["weights"]]
    low, high = item["delay"]
    delay = f"delay {low}" if low == high else f"delay {low}..{high}"
    ends = f"{item['source']} -> {item['target']}"
    maps, total = " | ".join(item["connections"]), f"sum {item['accumulator']}"
    memory = f"{_number(item['synapse_bits'])} bits of synapse memory" if item["synapse_bits"] else ""
    return [item["name"], ends, maps, ", ".join(weights), delay, total, memory]


def _zeros(entry: Report) -> str:
    return f" ({entry['became_zero']} became zero)" if entry.get("became_zero") else ""


def _constants(report: Report) -> Iterator[list[str]]:
    """Thresholds, resets, decays: medians over units, and the largest relative error of any unit."""
    filters = [item | {"name": item["site"]} for item in report["sites"] if "." in item["site"]]
    for item in (*report["populations"], *filters):
        for entry in item["constants"]:
            name = f"{item['name']}.{entry['name']}"
            if "time_constant" in entry:
                yield [name, f"τ {entry['time_constant']:.6g} ms", f"{entry['realised_time_constant']:.6g} ms",
                       _off(entry["time_constant_error"])]
            else:
                yield [name, f"{entry['asked']:.6g}", f"{entry['realised']:.6g}", _off(entry["error"])]


def _off(share: float) -> str:
    return f"off by {percent(share)}"


def _resources(resources: Report) -> Iterator[str]:
    """Cores, the fullest core in every resource, and what travels, each with what is available or unavoidable."""
    cores = resources["cores"]
    shares = ", ".join(f"{name} {count}" for name, count in resources["populations"].items())
    needed = f"at least {cores['bound']}; {shares}"
    rows = [["cores", f"{_number(cores['used'])} of {_number(cores['available'])}", needed]]
    for name, item in resources["per_core"].items():
        available = "an unknown number" if item["available"] is None else _number(item["available"])
        rows.append([name, f"{_number(item['max'])} of {available}", "on the fullest core"])
    yield from _columns(iter(rows))
    traffic = resources["traffic"]
    yield (f"traffic a step: {_number(traffic['packets'])} packets, {_number(traffic['multicast_hops'])} hops "
           f"(at least {_number(traffic['multicast_hops_bound'])}), {_number(traffic['busiest_link'])} on the busiest "
           f"link, {_number(traffic['synaptic_events'])} synaptic events" + _energy(traffic["energy_pj"]))


def _energy(picojoules: float) -> str:
    return f", {_number(picojoules / 1000)} nJ" if picojoules else ""


def _number(value: float) -> str:
    """Whole numbers in groups of three, others with four digits."""
    if float(value).is_integer() or abs(value) >= 10000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.4g}"


def _checks(verdicts: list[Report]) -> Iterator[str]:
    """One line per stage; the integer engines that hold share a line."""
    engines = [item for item in verdicts if item["stage"].startswith("fixed = ")]
    together = len(engines) > 1 and len({(item["equal"], item["values"], item["detail"]) for item in engines}) == 1
    for item in verdicts:
        if item["stage"].startswith("fixed = ") and together:
            if item is engines[0]:
                names = " = ".join(entry["stage"].removeprefix("fixed = ") for entry in engines)
                yield _verdict(f"golden = {names}", item)
            continue
        yield _verdict(item["stage"].replace("fixed = ", "golden = "), item)


def _verdict(stage: str, item: Report) -> str:
    samples = [f"{item['samples']} samples"] if item["samples"] else []
    told = [f"{_number(item['values'])} values", *samples, *_coverage(item["coverage"])]
    detail = f"; {item['detail']}" if item["detail"] else ""
    return f"{stage}: {item['equal']} ({', '.join(told)}){detail}"


def _coverage(coverage: Report) -> Iterator[str]:
    """What the stimulus reached."""
    if "units" in coverage:
        yield f"{100 * coverage['units']:.0f} % of units active"
    if "compares" in coverage:
        both = coverage["compares"] - len(coverage["compares_one_sided"])
        yield f"{both} of {coverage['compares']} compares both ways"
    if "delay_slots" in coverage:
        reached = coverage["delay_slots"] - len(coverage["delay_slots_missed"])
        yield f"{reached} of {coverage['delay_slots']} delays"
    for name, share in coverage.get("weights_changed", {}).items():
        yield f"{100 * share:.0f} % of the weights of {name} changed"
