"""What a compile costs, in numbers with intervals: accuracy, agreement, spike counts, first divergence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv


@dataclass(frozen=True)
class Proportion:
    """A share of n trials with its exact 95 % interval (Clopper and Pearson, Biometrika 26:404, 1934)."""

    successes: int
    n: int

    @property
    def value(self) -> float:
        return self.successes / self.n

    @property
    def interval(self) -> tuple[float, float]:
        return clopper_pearson(self.successes, self.n)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{100 * self.value:.2f} % [{100 * low:.2f}, {100 * high:.2f}]"


def clopper_pearson(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Exact binomial interval: quantiles of beta distributions.

    >>> [round(x, 4) for x in clopper_pearson(0, 10)]
    [0.0, 0.3085]
    >>> [round(x, 4) for x in clopper_pearson(97, 100)]
    [0.9148, 0.9938]
    """
    tail = (1 - confidence) / 2
    low = float(betaincinv(successes, n - successes + 1, tail)) if successes else 0.0
    high = float(betaincinv(successes + 1, n - successes, 1 - tail)) if successes < n else 1.0
    return low, high


def accuracy(classes: np.ndarray, label: np.ndarray) -> Proportion:
    """Right classes: [B], or [B, T] of a per-step read-out, against labels [B]."""
    right = classes == (label[:, None] if classes.ndim == 2 else label)
    return Proportion(int(right.sum()), right.size)


def agreement(classes: np.ndarray, other: np.ndarray) -> Proportion:
    """How often two runs give the same class, right or wrong."""
    same = classes == other
    return Proportion(int(same.sum()), same.size)


def spike_count_error(reference: np.ndarray, spikes: np.ndarray) -> float:
    """Mean over samples and units of |spike count - reference count|, as a share of the mean reference count.

    reference, spikes: [B, T, n]. Where the reference is silent, the number of spikes.

    >>> spike_count_error(np.array([[[1, 0], [1, 1]]]), np.array([[[1, 0], [1, 0]]]))
    0.3333333333333333
    """
    expected = (reference != 0).sum(axis=1, dtype=np.int64)
    difference = np.abs((spikes != 0).sum(axis=1, dtype=np.int64) - expected).sum()
    return float(difference / max(1, expected.sum()))


@dataclass(frozen=True)
class Divergence:
    """The first value in which two runs differ: earliest step, then lowest sample, then lowest neuron."""

    population: str
    sample: int
    step: int
    neuron: int
    margin: float | None = None
    """Distance of the deciding comparison from its threshold in the reference run, in the reference's unit."""

    def as_json(self) -> dict[str, str | int | float | None]:
        return {"population": self.population, "sample": self.sample, "step": self.step, "neuron": self.neuron,
                "margin": self.margin}


def first_divergence(reference: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> Divergence | None:
    """Where the emitted values [B, T, n] of two runs first differ, by population; None where they are equal.

    Within one step and sample the populations count in the order given.
    """
    found: list[tuple[int, int, int, int, str]] = []
    for rank, (population, expected) in enumerate(reference.items()):
        differs = (expected != 0) != (other[population] != 0)
        if differs.any():
            step = int(differs.any(axis=(0, 2)).argmax())
            sample = int(differs[:, step].any(axis=1).argmax())
            found.append((step, sample, rank, int(differs[sample, step].argmax()), population))
    if not found:
        return None
    step, sample, _, neuron, population = min(found)
    return Divergence(population, sample, step, neuron)
