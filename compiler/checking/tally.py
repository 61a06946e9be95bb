"""What comparing values with those of a module found: how many, the ties, the first difference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from compiler.checking.coverage import ENOUGH
from compiler.checking.verdicts import Verdict


@dataclass
class Tally:
    """What was found so far. active: by population, units that emitted something. batch, steps: of what is compared."""

    active: dict[str, np.ndarray]
    values: int = 0
    samples: int = 0
    ties: int = 0
    tie_differences: int = 0
    worst: float = 0.0
    first: dict | None = None
    batch: int = 0
    steps: int = 0

    def begin(self, batch: int, steps: int) -> None:
        """Rows that are compared from now on are of so many samples and steps."""
        self.batch, self.steps = batch, steps
        self.samples += batch

    def share_active(self) -> float:
        """Share of units that emitted something."""
        units = sum(item.size for item in self.active.values())
        return sum(int(item.sum()) for item in self.active.values()) / max(units, 1)

    def compare(self, name: str, value, after: np.ndarray, bound: np.ndarray, tie: np.ndarray) -> None:
        """Count values [rows, n] that differ from the module's [B, T, n] by more than a bound; ties may."""
        expected = after.reshape(-1, after.shape[-1])
        delta = np.abs(np.broadcast_to(value, expected.shape) - expected)
        wrong = ~(delta <= np.broadcast_to(bound, expected.shape))
        self.values += expected.size
        self.tie_differences += int((wrong & tie).sum())
        fine = ~wrong & (delta > 0)
        if fine.any():
            share = delta[fine] / np.broadcast_to(bound, expected.shape)[fine]
            self.worst = max(self.worst, float(share.max()))
        wrong &= ~tie
        if wrong.any():
            self._note(name, wrong, np.broadcast_to(value, expected.shape), expected)

    def _note(self, name: str, wrong: np.ndarray, value: np.ndarray, expected: np.ndarray) -> None:
        """Keep the difference of the earliest step."""
        rows, units = np.nonzero(wrong)
        steps = rows % self.steps
        index = int(steps.argmin())
        if self.first is None or steps[index] < self.first["step"]:
            place = (rows[index], units[index])
            sample = self.samples - self.batch + int(rows[index] // self.steps)
            self.first = {"value": name, "sample": sample, "step": int(steps[index]), "unit": int(units[index]),
                          "expected": float(expected[place]), "found": float(value[place])}

    def verdict(self, stage: str) -> Verdict:
        """The verdict on a stage: different, not exercised, or equal."""
        coverage = {
            "units": self.share_active(),
            "units_by_population": {name: float(item.mean()) for name, item in self.active.items()},
            "ties": self.ties, "tie_differences": self.tie_differences, "worst": self.worst,
        }
        equal, detail = self._told(coverage["units"])
        return Verdict(stage, equal, self.values, self.samples, coverage, self.first, detail)

    def _told(self, active: float) -> tuple[str, str]:
        if first := self.first:
            return "different", (
                f"{first['value']} at sample {first['sample']}, step {first['step']}, unit {first['unit']}: "
                f"the module has {first['expected']!r}, the network {first['found']!r}")
        ties = f"{self.ties} near-threshold ties, {self.tie_differences} decided differently"
        if active < ENOUGH:
            return "not exercised", f"only {100 * active:.0f} % of the units were active; {ties}"
        return "equal", ties
