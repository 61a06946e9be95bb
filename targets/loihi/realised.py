"""What was asked for and what the registers hold: time constants, potentials, weights, each read back and compared."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from compiler.ir.network import Network, Population
from targets.loihi.arrivals import Arrival, arrivals_of
from targets.loihi.neuron import Neuron, recognise
from targets.loihi.population_scale import unit_of
from targets.loihi.registers import ONE, Registers, registers_of
from targets.loihi.synapses import synapses_of, values_of


@dataclass(frozen=True)
class Realised:
    """Medians over units, and the largest relative error of any unit."""

    meaning: str
    asked: float
    realised: float
    error: float


@dataclass(frozen=True)
class PopulationRegisters:
    """registers: (least, largest) by name. realised: by register, what it stands for."""

    name: str
    registers: dict[str, tuple[int, int]]
    realised: dict[str, Realised]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class ProjectionRegisters:
    """error: root mean square of what mantissas are off by, in the largest weight. delays: beyond that of arrival."""

    name: str
    mode: str
    bits: int
    exponent: int
    least: int
    largest: int
    error: float
    delays: tuple[int, int]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def realised(model: Network, mapped: Network) -> tuple[list[PopulationRegisters], list[ProjectionRegisters]]:
    """Registers of a mapped network beside the numbers of the model that it was compiled from."""
    asked, populations, projections = model.copy(), [], []
    for population in mapped.populations:
        before = asked.node(population.name)
        assert isinstance(before, Population)
        neuron = recognise(asked, before.name, before.site)
        unit = unit_of(neuron, before.size)
        arrivals = arrivals_of(asked, before.name, neuron, unit)
        found = registers_of(mapped, population)
        step = mapped.real(population.site.scale)  # pyright: ignore[reportArgumentType]
        populations.append(PopulationRegisters(population.name, dict(_spans(found)), dict(
            _compared(neuron, arrivals, found, np.broadcast_to(step, unit.shape), mapped.dt))))
        projections += [_projection(mapped, item, unit / step) for item in arrivals]
    return populations, projections


def _spans(found: Registers) -> Iterator[tuple[str, tuple[int, int]]]:
    parts = {"du": found.du, "dv": found.dv, "vth": found.threshold, "low_vth": found.low_threshold,
             "offset": found.offset, "bias_mant": found.bias_mantissa, "bias_exp": found.bias_exponent,
             "refractory": found.held + 1, "v0": found.v0, "u0": found.u0}
    plain = {"bias_mant": 0, "bias_exp": 0, "refractory": 1, "v0": 0, "u0": 0}
    for name, values in parts.items():
        if values is not None and not (name in plain and (values == plain[name]).all()):
            yield name, (int(values.min()), int(values.max()))


def _compared(
    neuron: Neuron, arrivals: list[Arrival], found: Registers, step: np.ndarray, dt: float
) -> Iterator[tuple[str, Realised]]:
    """step: potential that one integer of v stands for."""
    leak = next((item.kept for item in arrivals if np.any(item.kept)), neuron.kept_current)
    for name, asked, kept in (("du", leak, ONE - 1 - found.du), ("dv", neuron.kept, ONE - found.dv)):
        entry = _time_constant(asked, kept / ONE, dt)
        if entry is not None:
            yield name, entry
    potentials = {"vth": (neuron.threshold, found.threshold, neuron.rest),
                  "low_vth": (neuron.low_threshold, found.low_threshold, neuron.rest),
                  "offset": (neuron.offset if neuron.reset == "subtract" else None, found.offset, np.zeros(()))}
    for name, (asked, mantissa, rest) in potentials.items():
        if asked is not None and mantissa is not None:
            yield name, _entry("potential", asked, (mantissa << 6) * step + rest)


def _time_constant(asked: np.ndarray, kept: np.ndarray, dt: float) -> Realised | None:
    """None where something is lost or kept as a whole, on both sides."""
    asked = np.broadcast_to(asked, kept.shape)
    inside = (asked > 0) & (asked < 1) & (kept > 0) & (kept < 1)
    if not inside.any():
        return None
    times = -dt / np.log(asked[inside]), -dt / np.log(kept[inside])
    return _entry("time constant, ms:", *times)


def _entry(meaning: str, asked: np.ndarray, found: np.ndarray) -> Realised:
    asked = np.broadcast_to(asked, found.shape)
    error = np.abs(found - asked) / np.where(asked == 0, 1.0, np.abs(asked))
    return Realised(meaning, float(np.median(asked)), float(np.median(found)), float(error.max()))


def _projection(mapped: Network, item: Arrival, unit: np.ndarray) -> ProjectionRegisters:
    """unit: integers of v that a threshold stands for [post]."""
    projection = mapped.projection(item.projection.name)
    found = synapses_of(mapped, projection)
    delays = mapped.delays(projection) - 1
    scale = 2.0 ** (found.exponent + 6)
    if isinstance(item.matrix, np.ndarray) and isinstance(found.mantissas, np.ndarray):
        off = found.mantissas * scale / unit[:, None] - item.matrix * 2.0**-item.fraction
    else:
        off = values_of(_sparse(found.mantissas) * (scale / unit)[:, None] - _sparse(item.matrix) * 2.0**-item.fraction)
    largest = float(np.abs(values_of(item.matrix)).max(initial=0.0)) * 2.0**-item.fraction or 1.0
    count = max(values_of(item.matrix).size, 1)
    error = float(np.sqrt(np.square(off).sum() / count)) / largest
    values = found.values
    return ProjectionRegisters(projection.name, found.mode, found.bits, found.exponent,
                               int(values.min(initial=0)), int(values.max(initial=0)), error,
                               (int(delays.min()), int(delays.max())))


def _sparse(matrix):
    import scipy.sparse as sparse

    return sparse.csr_array(matrix)
