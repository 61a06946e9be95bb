"""Verdicts: two adjacent stages side by side on the same input, every value, every step (semantics 17)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from compiler.checking.coverage import shortfall
from compiler.results.results import Result


@dataclass
class Verdict:
    """Outcome of one comparison.

    equal: `equal`, `different`, `not exercised` (equal, but the stimulus was too weak) or `measured`.
    values: how many were compared. first_difference: record, sample, step, unit and both values.
    """

    stage: str
    equal: str
    values: int = 0
    samples: int = 0
    coverage: dict = field(default_factory=dict)
    first_difference: dict | None = None
    detail: str = ""

    @property
    def failed(self) -> bool:
        return self.equal == "different"

    def as_json(self) -> dict:
        return {"stage": self.stage, "equal": self.equal, "values": self.values, "samples": self.samples,
                "coverage": self.coverage, "first_difference": self.first_difference, "detail": self.detail}


def bit_for_bit(stage: str, expected: Result, found: Result, coverage: Mapping) -> Verdict:
    """Compare every output, record and final state of two runs, no tolerance."""
    groups = [("", expected.outputs, found.outputs), ("", expected.records, found.records),
              ("final ", expected.state, found.state)]
    values, first = 0, None
    for prefix, left, right in groups:
        for name in left:
            values += int(np.size(left[name]))
            difference = _first_difference(prefix + name, left[name], right.get(name))
            if difference and (first is None or difference.get("step", 0) < first.get("step", 0)):
                first = difference
    samples = next(iter(expected.outputs.values())).shape[0] if expected.outputs else 0
    if first:
        return Verdict(stage, "different", values, samples, dict(coverage), first, _sentence(first))
    short = shortfall(coverage)
    return Verdict(stage, "not exercised" if short else "equal", values, samples, dict(coverage), None, short)


def _first_difference(name: str, expected: np.ndarray, found: np.ndarray | None) -> dict | None:
    """The earliest step at which two arrays [B, T, n] differ; for states the first index."""
    shape = None if found is None else np.shape(found)
    if found is None or shape != np.shape(expected):
        return {"value": name, "step": -1, "expected": str(np.shape(expected)), "found": str(shape or "nothing")}
    wrong = np.argwhere(np.asarray(expected) != np.asarray(found))
    if not len(wrong):
        return None
    index = tuple(wrong[np.lexsort(wrong.T[::-1])[0]]) if wrong.shape[1] < 3 else tuple(wrong[np.argmin(wrong[:, 1])])
    labels = ("sample", "step", "unit") if len(index) == 3 else ("sample", "unit")[: len(index)]
    place = {label: int(position) for label, position in zip(labels, index, strict=False)}
    return {"value": name, **place, "expected": int(expected[index]), "found": int(found[index])}


def _sentence(difference: Mapping) -> str:
    place = ", ".join(f"{key} {difference[key]}" for key in ("sample", "step", "unit") if key in difference)
    return f"{difference['value']} at {place}: expected {difference['expected']}, found {difference['found']}"
