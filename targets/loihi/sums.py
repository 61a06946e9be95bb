"""The largest weighted sums and drives that can arrive, and those that did on given inputs."""

from __future__ import annotations

import numpy as np

from compiler.analysis import bounds
from compiler.analysis.intervals import EXACT, Interval, point
from compiler.analysis.ranges import SiteRanges
from compiler.ir.network import Network, Population
from targets.loihi.dynamics import LIMIT, SHIFT

LARGEST = (1 << 15) - 1
"""|a| up to which the chip and all emulators agree."""


def arriving(network: Network, population: Population) -> Interval:
    """What all projections together add in a step, for any spikes."""
    total = point(np.zeros(population.size, np.int64), -SHIFT)
    for projection in network.into(population.name):
        carried = bounds.emitted(network, projection.source, projection.source_port)
        total = EXACT["add"](total, bounds.weighted(network, projection, carried))
    return total


def largest_sum(network: Network, population: Population) -> int:
    """Largest |a| that any spikes can cause."""
    return largest_of(arriving(network, population))


def largest_of(total: Interval) -> int:
    """Largest |a| of an interval of sums."""
    most = max(int(total.high.max(initial=0)), -int(total.low.min(initial=0)))
    return -(-most >> -(total.fraction + SHIFT)) if total.fraction > -SHIFT else most << -(total.fraction + SHIFT)


def observed_sum(name: str) -> str:
    """Under what name a network notes the largest |a| of a population that calibration data caused."""
    return f"{name}.a"


def largest_drive(ranges: SiteRanges) -> int | None:
    """Largest |u + bias| that any spikes can cause; None where u is not bounded."""
    u, bias = ranges.values["u_new"], ranges.values.get("bias", point(0))
    if not (u.bounded and ranges.proved["u"]):
        return None
    drive = EXACT["add"](u, bias)
    return max(int(drive.high.max()), -int(drive.low.min()))


def is_agreed(sum_: int, drive: int | None) -> bool:
    return sum_ <= LARGEST and drive is not None and drive < LIMIT
