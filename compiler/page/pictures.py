"""What is shown of a run: the sample in which float and fixed first differ, some units, a state of each population."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from compiler.explain.errors import deciding, lsb_of, spike_records
from compiler.explain.explanation import Explanation
from compiler.explain.site import Pair
from compiler.formats import FloatType
from compiler.ir.program import Program

if TYPE_CHECKING:
    from compiler.ir.network import Network, Population

MOST_UNITS, MOST_STEPS = 40, 240


@dataclass(frozen=True)
class Picture:
    """Of one population. spikes: [T, k] of float and fixed, for `units`; None where it emits values. state: record, and
    its values [T] of float and fixed in the unit of the model, of neuron `unit`. mark: step of its first difference."""

    population: str
    sample: int
    units: list[int]
    spikes: tuple[np.ndarray, np.ndarray] | None
    unit: int
    state: str
    values: tuple[np.ndarray, np.ndarray] | None
    threshold: float | None
    mark: int | None


def pictures(found: Explanation, network: Network) -> list[Picture]:
    """One for every population, of the same sample. network: the model."""
    sample = _sample(found)
    return [_picture(found, network, item, sample) for item in network.populations]


def _sample(found: Explanation) -> int:
    first = [item.divergence for item in found.populations.values() if item.divergence]
    return min(((item.step, item.sample) for item in first), default=(0, 0))[1]


def _picture(found: Explanation, network: Network, item: Population, sample: int) -> Picture:
    record = spike_records(network).get(item.name)
    pair = None
    unit, mark = 0, None
    if record is not None:
        pair = tuple(run.emitted[record][sample] != 0 for run in (found.runs.float_run, found.runs.closed))
        unit, mark = _first_difference(*pair)
    units = _chosen(item.size, unit)
    shown = None if pair is None else (pair[0][:MOST_STEPS, units], pair[1][:MOST_STEPS, units])
    state = _shown_state(found, item)
    values = _values(found, state, sample, unit) if state else None
    return Picture(item.name, sample, units, shown, unit, state, values, _threshold(found, item, unit), mark)


def _shown_state(found: Explanation, item: Population) -> str:
    """The record of the state that is compared with a threshold as it becomes in a step; else the first."""
    records = [name for name in found.populations[item.name].states if name.startswith(f"{item.name}.")]
    if found.pair is None or not records:
        return next(iter(records), "")
    program = found.pair.scaled.programs[found.pair.scaled.node(item.name).site.program]  # pyright: ignore
    compared = {operand for name in deciding(found.pair.scaled).get(item.name, [])
                for operand in program.op(name.rpartition(".")[2]).names}
    return next((name for name in records if compared & _made_of(program, name.rpartition(".")[2])), records[0])


def _made_of(program: Program, state: str) -> set[str]:
    """Names of the values that a state becomes, followed back to the operations on what it was."""
    ops, waiting, found = {op.result: op for op in program.ops}, [program.update_of(state)], set()
    while waiting:
        name = waiting.pop()
        if isinstance(name, str) and name not in found:
            found.add(name)
            waiting += ops[name].operands if name in ops else ()
    return found - {item.name for item in (*program.params, *program.inputs)}


def _first_difference(expected: np.ndarray, found: np.ndarray) -> tuple[int, int | None]:
    """Unit and step of the first spike that differs; else the busiest unit."""
    steps, units = np.nonzero(expected != found)
    if len(steps):
        return int(units[0]), int(steps[0])
    return int(expected.sum(axis=0).argmax()), None


def _chosen(size: int, unit: int) -> list[int]:
    """Evenly spaced units, and the one that is looked at."""
    spaced = np.unique(np.linspace(0, size - 1, min(size, MOST_UNITS)).astype(int))
    if unit not in spaced:
        spaced[np.abs(spaced - unit).argmin()] = unit
    return [int(index) for index in np.sort(spaced)]


def _values(found: Explanation, record: str, sample: int, unit: int) -> tuple[np.ndarray, np.ndarray]:
    scale, origin = 1.0, 0.0
    if found.pair is not None:
        site, _, name = record.rpartition(".")
        scale = _of_unit(lsb_of(found.pair, site, name)[1], unit)
        origin = _origin(found.pair, record, unit)
    left, right = (
        run.records[record][sample, :MOST_STEPS, unit] * scale + origin
        for run in (found.runs.float_run, found.runs.closed)
    )
    return left, right


def _of_unit(values: np.ndarray, unit: int) -> float:
    return float(values.reshape(-1)[unit % values.size])


def _origin(pair: Pair, record: str, unit: int) -> float:
    """What 0 is in the unit of the model, where a chip counts from elsewhere."""
    found = pair.form.origins.get(record) if pair.form else None
    return 0.0 if found is None else _of_unit(found, unit)


def _threshold(found: Explanation, item: Population, unit: int) -> float | None:
    """What the state is compared with, where that is a constant."""
    if found.pair is None:
        return None
    network = found.pair.scaled
    site = network.node(item.name).site  # pyright: ignore[reportAttributeAccessIssue]
    program = network.programs[site.program]
    constants = {param.name for param in program.params if isinstance(param.type, FloatType)}
    for name in deciding(network).get(item.name, []):
        for operand in program.op(name.rpartition(".")[2]).names:
            if operand in constants:
                scale = np.asarray(1.0 if site.scale is None else network.real(site.scale))
                value = _of_unit(network.real(site.arguments[operand]), unit) * _of_unit(scale, unit)
                return value + _origin(found.pair, f"{item.name}.{operand}", unit)
    return None
