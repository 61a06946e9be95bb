"""What a lowering of a connection does: extend a chain of sums by one link."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass, field
from types import ModuleType

import numpy as np

from compiler.ir.connections.base import Connection
from compiler.ir.network import Network
from targets.jax_fixed.writer import quoted


@dataclass
class Chain:
    """A chain of connections being written.

    text: the value so far, [..., units]; shape: its units; low, high: what every unit can be, int64. key: what the
    weights of the next link are called. weights: how they are made from the tensors.
    """

    network: Network
    key: str
    text: str
    shape: tuple[int, ...]
    low: np.ndarray
    high: np.ndarray
    lines: list[str] = field(default_factory=list)
    weights: dict[str, str] = field(default_factory=dict)
    links: int = 0

    def put(self, text: str, shape: tuple[int, ...], low: np.ndarray, high: np.ndarray) -> None:
        """The value after one more link."""
        self.lines.append(f"sums = {text}")
        self.text, self.shape, self.low, self.high = "sums", shape, low, high
        self.links += 1

    def weigh(self, text: str) -> str:
        """Name the arrays of weights that this Python text makes; gives the text that reads them."""
        name = self.key if self.key not in self.weights else f"{self.key}.{len(self.weights) + 1}"
        self.weights[name] = text
        return f"weights[{quoted(name)}]"

    def ends(self) -> tuple[int, int]:
        """Least and greatest value of any unit."""
        return int(self.low.min()), int(self.high.max())


def find(connection: Connection) -> ModuleType | None:
    """The lowering of a connection's kind, None where there is none."""
    name = f"targets.jax_fixed.connections.{connection.keyword}"
    return importlib.import_module(name) if importlib.util.find_spec(name) else None


def sum_ends(matrix, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest sum of every row of a dense or sparse matrix; far beyond 32 bits only roughly."""
    ends = [], []
    for start in range(0, matrix.shape[0], 1024):
        rows = matrix[start : start + 1024].astype(np.float64)
        up = rows.maximum(0) if hasattr(rows, "maximum") else np.maximum(rows, 0)
        down = rows - up
        ends[0].append(up @ low.astype(np.float64) + down @ high)
        ends[1].append(up @ high.astype(np.float64) + down @ low)
    limit = 2.0**62
    lows, highs = (np.clip(np.concatenate(item), -limit, limit).astype(np.int64) for item in ends)
    return lows, highs
