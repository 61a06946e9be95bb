"""What a search tried and chose, and its table for people."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from compiler.comparison.accuracy import Proportion
from compiler.mixed_precision.amounts import kib
from compiler.options import Options


@dataclass(frozen=True)
class Choice:
    """What the integers of an allocation give.

    bits: by name, of weights where it is a projection's, of states where it is a population's. memory: bits of weights
    and states of the compiled network. mean_bits: of a weight. cores: None where no chip was named or it does not fit.
    """

    bits: dict[str, int]
    memory: int
    right: Proportion
    mean_bits: float
    cores: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {"bits": self.bits, "memory_bits": self.memory, "accuracy": self.right.value, "n": self.right.n,
                "mean_bits": self.mean_bits, "cores": self.cores}

    def words(self) -> str:
        """The bits as `--bits` takes them."""
        return " ".join(f"{name}={width}" for name, width in self.bits.items())


@dataclass(frozen=True)
class Search:
    """What was tried and chosen, from the widest bits down. options: of the compile with the chosen bits.

    labelled: whether accuracy is against labels, or against the float network's classes. sensitivity: by name and
    width, mean square by which the scores move, in their own variance.
    """

    reference: Proportion
    labelled: bool
    rows: list[Choice]
    chosen: Choice
    options: Options
    sensitivity: dict[str, dict[int, float]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"float": self.reference.value, "labelled": self.labelled, "chosen": self.chosen.as_json(),
                "pareto": [item.as_json() for item in self.rows],
                "sensitivity": {name: {str(width): value for width, value in found.items()}
                                for name, found in self.sensitivity.items()}}


def lines(found: Search) -> list[str]:
    """The table of what was tried, for people."""
    header = ["accuracy" if found.labelled else "as float", "bits", "memory", "cores", "bits of weights and of states"]
    rows = [header, *(_row(item, item is found.chosen) for item in found.rows)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    table = ["  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [f"bits, on {found.reference.n} decisions; floating point {found.reference}", *table,
            f"chosen: {found.chosen.right}, {kib(found.chosen.memory)}"]


def _row(item: Choice, chosen: bool) -> list[str]:
    return [f"{100 * item.right.value:.2f} %", f"{item.mean_bits:.2f}", kib(item.memory),
            "-" if item.cores is None else str(item.cores), item.words() + ("  <- chosen" if chosen else "")]
