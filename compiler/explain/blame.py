"""Which part of quantizing costs what: each component alone quantized, and each alone put back to exact numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from compiler.explain import engine
from compiler.explain.engine import Rows, Trace
from compiler.explain.errors import Runs, deciding, signals, spike_records
from compiler.explain.pairing import COMPONENTS
from compiler.explain.preparation import differing
from compiler.explain.site import Pair

MEASURES = ("decision_error", "spike_count_error", "changed_predictions", "accuracy_loss")
"""What is blamed for, see `Cost`."""


@dataclass(frozen=True)
class Cost:
    """How far a hybrid is from the float network.

    decision_error: mean square of what a population decides with (v − θ, or the values it emits), less that of the
    float run, as a share of the mean square of the latter, mean over populations; the spikes of the float run are fed
    in, so errors do not cascade, and independent errors add up. spike_count_error: of all populations together,
    running freely. changed_predictions: share of classes that are not the float network's. accuracy_loss: share of
    right classes that is lost. None where there are no classes, or no labels.
    """

    decision_error: float
    spike_count_error: float
    changed_predictions: float | None = None
    accuracy_loss: float | None = None

    def as_json(self) -> dict[str, float | None]:
        return {name: getattr(self, name) for name in MEASURES}


@dataclass(frozen=True)
class ComponentCost:
    """alone: only this is quantized. put_back: everything but this is. None where both networks have the same."""

    name: str
    alone: Cost | None = None
    put_back: Cost | None = None


@dataclass(frozen=True)
class Blame:
    """total: everything quantized. components: in the order of COMPONENTS. remedy: what may help, in words."""

    total: Cost
    components: list[ComponentCost]
    remedy: str = ""

    @property
    def culprit(self) -> str | None:
        """The component that alone causes the largest decision error; None where nothing does."""
        costs = {item.name: item.alone.decision_error for item in self.components if item.alone}
        return max(costs, key=lambda name: costs[name]) if any(costs.values()) else None

    def remainder(self, way: str) -> dict[str, float | None]:
        """Total less the sum of what single components cost (`alone`), or save when they are `put_back`."""
        return {measure: self._remainder(way, measure) for measure in MEASURES}

    def _remainder(self, way: str, measure: str) -> float | None:
        total = getattr(self.total, measure)
        if total is None:
            return None
        costs = [getattr(item, way) for item in self.components]
        parts = [getattr(item, measure) for item in costs if item is not None]
        return total - sum(part if way == "alone" else total - part for part in parts)

    def as_json(self) -> dict[str, Any]:
        return {"total": self.total.as_json(), "culprit": self.culprit, "remedy": self.remedy,
                "components": {item.name: {"exact": item.alone is None,
                                           "alone": item.alone.as_json() if item.alone else None,
                                           "put_back": item.put_back.as_json() if item.put_back else None}
                               for item in self.components},
                "unexplained": {way: self.remainder(way) for way in ("alone", "put_back")}}


Classify = Callable[[Trace], np.ndarray]


@dataclass(frozen=True)
class Classes:
    """How classes are read from a run; record: what they are read from; label: [B], or None."""

    record: str
    of: Classify
    label: np.ndarray | None


def blame(pair: Pair, inputs: Rows, runs: Runs, classes: Classes | None,
          progress: Callable[[float], None] = lambda share: None) -> Blame:
    """Run every hybrid that differs from the float network in one component, or in all but one.

    runs: with the record that classes are read from, and with every deciding margin. Where a chip's own program does
    something else than the model, components are alone in that program on exact numbers, which is `order` alone.
    """
    margins = [name for names in deciding(pair.scaled).values() for name in names]
    reference = _Reference(pair, inputs, runs.float_run, classes, margins)
    exact = replace(reference, float_run=runs.exact) if runs.exact else reference
    names = [name for name in COMPONENTS if name in differing(pair) - {"order"}]
    found: dict[str, ComponentCost] = {}
    for index, name in enumerate(names):
        progress(index / len(names))
        found[name] = ComponentCost(name, exact.measured(frozenset({name})),
                                    reference.measured(frozenset(COMPONENTS) - {name}))
    if runs.exact is not None:
        found["order"] = ComponentCost("order", reference.cost(runs.exact, reference.forced(frozenset())),
                                       exact.cost(runs.closed, exact.forced(frozenset(COMPONENTS))))
    assert runs.forced is not None
    return Blame(reference.cost(runs.closed, runs.forced),
                 [found.get(name, ComponentCost(name)) for name in COMPONENTS])


@dataclass(frozen=True)
class _Reference:
    """The float run that everything is compared with."""

    pair: Pair
    inputs: Rows
    float_run: Trace
    classes: Classes | None
    margins: list[str]

    def measured(self, quantized: frozenset[str]) -> Cost:
        record = [self.classes.record] if self.classes else []
        return self.cost(engine.run(self.pair, quantized, self.inputs, record), self.forced(quantized))

    def forced(self, quantized: frozenset[str]) -> Trace:
        """With the spikes of the float run fed in."""
        return engine.run(self.pair, quantized, self.inputs, margins=self.margins, forced=self.float_run.emitted)

    def cost(self, free: Trace, forced: Trace) -> Cost:
        """What a run that runs freely, and one with the spikes of the float run fed in, are away from that."""
        spikes = spike_records(self.pair.scaled)
        counted = [(_counts(self.float_run.emitted[name]), _counts(free.emitted[name])) for name in spikes.values()]
        difference = sum(float(np.abs(a - b).sum()) for a, b in counted)
        spike_error = difference / max(1.0, sum(float(a.sum()) for a, _ in counted))
        return Cost(self._decision_error(forced), spike_error, *self._classes(free))

    def _decision_error(self, forced: Trace) -> float:
        expected = dict(signals(self.pair, self.float_run))
        shares = [float(np.mean((found - expected[name]) ** 2) / max(np.mean(expected[name] ** 2), 1e-300))
                  for name, found in signals(self.pair, forced)]
        return float(np.mean(shares)) if shares else 0.0

    def _classes(self, free: Trace) -> tuple[float | None, float | None]:
        if self.classes is None:
            return None, None
        expected, found = self.classes.of(self.float_run), self.classes.of(free)
        changed = float((expected != found).mean())
        if self.classes.label is None:
            return changed, None
        label = self.classes.label[:, None] if expected.ndim == 2 else self.classes.label
        return changed, float((expected == label).mean() - (found == label).mean())


def _counts(rows: np.ndarray) -> np.ndarray:
    return (rows != 0).sum(axis=1, dtype=np.int64)


def shares(found: Blame) -> Mapping[str, tuple[float, float]]:
    """By component, what part of the total decision error it causes alone, and what part goes when it is put back."""
    total = found.total.decision_error or 1.0
    return {item.name: (item.alone.decision_error / total, 1 - item.put_back.decision_error / total)
            for item in found.components if item.alone and item.put_back}
