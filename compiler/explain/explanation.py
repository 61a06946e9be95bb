"""The explanation of a compile on given samples: errors of every population, and blame."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler import interpreter, reference
from compiler.certificates.certificate import cuts
from compiler.checking.stimulus import affordable_samples, affordable_steps
from compiler.comparison.accuracy import Proportion, accuracy
from compiler.diagnostics import DiagnosticError
from compiler.explain import engine
from compiler.explain.arrival import E311
from compiler.explain.blame import Blame, Classes, blame
from compiler.explain.engine import Trace
from compiler.explain.errors import (
    PopulationError,
    Runs,
    StateError,
    deciding,
    errors_of,
    lsb_of,
    of_spikes,
    rms,
    spike_records,
    state_records,
)
from compiler.explain.form_constants import form_constants
from compiler.explain.model_run import model_run, same_to_rounding
from compiler.explain.pairing import COMPONENTS
from compiler.explain.preparation import pair_of
from compiler.explain.remedies import remedy
from compiler.explain.site import Pair
from compiler.formats import FloatType, Format
from compiler.input_files import as_port
from compiler.ir.network import Network, Output
from compiler.report import constants
from compiler.results.archive import physical
from compiler.results.readout import classify, readout_of, record_read

if TYPE_CHECKING:
    from compiler.pipeline import Compilation

_WORK = 4e9
"""Synaptic operations of one run."""
_VALUES = 1 << 23
"""Values of all units over all samples and steps of one run."""

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Explanation:
    """samples, steps: how many it was measured on. accuracy: of float and fixed network, where there are labels.

    runs: what it was measured from, pair: on what; None where the source brought its integers along, which cannot be
    taken apart: then there is no blame, and records are in physical units. blame: None too where it was not asked for.
    """

    samples: int
    steps: int
    populations: dict[str, PopulationError]
    runs: Runs
    accuracy: tuple[Proportion, Proportion] | None = None
    pair: Pair | None = None
    blame: Blame | None = None

    def as_json(self) -> dict[str, Any]:
        return {"samples": self.samples, "steps": self.steps,
                "populations": {name: item.as_json() for name, item in self.populations.items()},
                "blame": self.blame.as_json() if self.blame else None}


def explain(compilation: Compilation, inputs: Mapping[str, np.ndarray], label: np.ndarray | None = None,
            blamed: bool = True, most: int | None = None, progress: Progress = lambda stage, share: None
            ) -> Explanation:
    """Explain what a compile lost on inputs [B, T, n], as many of them as are quickly run.

    label: classes [B]. blamed: also run every component alone. most: samples.
    """
    progress("explain", 0.0)
    inputs = _quickly_run(compilation.model, inputs, most)
    samples, steps = next(iter(inputs.values())).shape[:2]
    label = None if label is None else label[:samples]
    constants_told = {item.name: list(constants(compilation, item.name)) for item in compilation.model.populations}
    try:
        pair = pair_of(compilation)
        classes = _classes(pair, label) if compilation.model.outputs else None
        runs = _runs(pair, inputs, classes)
    except DiagnosticError as error:
        if any(item.code != E311 for item in error.diagnostics):
            raise
        return _from_outside(compilation, inputs, label, constants_told)
    if pair.form is not None:
        constants_told = {item.name: list(form_constants(pair, item.name)) for item in pair.fixed.populations}
    populations = errors_of(pair, runs, constants_told, _harmless(compilation))
    found = None
    if blamed:
        found = blame(pair, inputs, runs, classes, lambda share: progress("blame", 0.2 + 0.8 * share))
        found = replace(found, remedy=remedy(found.culprit, compilation.options, pair.form is not None))
    shares = None
    if classes is not None and label is not None:
        shares = accuracy(classes.of(runs.float_run), label), accuracy(classes.of(runs.closed), label)
    return Explanation(samples, steps, populations, runs, shares, pair, found)


def _harmless(compilation: Compilation) -> set[str]:
    """Values, `site.value`, of which the certificate says that a cut changes nothing."""
    return {name for name, harmless in cuts(json.loads(compilation.files["certificate.json"])).items() if harmless}


def _from_outside(compilation: Compilation, inputs: Mapping[str, np.ndarray], label: np.ndarray | None,
                  constants_told: dict[str, list[dict[str, Any]]]) -> Explanation:
    """What the float interpreter and the golden model show of a network that cannot be taken apart.

    States are compared where the source brings its integers along: those of a chip's own arithmetic may count from
    another origin.
    """
    model, fixed = compilation.model, compilation.fixed
    spikes = spike_records(model)
    values = _values_of_both(model, fixed) if compilation.source.fixed is not None else []
    output = output_of(model) if model.outputs else None
    read = [record_read(model, output)] if output else []
    records = sorted({*spikes.values(), *values, *read})
    left = interpreter.run(model, inputs, record=records).records
    raw = reference.run(fixed, {item.name: as_port(inputs[item.name], item) for item in fixed.inputs}, record=records)
    right = {name: np.asarray(physical(fixed, name, rows), np.float64) for name, rows in raw.records.items()}
    runs = Runs(Trace(dict(left), dict(left)), Trace(right, right))
    populations = {}
    for item in model.populations:
        told = of_spikes(item.name, left[spikes[item.name]] != 0, right[spikes[item.name]] != 0) \
            if item.name in spikes else {}
        states = {name: _difference(fixed, name, left[name], right[name]) for name in values
                  if name.rpartition(".")[0] == item.name}
        populations[item.name] = PopulationError(item.name, states, {}, **told, constants=constants_told[item.name])
    shares = None
    if output is not None and label is not None:
        readout = readout_of(model, output)
        shares = accuracy(classify(left[read[0]], readout), label), accuracy(classify(right[read[0]], readout), label)
    samples, steps = next(iter(inputs.values())).shape[:2]
    return Explanation(samples, steps, populations, runs, shares)


def _values_of_both(model: Network, fixed: Network) -> list[str]:
    """States of populations that are real numbers in the model and integers in the fixed network."""
    found = []
    for item in model.populations:
        types = fixed.programs[fixed.node(item.name).site.program]  # pyright: ignore[reportAttributeAccessIssue]
        other = {state.name: state.type for state in types.states}
        found += [f"{item.name}.{state.name}" for state in model.programs[item.site.program].states
                  if isinstance(state.type, FloatType) and isinstance(other.get(state.name), Format)]
    return found


def _difference(fixed: Network, record: str, left: np.ndarray, right: np.ndarray) -> StateError:
    lsb = np.abs(physical(fixed, record, np.ones_like(right[:1, :1], np.int32))).reshape(-1)
    error = np.abs(left - right) / lsb
    return StateError(float(np.median(lsb)), rms(error), float(error.max(initial=0.0)))


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
    free = exact = engine.run(pair, (), inputs, records, margins)
    if pair.form is not None:
        free = model_run(pair, inputs, records, margins)
    closed = engine.run(pair, COMPONENTS, inputs, records)
    forced = engine.run(pair, COMPONENTS, inputs, records, margins, free.emitted)
    return Runs(free, closed, forced, None if same_to_rounding(free, exact) else exact)
