"""Where the network sits on its chip: what every core holds, and what arrives there."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from compiler.analysis.routes import routes
from compiler.analysis.synapses import all_synapses
from compiler.checking.stimulus import count_synapses
from compiler.ir.network import Network, Population
from compiler.page import charts
from compiler.page.markup import Markup, number, table, tag
from compiler.page.sections import section, words

if TYPE_CHECKING:
    from compiler.pipeline import Compilation

_COLOURS = 8
_MOST_SYNAPSES = 5_000_000
"""Of larger networks the traffic of single cores is not worked out."""


def cores(compilation: Compilation) -> Markup | None:
    """The part of the chip's mesh that is used, and its resources; None where the network is not mapped."""
    report, chip, network = compilation.report, compilation.options.chip, compilation.mapped
    placed = [item for item in network.populations if item.placement]
    if chip is None or not report["resources"] or not placed:
        return None
    cells = {part.core for item in placed for part in item.placement}
    size = max(x for x, _ in cells) + 1, max(y for _, y in cells) + 1
    loads = _arriving(compilation) if count_synapses(network) <= _MOST_SYNAPSES else {}
    capacity = getattr(chip, "neurons", None) or max(item.size for item in placed)
    filled, told = _held(network, placed, capacity, loads)
    title = f"Cores of {chip.name}, {size[0]} × {size[1]} of {chip.width} × {chip.height} shown"
    note = "Colours are populations, their height the share of a core's neurons"
    note += "; dots are events that arrive in a step." if loads else "."
    names = [tag("span", item.name, class_=f"key c{index % _COLOURS}") for index, item in enumerate(placed)]
    return section(
        "cores",
        "On the chip",
        words(_traffic(report["resources"]["traffic"])),
        tag("p", *(part for name in names for part in (name, " ")), class_="legend"),
        tag("div", charts.grid(title, size, filled, told, loads, note), class_="charts"),
        _resources(report),
    )


def _held(network: Network, placed: list[Population], capacity: int, loads) -> tuple[dict, dict]:
    filled: dict[tuple[int, int], list[tuple[float, int]]] = {}
    told: dict[tuple[int, int], list[str]] = {}
    for index, item in enumerate(placed):
        for part in item.placement:
            share = min(1.0, (part.stop - part.start) / capacity)
            filled.setdefault(part.core, []).append((share, index % _COLOURS))
            told.setdefault(part.core, []).append(f"{item.name}[{part.start}:{part.stop}]")
    return filled, {
        core: f"core {core[0]},{core[1]}: {', '.join(parts)}"
        + (f"; {number(loads[core])} events a step" if core in loads else "")
        for core, parts in told.items()
    }


def _arriving(compilation: Compilation) -> dict[tuple[int, int], float]:
    """Events that arrive at every core in a step, at the rates of the calibration data."""
    chip = compilation.options.chip
    assert chip is not None
    rates = compilation.report["resources"]["traffic"]["assumed_rate"]
    loads: Counter[tuple[int, int]] = Counter()
    for item in routes(compilation.mapped, all_synapses(compilation.mapped, chip)):
        for core in item.cores:
            loads[core] += len(item.units) * rates.get(f"{item.node}.{item.port}", 1.0)  # pyright: ignore
    return dict(loads)


def _traffic(traffic: dict[str, Any]) -> str:
    energy = f", {number(traffic['energy_pj'] / 1000)} nJ" if traffic.get("energy_pj") else ""
    return (
        f"In a step {number(traffic['packets'])} packets travel {number(traffic['multicast_hops'])} "
        "hops (no mapping needs "
        f"fewer than {number(traffic['multicast_hops_bound'])}), the busiest link carries "
        f"{number(traffic['busiest_link'])}, "
        f"and {number(traffic['synaptic_events'])} synaptic events are added up{energy}."
    )


def _resources(report: dict[str, Any]) -> Markup:
    rows = [
        [
            name.replace("_", " "),
            number(item["max"]),
            number(item["mean"]),
            "not known" if item["available"] is None else number(item["available"]),
            "" if not item["available"] else f"{100 * item['max'] / item['available']:.0f} %",
        ]
        for name, item in report["resources"]["per_core"].items()
    ]
    return table(["of one core", "fullest", "mean", "available", "used"], rows)
