"""The explanation of a compile on given samples: errors of every population, and blame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler.explain import engine
from compiler.explain.blame import Blame, Classes, blame
from compiler.explain.engine import Trace
from compiler.explain.errors import PopulationError, Runs, deciding, errors_of, lsb_of, state_records
from compiler.explain.pairing import COMPONENTS
from compiler.explain.preparation import pair_of
from compiler.explain.site import Pair
from compiler.ir.network import Network, Output
from compiler.readout import classify, readout_of, record_read
from compiler.stimulus import affordable_samples, affordable_steps

if TYPE_CHECKING:
    from compiler.pipeline import Compilation

_WORK = 4e9
"""Synaptic operations of one run."""
_VALUES = 1 << 24
"""Values of all units over all samples and steps of one run."""

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Explanation:
    """samples, steps: how many it was measured on. runs: what it was measured from; pair: on what. blame: None where it
    was not asked for."""

    samples: int
    steps: int
    populations: dict[str, PopulationError]
    blame: Blame | None
    pair: Pair
    runs: Runs

    def as_json(self) -> dict[str, Any]:
        return {"samples": self.samples, "steps": self.steps,
                "populations": {name: item.as_json() for name, item in self.populations.items()},
                "blame": self.blame.as_json() if self.blame else None}


def explain(compilation: Compilation, inputs: Mapping[str, np.ndarray], label: np.ndarray | None = None,
            blamed: bool = True, most: int | None = None, progress: Progress = lambda stage, share: None
            ) -> Explanation:
    """Explain what a compile lost on inputs [B, T, n], as many of them as are quickly run.

    label: classes [B]. blamed: also run every component alone. most: samples. Errors: E311 for targets with an
    arithmetic of their own.
    """
    from compiler.report import constants

    pair = pair_of(compilation)
    inputs = _quickly_run(compilation.model, inputs, most)
    samples, steps = next(iter(inputs.values())).shape[:2]
    classes = _classes(pair, None if label is None else label[:samples]) if compilation.model.outputs else None
    progress("explain", 0.0)
    runs = _runs(pair, inputs, classes)
    told = {item.name: list(constants(compilation, item.name)) for item in compilation.model.populations}
    populations = errors_of(pair, runs, told)
    found = None
    if blamed:
        found = blame(pair, inputs, runs, classes, lambda share: progress("blame", 0.2 + 0.8 * share))
    return Explanation(samples, steps, populations, found, pair, runs)


def _quickly_run(model: Network, inputs: Mapping[str, np.ndarray], most: int | None) -> dict[str, np.ndarray]:
    given, longest = next((rows.shape[:2] for rows in inputs.values()), (1, 1))
    steps = affordable_steps(model, longest)
    units = sum(item.size for item in (*model.populations, *model.inputs))
    room = max(1, _VALUES // (units * steps))
    samples = min(affordable_samples(model, steps, given, _WORK), room, most or given)
    return {name: np.asarray(rows[:samples, :steps], np.float64) for name, rows in inputs.items()}


def _classes(pair: Pair, label: np.ndarray | None) -> Classes | None:
    output = output_of(pair.scaled)
    readout, record = readout_of(pair.scaled, output), record_read(pair.scaled, output)
    site, _, name = record.rpartition(".")
    scale = lsb_of(pair, site, name)[1]

    def read(trace: Trace) -> np.ndarray:
        values = trace.emitted[record] if record in trace.emitted else trace.records[record]
        return classify(values * scale, readout)

    return Classes(record, read, label)


def output_of(network: Network) -> Output:
    """The output that classes are read from: `output`, else the first by name."""
    outputs = {item.name: item for item in network.outputs}
    return outputs.get("output") or outputs[min(outputs)]


def _runs(pair: Pair, inputs: Mapping[str, np.ndarray], classes: Classes | None) -> Runs:
    records = state_records(pair)
    records += [classes.record] if classes and classes.record not in records else []
    margins = [name for names in deciding(pair.scaled).values() for name in names]
    free = engine.run(pair, (), inputs, records, margins)
    closed = engine.run(pair, COMPONENTS, inputs, records)
    forced = engine.run(pair, COMPONENTS, inputs, records, margins, free.emitted)
    return Runs(free, closed, forced)
