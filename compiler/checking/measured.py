"""The verdict `model → fixed`: what the bits cost on calibration data, and what they cut off."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from compiler import interpreter, reference
from compiler.checking.verdicts import Verdict
from compiler.formats import BoolType, Format
from compiler.ir.network import Network
from compiler.percent import percent
from compiler.results.archive import physical

Inputs = Mapping[str, np.ndarray]


def measured(model: Network, fixed: Network, inputs: Inputs, at_ports: Callable[[Network, Inputs], Inputs]) -> Verdict:
    """Float model against the golden model on the same input. at_ports: inputs as the ports of a network hold them."""
    names = [name for name in _emitted(model) if name in set(_emitted(fixed))]
    cuts = _Cuts(fixed)
    left = interpreter.run(model, inputs, record=names)
    right = reference.run(fixed, at_ports(fixed, inputs), record=names, observer=cuts.observe)
    populations, values = {}, {}
    for name in names:
        a, b = left.records[name], right.records[name]
        if isinstance(_type_of(fixed, name), BoolType):
            populations[name] = _spikes(a, b)
        else:
            values[name] = _relative(a, physical(fixed, name, b))
    count = sum(int(item.size) for item in left.records.values())
    samples = next(iter(inputs.values())).shape[0]
    coverage = {"populations": populations, "values": values, "cut_off": cuts.shares()}
    return Verdict("model → fixed", "measured", count, samples, coverage, None, "; ".join(_told(populations, values)))


def _told(populations: Mapping[str, Mapping[str, float]], values: Mapping[str, float]) -> Iterator[str]:
    if populations:
        worst = max(item["moved"] for item in populations.values())
        yield f"at most {percent(worst)} of the spikes of a population stand in another step"
    if values:
        yield f"values differ by at most {percent(max(values.values()))} of their size (rms)"


def _spikes(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    """Rates and differences of two spike records [samples, steps, units].

    moved: share of the spikes of both that have no counterpart in the same step, 1 - Dice's coefficient (1945).
    counts_off: mean difference of the spike counts of samples and units, as a share of the mean count.
    """
    a, b = a != 0, b != 0
    difference = np.abs(a.sum(1, dtype=np.int64) - b.sum(1, dtype=np.int64))
    return {"spike_disagreement": float((a != b).mean()), "moved": float((a != b).sum() / max(a.sum() + b.sum(), 1)),
            "spike_rate": float(a.mean()), "fixed_spike_rate": float(b.mean()),
            "spike_count_error": float(difference.mean()),
            "counts_off": float(difference.sum() / max(a.sum(), 1))}


def _relative(a: np.ndarray, b: np.ndarray) -> float:
    """Root mean square of the difference over that of the float values; 0 where both are 0."""
    size = float(np.sqrt(np.mean(np.square(a, dtype=np.float64))))
    error = float(np.sqrt(np.mean(np.square(a - b))))
    return error / size if size else float(error > 0)


class _Cuts:
    """Counts how often values that saturate stand at an end of their format."""

    def __init__(self, network: Network):
        self.types = {name: network.programs[site.program].types() for name, site, _ in network.sites()}
        self.states = {name: {value: state for state, value in network.programs[site.program].updates}
                       for name, site, _ in network.sites()}
        self.found: dict[str, tuple[int, int]] = {}

    def observe(self, site: str, name: str, raw: np.ndarray) -> None:
        type_ = self.types[site][name]
        if not isinstance(type_, Format) or type_.overflow != "saturate":
            return
        key = f"{site}.{self.states[site].get(name, name)}"
        cut, count = self.found.get(key, (0, 0))
        self.found[key] = cut + int(((raw >= type_.high) | (raw <= type_.low)).sum()), count + raw.size

    def shares(self) -> dict[str, float]:
        """Share of the values cut off, by state (or by value where it is not kept) that saturates at all."""
        return {name: cut / count for name, (cut, count) in self.found.items()}


def _emitted(network: Network) -> list[str]:
    """Records of everything that populations emit."""
    return [f"{item.name}.{emit.port}" for item in network.populations
            for emit in network.programs[item.site.program].emits]


def _type_of(network: Network, record: str):
    population, _, port = record.rpartition(".")
    return network.programs[network.node(population).site.program].emit_type(port)  # pyright: ignore
