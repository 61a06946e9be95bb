"""Which numbers the registers get: one scale for a population, an exponent for every projection.

Everything of degree 1 (weights, threshold, bias) may be divided by one factor per unit without changing a spike. It is
taken so that the threshold is a whole mantissa, the same for all units: threshold = s * (vth << 6). What is left to
choose is vth. The largest weight uses the whole span of its exponent where it can; of the exponents the largest is
taken for which sums, current and membrane stay within their registers for every input that can arrive.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from targets.loihi.arrivals import Arrival
from targets.loihi.dynamics import LIMIT, SHIFT
from targets.loihi.weights import Grid, mode_of

LARGEST_SUM = (1 << 15) - 1
"""Weighted sums in which all emulators and the chip agree."""

LARGEST_THRESHOLD = (1 << 17) - 1
EXPONENTS = range(-7, 8)
HEADROOM = 1.25
"""Room above what calibration showed, where no bound for every input could be kept."""


@dataclass(frozen=True)
class Demand:
    """A population in units of its threshold (per unit): what limits its scale. Arrays [post], zeros where nothing is.

    positive, negative: largest sums that can arrive at once, upward and downward. bias: on the membrane. kept_current,
    kept: leaks. falls: what a spike takes off the membrane, infinite for a reset. is_free: whether there is no
    threshold, so that the scale need not make one whole.
    """

    positive: np.ndarray
    negative: np.ndarray
    bias: np.ndarray
    kept_current: np.ndarray
    kept: np.ndarray
    falls: np.ndarray
    is_free: bool = False

    def limits(self) -> tuple[float, float]:
        """Largest vth for which nothing leaves its register, with and without the lowest membrane potential."""
        most = float(np.maximum(self.positive, self.negative).max(initial=0.0))
        leak = np.maximum(1 - self.kept_current, 2.0**-12)
        up, down = self.positive / leak, self.negative / leak
        drive = np.maximum(up, down) + np.abs(self.bias)
        slow = np.maximum(1 - self.kept, 2.0**-12)
        rise = up + np.maximum(self.bias, 0)
        high = rise / slow if self.is_free else np.maximum(1 + rise, 1 + rise + (rise - self.falls) / slow)
        low = (down + np.maximum(-self.bias, 0)) / slow
        room = (LIMIT - 1) / (1 << SHIFT)
        sums = LARGEST_SUM / most if most else np.inf
        least = min(sums, room / max(float(drive.max(initial=0.0)), 1e-300), room / float(high.max(initial=1e-300)))
        return min(least, room / max(float(low.max(initial=0.0)), 1e-300)), least


def demand_of(
    arrivals: list[Arrival], bias: np.ndarray, kept_current: np.ndarray, kept: np.ndarray, falls: np.ndarray,
    is_free: bool,
) -> Demand:
    """The demand of a population whose arrivals and bias [n] are in units of its threshold."""
    positive, negative = np.zeros(len(bias)), np.zeros(len(bias))
    for item in arrivals:
        matrix = item.matrix
        up, down = (np.asarray(part.sum(axis=1)).reshape(-1) for part in _parts(matrix))
        if item.is_signed:
            up = down = up + down
        positive += up * item.largest * 2.0**-item.fraction
        negative += down * item.largest * 2.0**-item.fraction
    return Demand(positive, negative, bias, kept_current, kept, falls, is_free)


def _parts(matrix):
    if isinstance(matrix, np.ndarray):
        return np.maximum(matrix, 0), np.maximum(-matrix, 0)
    return matrix.maximum(0), (-matrix).maximum(0)


def grids_of(arrivals: list[Arrival], bits: list[int]) -> list[Grid]:
    """Sign mode and width of every projection."""
    return [Grid(mode_of(item.values), width) for item, width in zip(arrivals, bits, strict=True)]


def resolution(demand: Demand, largest: list[float], grids: list[Grid], seen: Callable[[], float]) -> float:
    """vth: the threshold's mantissa, a whole number unless the scale is free.

    largest: greatest weight of every projection, in units of the threshold. seen: greatest sum that calibration showed,
    in the same unit.
    """
    proved, weaker = demand.limits()
    if not any(largest):
        return _whole(min(weaker, 1 << 10), demand)
    top = int(np.argmax(largest))
    span = max(grids[top].high, -grids[top].low) if grids[top].mode != "mixed" else grids[top].high
    choices = sorted(span * 2.0**exponent / largest[top] for exponent in _exponents(grids[top]))
    widest = np.inf if demand.is_free else LARGEST_THRESHOLD
    for limit in (proved, weaker):
        ceiling = min(limit, widest)
        fitting = [value for value in choices if value <= ceiling]
        if fitting:
            return _whole(fitting[-1], demand)
        if choices[0] > widest and ceiling >= widest / 2:
            return _whole(ceiling, demand)
    shown = seen()
    shown = LARGEST_SUM / (shown * HEADROOM) if shown else np.inf
    return _whole(min(choices[0], widest, max(shown, weaker)), demand)


def _whole(value: float, demand: Demand) -> float:
    return value if demand.is_free else float(max(1, int(value)))


def _exponents(grid: Grid) -> list[int]:
    """Exponents that lose no bit of the grid, the one below which nothing is gained first."""
    return [exponent for exponent in EXPONENTS if 1 << max(0, -exponent) <= grid.step]


@dataclass(frozen=True)
class Synapses:
    """Weights of one projection: mantissas on the grid and their exponent. error: root mean square, of the largest."""

    mantissas: np.ndarray
    exponent: int
    grid: Grid
    error: float


def quantized(values: np.ndarray, grid: Grid) -> Synapses:
    """Real weights, in units of weight 1 at exponent 0, with the exponent of the least squared error.

    >>> made = quantized(np.array([300.0, -20.0]), Grid("mixed"))
    >>> made.mantissas.tolist(), made.exponent
    ([150, -10], 1)
    """
    tried = []
    for exponent in _exponents(grid):
        mantissas = grid.nearest(values * 2.0**-exponent)
        squared = float(np.square(values - mantissas * 2.0**exponent).sum())
        tried.append((squared, -exponent, mantissas))
    squared, negated, mantissas = min(tried, key=lambda item: item[:2])
    scale = float(np.abs(values).max(initial=0.0)) or 1.0
    return Synapses(mantissas, -negated, grid, float(np.sqrt(squared / max(values.size, 1))) / scale)
