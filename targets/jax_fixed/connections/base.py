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
    weights of the next link are called. weights: how they are made from the tensors. row_bytes: the most that one row
    of values takes on its way. free: whether weights may take any sign, the tensors showing their magnitudes.
    """

    network: Network
    key: str
    text: str
    shape: tuple[int, ...]
    low: np.ndarray
    high: np.ndarray
    lines: list[str] = field(default_factory=list)
    weights: dict[str, str] = field(default_factory=dict)
    row_bytes: int = 0
    free: bool = False

    def put(self, item: Connection, text: str) -> None:
        """The value after one more link, computed by this text."""
        self.low, self.high = item.reach(self.low, self.high, self.shape, self.network.tensors)
        if self.free:
            self.high = np.maximum(np.abs(self.low), np.abs(self.high))
            self.low = -self.high
        self.shape = item.output_shape(self.shape, self.network.tensors)
        self.lines.append(f"sums = {text}")
        self.text = "sums"
        self.hold(4 * len(self.low))

    def hold(self, bytes_: int) -> None:
        """Take note of what one row needs."""
        self.row_bytes = max(self.row_bytes, bytes_)

    def weigh(self, text: str) -> str:
        """Name the arrays of weights that this Python text makes; gives the text that reads them."""
        name = self.key if self.key not in self.weights else f"{self.key}.{len(self.weights) + 1}"
        self.weights[name] = text
        return f"weights[{quoted(name)}]"

    @property
    def ends(self) -> str:
        """Least and greatest value of any unit, as arguments."""
        return f"{int(self.low.min())}, {int(self.high.max())}"


def find(connection: Connection) -> ModuleType | None:
    """The lowering of a connection's kind, None where there is none."""
    name = f"targets.jax_fixed.connections.{connection.keyword}"
    return importlib.import_module(name) if importlib.util.find_spec(name) else None
