"""What a compile says about the chip: registers and what they realise, ranges, an estimate of energy and time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from compiler.analysis.ranges import SiteRanges
from compiler.chips import Chip
from compiler.diagnostics import Diagnostic, Place, declare
from compiler.ir.network import Network, Population
from targets.loihi.agreement import Agreement, agreement
from targets.loihi.estimate import Estimate, estimate
from targets.loihi.realised import PopulationRegisters, ProjectionRegisters, realised
from targets.loihi.registers import is_at_rest, registers_of

W440 = declare("W440", "it is not proved that sums and currents stay where the chip and its emulators agree")
W441 = declare("W441", "a population moves before its first input can arrive")
W442 = declare("W442", "a network relies on what is not confirmed for the chip")

_AGREED = "where chip and emulators agree: |a| <= 32767 and |u + bias| < 2^23"
_ESTIMATE = "estimate of a step, from costs published for Loihi 1 (chip file); not a measurement"


@dataclass(frozen=True)
class Description:
    """For the report: plain data, sections of text (title, rows of cells), warnings."""

    data: dict[str, Any]
    sections: list[tuple[str, list[list[str]]]]
    warnings: list[Diagnostic]


def describe(
    model: Network, mapped: Network, chip: Chip, ranges: Mapping[str, SiteRanges], rates: Mapping[str, float],
    inputs: Mapping[str, np.ndarray],
) -> Description:
    """Describe a compiled network.

    ranges: of every site. rates: events per unit and step by `node.port`. inputs: calibration data, on which sums are
    looked at where no proof was found. Errors: E443 where they leave the chip's range there.
    """
    found = agreement(mapped, ranges, inputs)
    populations, projections = realised(model, mapped)
    cost = estimate(mapped, chip, rates)
    data = {"registers": [item.as_json() for item in populations], "synapses": [item.as_json() for item in projections],
            "agreement": [item.as_json() for item in found], "estimate": cost.as_json()}
    sections = [("registers, asked and realised", [row for item in populations for row in _population(item)]),
                ("synapses", [_projection(item) for item in projections]),
                (_AGREED, [_agreed(item) for item in found]), (_ESTIMATE, _estimated(cost))]
    return Description(data, sections, list(_warnings(mapped, chip, found)))


# -- text

def _population(item: PopulationRegisters) -> Iterator[list[str]]:
    for name, values in item.registers.items():
        shown = str(values[0]) if values[0] == values[1] else f"{values[0]}..{values[1]}"
        yield [f"{item.name}.{name}", shown, *_realised(item, name)]


def _realised(item: PopulationRegisters, name: str) -> list[str]:
    entry = item.realised.get(name)
    if entry is None:
        return []
    return [f"{entry.meaning} {entry.asked:.6g}", f"{entry.realised:.6g}", f"off by {100 * entry.error:.2g} %"]


def _projection(item: ProjectionRegisters) -> list[str]:
    low, high = item.delays
    delays = f"delay {low}" if low == high else f"delay {low}..{high}"
    return [item.name, f"{item.mode}, {item.bits} bits, {item.least}..{item.largest}", f"exponent {item.exponent}",
            f"rms error {100 * item.error:.2g} % of the largest weight", delays]


def _agreed(item: Agreement) -> list[str]:
    def shown(value: int | None) -> str:
        return "not bounded" if value is None else str(value)

    proof = f"|a| <= {shown(item.sum)}, |u + bias| <= {shown(item.drive)}"
    if item.proved:
        return [item.name, "proved", proof]
    return [item.name, "not proved", proof, f"on calibration data at most {item.shown_sum} and {item.shown_drive}"]


def _estimated(cost: Estimate) -> list[list[str]]:
    low, high = cost.energy_pj
    fast, slow = cost.time_ns
    events = (f"{cost.compartments} compartments, {cost.spikes:.4g} spikes, {cost.axons:.4g} axon events, "
              f"{sum(cost.tile_hops):.4g} hops between tiles, {cost.synaptic_events:.4g} synaptic events")
    return [["energy", f"{low / 1000:.4g}..{high / 1000:.4g} nJ", events],
            ["time", f"{fast / 1000:.4g}..{slow / 1000:.4g} us", "slowest core, longest way, barrier"]]


# -- warnings

def _warnings(network: Network, chip: Chip, found: list[Agreement]) -> Iterator[Diagnostic]:
    for item in found:
        if not item.proved:
            yield Diagnostic(W440, f"sums of %{item.name} are not proved to stay where the chip and emulators agree",
                             Place(path=item.name), f"|a| <= {item.sum}, |u + bias| <= {item.drive}",
                             "|a| <= 32767, |u + bias| < 8388608",
                             "they do on the calibration data; weights of less sum, or faster leaks, can be proved")
    for population in network.populations:
        yield from _of_population(network, population, chip)


def _of_population(network: Network, population: Population, chip: Chip) -> Iterator[Diagnostic]:
    found, place = registers_of(network, population), Place(path=population.name)
    if population.skew and not is_at_rest(found):
        yield Diagnostic(W441, f"%{population.name} moves before its first input can arrive", place,
                         f"{population.skew} steps, by its bias or its start", "a start at rest",
                         "a chip cannot freeze it: start the source at rest, or leave the first steps out")
    if found.offset is not None and chip.facts["reset_by_subtraction"] == "unconfirmed":
        yield Diagnostic(W442, f"%{population.name} resets by subtraction, which is not confirmed for {chip.name}",
                         place, "reset by subtraction", chip.sources[f"{chip.family}.reset_by_subtraction"],
                         "reset to a potential in the source, or take loihi2")
