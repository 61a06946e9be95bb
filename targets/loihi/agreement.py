"""Whether sums and currents stay where the chip and all its emulators agree: proved, or looked at on data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from compiler import reference
from compiler.analysis.ranges import SiteRanges
from compiler.checking.stimulus import affordable
from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare
from compiler.formats import Format
from compiler.input_files import integers_of
from compiler.ir.network import Network, Population
from targets.loihi.dynamics import LIMIT, SHIFT
from targets.loihi.registers import registers_of
from targets.loihi.sums import LARGEST, is_agreed, largest_drive, largest_sum

E443 = declare("E443", "sums or currents leave what the chip's registers hold")

SAMPLES = 32


@dataclass(frozen=True)
class Agreement:
    """Of one population: bounds for every input that can be (None: no bound), and what data caused where unproved."""

    name: str
    sum: int
    drive: int | None
    proved: bool
    shown_sum: int | None = None
    shown_drive: int | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def agreement(
    network: Network, ranges: Mapping[str, SiteRanges], inputs: Mapping[str, np.ndarray]
) -> list[Agreement]:
    """Every population. Errors: E443 where data leave the range, all populations at once."""
    bounds = [(item, largest_sum(network, item), largest_drive(ranges[item.name])) for item in network.populations]
    open_ = [item for item, sum_, drive in bounds if not is_agreed(sum_, drive)]
    shown = _shown(network, open_, inputs) if open_ and inputs else {}
    found = [Agreement(item.name, sum_, drive, item not in open_, *shown.get(item.name, (None, None)))
             for item, sum_, drive in bounds]
    findings = [_left(item) for item in found if not item.proved and not _holds(item)]
    if findings:
        raise DiagnosticError(findings)
    return found


def _holds(item: Agreement) -> bool:
    return (item.shown_sum or 0) <= LARGEST and (item.shown_drive or 0) < LIMIT


def _left(item: Agreement) -> Diagnostic:
    return Diagnostic(E443, f"sums or currents of %{item.name} leave the chip's registers on the calibration data",
                      Place(path=item.name), f"|a| = {item.shown_sum}, |u + bias| = {item.shown_drive}",
                      f"|a| <= {LARGEST}, |u + bias| < {LIMIT}", "smaller weights beside the threshold, faster leaks")


def _shown(
    network: Network, populations: list[Population], inputs: Mapping[str, np.ndarray]
) -> dict[str, tuple[int, int]]:
    """Largest |a| and |u + bias| on data."""
    given = integers_of(network, affordable(network, inputs, SAMPLES))
    ports = {item.name: network.programs[item.site.program].inputs[0] for item in populations}
    names = [f"{name}.{part}" for name, port in ports.items() for part in (port.name, "u")]
    records, found = reference.run(network, given, record=names).records, {}
    for item in populations:
        port, registers = ports[item.name], registers_of(network, item)
        assert isinstance(port.type, Format)
        sums = np.abs(records[f"{item.name}.{port.name}"].astype(np.int64)).max(initial=0)
        drive = records[f"{item.name}.u"].astype(np.int64) + registers.bias
        found[item.name] = (int(np.ceil(int(sums) * 2.0 ** -(port.type.fraction + SHIFT))),
                            int(np.abs(drive).max(initial=0)))
    return found
