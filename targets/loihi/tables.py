"""Files of the chip: core tables, and what runs them, are those of the family `cores`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from compiler import discovery
from compiler.chips import Chip
from compiler.ir.network import Network
from compiler.results.results import Result


def _cores():
    return discovery.targets()["cores"]


def emit(network: Network, chip: Chip) -> dict[str, bytes]:
    """The tables of every core of a mapped network; the same network gives the same bytes."""
    return _cores().emit(network, chip)


def run(
    folder: Path,
    inputs: Mapping[str, np.ndarray],
    state: Mapping[str, np.ndarray] | None = None,
    record: Iterable[str] = (),
) -> Result:
    """Run core tables on inputs [B, T, n], raw integers by name. Errors: E540 to E545."""
    return _cores().run(folder, inputs, state, record)


def stored_weights(folder: Path, network: Network, name: str, chip: Chip) -> np.ndarray:
    """Raw weights [post, pre] of a projection, read back from core tables."""
    return _cores().stored_weights(folder, network, name, chip)
