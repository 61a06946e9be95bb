"""What a stimulus exercised: a verdict without coverage is worth nothing (semantics 17)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from compiler.formats import BoolType, Format
from compiler.ir.network import WEIGHT, Input, Network, Projection
from compiler.results.results import Result, source_delays

ENOUGH = 0.9
"""Least share of units that must have been active."""


class Coverage:
    """Collects what the golden model computes; pass `observe` as its observer."""

    def __init__(self, network: Network):
        self.network = network
        self.programs = {name: network.programs[site.program] for name, site, _ in network.sites()}
        self.types = {name: program.types() for name, program in self.programs.items()}
        self.lowest: dict[tuple[str, str], int] = {}
        self.highest: dict[tuple[str, str], int] = {}

    def observe(self, site: str, name: str, raw: np.ndarray) -> None:
        key = (site, name)
        self.lowest[key] = min(self.lowest.get(key, int(raw.min())), int(raw.min()))
        self.highest[key] = max(self.highest.get(key, int(raw.max())), int(raw.max()))

    def summary(self, inputs: Mapping[str, np.ndarray], result: Result) -> dict:
        """Shares and what was missed, JSON-able. `result` must hold the record of every emitted port and weight."""
        active = {item.name: self._active(item.name, result) for item in self.network.populations}
        units = sum(item.size for item in self.network.populations)
        missed_compares = [f"%{site}.{name} always {'true' if self.lowest[site, name] else 'false'}"
                           for site, name in self._conditions() if self.lowest[site, name] == self.highest[site, name]]
        saturating = [(site, name) for site, name, type_ in self._saturating()]
        unsaturated = [f"{site}.{name}" for site, name, type_ in self._saturating()
                       if self.highest[site, name] < type_.high and self.lowest[site, name] > type_.low]
        slots, missed = self._delays(inputs, result)
        return {
            "units": sum(int(item.sum()) for item in active.values()) / max(units, 1),
            "units_by_population": {name: float(item.mean()) for name, item in active.items()},
            "silent_units": {name: np.flatnonzero(~item)[:16].tolist() for name, item in active.items()},
            "compares": len(list(self._conditions())),
            "compares_one_sided": missed_compares,
            "delay_slots": slots,
            "delay_slots_missed": missed,
            "weights_changed": self._changed(result),
            "saturating_values": len(saturating),
            "saturating_values_missed": unsaturated,
        }

    def _conditions(self):
        for site, program in self.programs.items():
            for op in program.ops:
                if isinstance(op.type, BoolType) and (site, op.result) in self.lowest:
                    yield site, op.result

    def _saturating(self):
        for site, types in self.types.items():
            for name, type_ in types.items():
                if isinstance(type_, Format) and type_.overflow == "saturate" and (site, name) in self.lowest:
                    yield site, name, type_

    def _active(self, population: str, result: Result) -> np.ndarray:
        """Units that emitted something but their first value: a spike, or a changed value."""
        program = self.programs[population]
        active = np.zeros(self.network.size_of(population), bool)
        for emit in program.emits:
            rows = result.records[f"{population}.{emit.port}"]
            active |= (rows != 0).any((0, 1))
        return active

    def _changed(self, result: Result) -> dict[str, float]:
        """Share of the plastic synapses of each projection whose weight changed."""
        rows = {item.name: result.records[f"{item.name}.synapse.{WEIGHT}"]
                for item in self.network.projections if item.synapse is not None}
        return {name: float((value != value[:, :1]).any((0, 1)).mean()) for name, value in rows.items()}

    def _delays(self, inputs: Mapping[str, np.ndarray], result: Result) -> tuple[int, list[str]]:
        """Number of delay slots in use, and those through which nothing ever arrived."""
        count, missed = 0, []
        for projection in self.network.projections:
            emitted = _emitted(self.network, projection, inputs, result)
            delays = source_delays(self.network, projection)
            for delay in np.unique(delays):
                count += 1
                rows = emitted[:, : emitted.shape[1] - int(delay)]
                arrived = np.asarray(rows.any(axis=(0, 1)))
                if not arrived[_senders(delays, int(delay), rows.shape[2])].any():
                    missed.append(f"{projection.name} delay {int(delay)}")
        return count, missed


def _senders(delays: np.ndarray, delay: int, units: int) -> np.ndarray:
    """Presynaptic units that use a delay."""
    if delays.ndim == 2:
        return (delays == delay).any(axis=0)
    return np.broadcast_to(delays == delay, (units,))


def _emitted(network: Network, projection: Projection, inputs, result: Result) -> np.ndarray:
    if isinstance(network.node(projection.source), Input):
        return np.asarray(inputs[projection.source])
    return result.records[f"{projection.source}.{projection.source_port}"]


def shortfall(coverage: Mapping) -> str:
    """Why the coverage is too little for a verdict, empty where it is enough."""
    if coverage["units"] < ENOUGH:
        shares = coverage["units_by_population"].items()
        silent = ", ".join(f"%{name} {100 * share:.0f} % active" for name, share in shares if share < ENOUGH)
        return f"only {100 * coverage['units']:.0f} % of the units were active ({silent})"
    dead = [name for name, share in coverage["units_by_population"].items() if share < 0.5]
    if dead:
        return f"most units of {', '.join('%' + name for name in dead)} stayed silent"
    still = [name for name, share in coverage["weights_changed"].items() if not share]
    if still:
        return f"no weight of {', '.join(still)} changed"
    if coverage["delay_slots_missed"]:
        return f"nothing arrived through {', '.join(coverage['delay_slots_missed'][:4])}"
    return ""
