"""The tables of the page: formats and certificates, constants, checks and warnings, rows of a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from compiler.mixed_precision.amounts import kib
from compiler.page.markup import Content, Markup, number, table, tag
from compiler.page.sections import section, words
from compiler.percent import percent


def formats(report: Mapping[str, Any], certificate: Mapping[str, Any]) -> Markup:
    """Every integer value with its proved range; states with witness and bits to spare."""
    proved, others = _values(report, certificate["sites"])
    functions = list(_functions(certificate))
    return section(
        "formats",
        "Formats and certificates",
        words(
            "Ranges are integers; s24.6 is signed, 24 bits in all, 6 of them fraction. Proved: no "
            "input whatsoever leads out "
            "of the range, and an independent check agreed. A witness is a value that a drive of the inputs really "
            "reaches, with its share of the bound at that end."
        ),
        table(
            ["state", "format", "grade", "lowest", "highest", "bits to spare", "lowest witness", "highest witness"],
            proved,
        ),
        _cuts(certificate),
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


def _values(report: Mapping[str, Any], states: Mapping[str, Any]) -> tuple[list[list[str]], list[list[str]]]:
    """Rows of the states that the certificate speaks of, and of all other values."""
    proved, others = [], []
    for site in report["sites"]:
        for value in site["values"]:
            row = [f"{site['site']}.{value['name']}", value["format"], value["grade"],
                   number(value["low"]), number(value["high"])]
            entry = states.get(site["site"], {}).get("states", {}).get(value["name"])
            if value["state"] and entry:
                witnesses = (_witness(entry["witness"].get(end)) for end in ("low", "high"))
                proved.append([*row, number(entry["slack"]), *witnesses])
            else:
                others.append(row)
    return proved, others


def _functions(certificate: Mapping[str, Any]) -> Iterator[list[str]]:
    for item in certificate.get("functions", []):
        yield [f"{item['site']}.{item['result']}", item["opcode"], item["format"], f"{item['bound']:g}",
               f"{item['method']}, {number(item['points'])} arguments"]


def _witness(told: Mapping[str, Any] | None) -> str:
    return "" if told is None else f"{number(told['value'])} ({100 * told['reached']:.0f} %)"


def _cuts(certificate: Mapping[str, Any]) -> Markup | None:
    """Values that may be cut off, and what that changes."""
    rows = [
        [
            f"{site}.{item['value']}",
            f"at its {item['end']} end",
            f"changes nothing: {item['compare']} is then {'true' if item['is'] else 'false'} in any case"
            if item["harmless"]
            else "changes what is computed",
        ]
        for site, content in certificate["sites"].items()
        for item in content["saturations"]
    ]
    return table(["value", "may be cut off", "which"], rows) if rows else None


def constants(report: Mapping[str, Any]) -> Markup | None:
    """Thresholds and time constants, asked and realised."""
    rows = []
    filters = [item | {"name": item["site"]} for item in report["sites"] if "." in item["site"]]
    for item in (*report["populations"], *filters):
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


def bits(report: Mapping[str, Any]) -> Markup | None:
    """What was tried where bits were chosen for a budget, from the widest down; None where they were not."""
    found = report.get("bits")
    if found is None:
        return None
    rows = []
    for item in found["pareto"]:
        said = " ".join(f"{name}={width}" for name, width in item["bits"].items())
        rows.append([percent(item["accuracy"]), f"{item['mean_bits']:.2f}", kib(item["memory_bits"]),
                     "" if item["cores"] is None else str(item["cores"]),
                     said, "chosen" if item == found["chosen"] else ""])
    what = "accuracy" if found["labelled"] else "as float"
    return section(
        "bits",
        "Bits within the budget",
        words(f"Every row was compiled and run on the samples; floating point gives {percent(found['float'])}."),
        table([what, "bits of a weight", "memory", "cores", "bits of weights and of states", ""], rows),
    )


def family(report: dict[str, Any]) -> Markup | None:
    """What the chip's family adds to the report: its sections of text as tables."""
    parts = []
    for title, rows in report.get("family", {}).get("sections", []):
        width = max((len(row) for row in rows), default=0)
        if width:
            cells = [[*row, *[""] * (width - len(row))] for row in rows]
            parts += [tag("h3", title[:1].upper() + title[1:]), table([""] * width, cells)]
    return section("family", f"On {report['chip']}", *parts) if parts else None


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
    rows: list[list[Content]] = [["floating point", "", "", str(found.reference or "no labels"), ""]]
    rows += [
        [row.target, row.weights, row.state, str(row.accuracy or ""), percent(row.agreement.value)]
        for row in found.rows
    ]
    told = "; accuracy with its exact 95 % interval" if found.reference else ""
    return section(
        "comparison",
        "Floating point and integers",
        words(f"{found.rows[0].agreement.n} decisions on {found.origin}, read-out {found.readout}{told}."),
        table(["target", "weight bits", "state bits", "accuracy", "same class as float"], rows),
    )
