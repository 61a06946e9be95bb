"""Float against fixed on labelled data: what the bits cost, for several widths and targets at once."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler import artifact, discovery, interpreter
from compiler.comparison.accuracy import Divergence, Proportion, accuracy, agreement, first_divergence
from compiler.comparison.margin import margin_of
from compiler.comparison.samples import Data, samples
from compiler.explain.explanation import Explanation, explain, output_of
from compiler.formats import BoolType
from compiler.input_files import Stimulus, integers_of
from compiler.ir.network import Network
from compiler.pipeline import Compilation, compile_source, lowered
from compiler.results.archive import physical
from compiler.results.readout import classify, readout_of, record_read
from compiler.settings import Settings, chip_for, chips_of

if TYPE_CHECKING:
    from compiler.source import Source

BATCH_BYTES = 1 << 28
EXPLAINED = 200
"""Samples that an explanation takes unless told otherwise: each costs some twenty runs."""

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Row:
    """One target at one width against the float reference on the same samples.

    accuracy: None without labels. spike_count_error: by population, mean |count difference| as a share of the mean
    count. explanation: errors of every population and blame; None where that was not asked for.
    """

    target: str
    weights: int
    state: int
    accuracy: Proportion | None
    agreement: Proportion
    spike_count_error: dict[str, float]
    first_divergence: Divergence | None
    seconds: float
    compilation: Compilation
    explanation: Explanation | None = None

    def as_json(self) -> dict[str, Any]:
        explained = self.explanation.as_json() if self.explanation else {}
        return {"target": self.target, "weights": self.weights, "state": self.state,
                **_shares(self.accuracy, self.agreement.n), "explained": explained, "agreement": self.agreement.value,
                "spike_count_error": self.spike_count_error, "seconds": self.seconds,
                "first_divergence": self.first_divergence.as_json() if self.first_divergence else None}


@dataclass(frozen=True)
class Comparison:
    """Accuracy of the float reference, and of every target at every width.

    reference: None without labels. origin: where the samples are from, in words.
    """

    reference: Proportion | None
    readout: str
    origin: str
    rows: list[Row]

    def as_json(self) -> dict[str, Any]:
        reference = _shares(self.reference, self.rows[0].agreement.n)
        return {"float": reference, "readout": self.readout, "origin": self.origin,
                "rows": [item.as_json() for item in self.rows]}


def _shares(found: Proportion | None, decisions: int) -> dict[str, Any]:
    return {"accuracy": found.value if found else None, "n": decisions, "interval": found.interval if found else None}


def compare_source(
    source: Source, settings: Settings, data: Data = None, weights: Sequence[int] = (),
    targets: Sequence[str] = (), progress: Progress = lambda stage, fraction: None, folds: int = 0,
    explained: int = EXPLAINED,
) -> Comparison:
    """Run a source in floating point and compiled, on samples.

    data: an `.npz` with the inputs and `label`, or such arrays; None: the source's own `data`, else the inputs for
    calibration, else a random stimulus. Without labels there is no accuracy. weights: widths of
    weights, default those of the settings. targets: target families, default that of the settings. folds: calibrate on
    the inputs of all samples but every `folds`-th, compare on those, and so on; 0: calibrate as the settings say.
    explained: samples on which errors of every population and blame are measured (of the first fold).
    Errors: E173, E181, and those of a compile.
    """
    options = settings.options(source)
    model = lowered(source, options)
    given, origin = samples(source, model, options, data)
    chosen = list(targets) or [settings.target]
    pairs = [(width, name) for width in list(weights) or [settings.weights] for name in chosen]
    rows, references, parts = [_Total() for _ in pairs], [], list(_parts(given, folds))
    for index, (scored, calibration) in enumerate(parts):
        with ExitStack() as stack:
            trials = [_trial(stack, source, replace(settings, weights=width, calibration=calibration or
                                                    settings.calibration),
                             name, progress, (index * len(pairs) + i) / (len(pairs) * len(parts) + 1))
                      for i, (width, name) in enumerate(pairs)]
            references.append(_compare_batches(model, scored, trials, progress))
            for total, trial in zip(rows, trials, strict=True):
                total.add(trial, scored, index, len(parts))
                if explained and index == 0:
                    total.explanation = _explained(trial, scored, explained, progress)
    output = output_of(model)
    return Comparison(_pooled(references), readout_of(model, output), origin, [total.row() for total in rows])


def _parts(given: Stimulus, folds: int) -> Iterator[tuple[Stimulus, dict[str, np.ndarray] | None]]:
    """Samples to compare on, and inputs to calibrate on (None: those of the settings)."""
    if folds < 2:
        yield given, None
        return
    for start in range(folds):
        scored = np.arange(given.samples) % folds == start
        inputs = {name: rows[scored] for name, rows in given.inputs.items()}
        label = None if given.label is None else given.label[scored]
        yield (Stimulus(inputs, given.batched, label),
               {name: rows[~scored] for name, rows in given.inputs.items()})


def _pooled(shares: Sequence[Proportion | None]) -> Proportion | None:
    known = [item for item in shares if item is not None]
    return Proportion(sum(item.successes for item in known), sum(item.n for item in known)) if known else None


def _spiking(network: Network) -> dict[str, str]:
    """Record name of the spikes of every spiking population."""
    found = {}
    for item in network.populations:
        for emit in network.programs[item.site.program].emits:
            if isinstance(network.programs[item.site.program].emit_type(emit.port), BoolType):
                found[item.name] = f"{item.name}.{emit.port}"
    return found


@dataclass
class _Trial:
    """One row in the making: a compiled folder, and what the batches have shown so far."""

    compilation: Compilation
    engine: Any
    folder: Path
    target: str
    seconds: float
    classes: list[np.ndarray] = field(default_factory=list)
    agreed: int = 0
    compared: int = 0
    differences: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    divergence: Divergence | None = None

    def run(self, inputs: Mapping[str, np.ndarray], read: str, spikes: Mapping[str, str]) -> tuple[np.ndarray, dict]:
        """Physical values that the class is read from, and the spikes of every population."""
        network = self.compilation.mapped
        start = time.perf_counter()
        result = self.engine.run(self.folder, integers_of(network, inputs), record=sorted({read, *spikes.values()}))
        self.seconds += time.perf_counter() - start
        return physical(network, read, result.records[read]), {
            name: result.records[record] for name, record in spikes.items()}

    def add(self, expected: Mapping[str, np.ndarray], spikes: Mapping[str, np.ndarray], first_sample: int) -> None:
        for name, rows in expected.items():
            counts = rows.sum(axis=1, dtype=np.int64)
            difference = np.abs((spikes[name] != 0).sum(axis=1, dtype=np.int64) - counts).sum()
            self.differences[name] = self.differences.get(name, 0) + int(difference)
            self.counts[name] = self.counts.get(name, 0) + int(counts.sum())
        found = first_divergence(expected, spikes)
        if found and (self.divergence is None or found.step < self.divergence.step):
            self.divergence = replace(found, sample=found.sample + first_sample)


@dataclass
class _Total:
    """One row, part by part."""

    parts: list[tuple[_Trial, Proportion | None]] = field(default_factory=list)
    divergence: Divergence | None = None
    explanation: Explanation | None = None

    def add(self, trial: _Trial, given: Stimulus, part: int, parts: int) -> None:
        """Add what a trial on every `parts`-th sample, from sample `part` on, has shown."""
        self.parts.append((trial, _accuracy(trial.classes, given)))
        found = trial.divergence
        if found is not None and (self.divergence is None or found.step < self.divergence.step):
            margin = margin_of(trial.compilation.model, given.inputs, found)
            self.divergence = replace(found, margin=margin, sample=found.sample * parts + part)

    def row(self) -> Row:
        trials = [trial for trial, _ in self.parts]
        options = trials[0].compilation.options
        errors = {name: sum(trial.differences[name] for trial in trials) / max(1, sum(t.counts[name] for t in trials))
                  for name in trials[0].differences}
        agreed = Proportion(sum(trial.agreed for trial in trials), sum(trial.compared for trial in trials))
        right = _pooled([share for _, share in self.parts])
        return Row(trials[0].target, options.weight_bits, options.state_bits, right, agreed, errors,
                   self.divergence, sum(trial.seconds for trial in trials),
                   trials[0].compilation, self.explanation)


def _explained(trial: _Trial, given: Stimulus, most: int, progress: Progress) -> Explanation:
    return explain(trial.compilation, given.inputs, given.label, most=most,
                   progress=lambda stage, share: progress(f"{stage} {trial.target}", 0.9 + 0.1 * share))


def _trial(
    stack: ExitStack, source: Source, settings: Settings, target: str, progress: Progress, fraction: float
) -> _Trial:
    progress(f"compile {target} {settings.weights} bit", 0.5 * fraction)
    start = time.perf_counter()
    chosen = replace(settings, chip=_chip_for(target, settings.chip), target=target)
    compilation = compile_source(source, chosen.options(source), target, checked=False)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sparkc-")))
    artifact.write_files(compilation.files, folder)
    return _Trial(compilation, discovery.targets()[target], folder, target, time.perf_counter() - start)


def _chip_for(target: str, chip: str | None) -> str:
    """The chip asked for where it belongs to the target's family, else the family's own; none without chips."""
    family = chips_of(target)
    return chip_for(target, chip if chip in family else None) if family else chip_for(target, "none")


def _compare_batches(model: Network, given: Stimulus, trials: Iterable[_Trial], progress: Progress
                     ) -> Proportion | None:
    """Fill the trials, batch by batch; returns the accuracy of the float reference."""
    output, spikes = output_of(model), _spiking(model)
    read, readout = record_read(model, output), readout_of(model, output)
    reference: list[np.ndarray] = []
    for part in _batches(model, given):
        progress("compare", 0.5 + 0.4 * part.start / given.samples)
        inputs = {name: rows[part] for name, rows in given.inputs.items()}
        result = interpreter.run(model, inputs, record=sorted({read, *spikes.values()}))
        classes = classify(result.records[read], readout)
        expected = {name: result.records[record] != 0 for name, record in spikes.items()}
        reference.append(classes)
        for trial in trials:
            values, fixed = trial.run(inputs, read, spikes)
            trial.classes.append(classify(values, readout))
            same = agreement(classes, trial.classes[-1])
            trial.agreed, trial.compared = trial.agreed + same.successes, trial.compared + same.n
            trial.add(expected, fixed, part.start)
    return _accuracy(reference, given)


def _accuracy(classes: Sequence[np.ndarray], given: Stimulus) -> Proportion | None:
    return None if given.label is None else accuracy(np.concatenate(classes), given.label)


def _batches(model: Network, given: Stimulus) -> Iterator[slice]:
    """Samples that fit into memory together, with the spikes of every population."""
    units = sum(item.size for item in model.populations)
    count = max(1, BATCH_BYTES // (8 * units * given.steps))
    return (slice(start, start + count) for start in range(0, given.samples, count))
