"""How strong random currents must be to make a network work: the least gain at which units fire."""

from __future__ import annotations

import numpy as np

from compiler.checking.coverage import ENOUGH
from compiler.formats import BoolType, FloatType
from compiler.interpreter import run
from compiler.ir.network import Network

_GAINS = tuple(4.0**power for power in range(-4, 13))
_SAMPLES, _FEWEST_STEPS, _MOST_STEPS = 4, 16, 128
_WORK, _MOST_WORK = 1e8, 5e8
"""Synaptic operations that one run may cost: rather fewer steps; and at most, or nothing is tried."""


def takes_currents(network: Network) -> bool:
    """Whether an input of the network is a current in its own unit (pA, say), of which nobody knows the size."""
    return any(item.port.kind == "current" and isinstance(item.port.type, FloatType) for item in network.inputs)


def current_gain(network: Network, inputs: dict[str, np.ndarray], synapses: int) -> float:
    """What to multiply random currents [B, T, n] of size 1 with, so that 90 % of the firing units fire in a float run.

    1 where nothing fires whatever the gain, where there is nothing that could, and in networks whose number of
    `synapses` makes it too slow to find out.
    """
    steps = int(np.clip(_WORK / max(_SAMPLES * synapses, 1), _FEWEST_STEPS, _MOST_STEPS))
    if _SAMPLES * steps * synapses > _MOST_WORK:
        return 1.0
    inputs = {name: rows[:_SAMPLES, :steps] for name, rows in inputs.items()}
    names = [f"{item.name}.{emit.port}" for item in network.populations
             for emit in network.programs[item.site.program].emits
             if isinstance(network.programs[item.site.program].emit_type(emit.port), BoolType)]
    currents = {item.name for item in network.inputs if item.port.kind == "current"}
    best, most = 1.0, 0.0
    for gain in _GAINS if names else ():
        scaled = {name: rows * (gain if name in currents else 1) for name, rows in inputs.items()}
        share = _active(network, scaled, names)
        if share > most:
            best, most = gain, share
        if most >= ENOUGH:
            break
    return best


def _active(network: Network, inputs: dict[str, np.ndarray], names: list[str]) -> float:
    """The share of units that fire; 0 where a value leaves the numbers."""
    with np.errstate(over="ignore", invalid="ignore"):
        result = run(network, inputs, record=names)
    if not all(np.all(np.isfinite(rows)) for rows in (*result.state.values(), *result.outputs.values())):
        return 0.0
    return float(np.mean(np.concatenate([result.records[name].any(axis=(0, 1)).ravel() for name in names])))
