"""Bits for each projection: as few as a budget of accuracy or of memory asks for.

1. Sensitivity: every projection alone is rounded to every narrower width, all others stay as they are; what counts is
   how far the scores move that the class is read from.
2. Allocation: from the widest bits on, always the step that moves the scores least for the memory it saves, the next
   width or a narrower one at once (the lower convex hull of each projection's trade-off, Shoham & Gersho 1988). This
   gives a path of ever smaller networks.
3. Networks along the path are compiled, each weight rounded to its nearest, and their integers run on the samples:
   the smallest that loses no more than is allowed is chosen, or the best that fits the memory.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from compiler import artifact, discovery, interpreter, pipeline
from compiler.checking.stimulus import affordable_samples
from compiler.comparison.accuracy import Proportion, accuracy
from compiler.diagnostics import DiagnosticError, Place, declare, fail
from compiler.explain.explanation import output_of
from compiler.formats import F64, BoolType, Format
from compiler.input_files import Stimulus, integers_of, read_stimulus, stimulus
from compiler.ir.network import Network, Tensor
from compiler.ir.program import TensorRef
from compiler.options import Options
from compiler.passes.co_scale import bits_of
from compiler.quantization.weights import quantized_weights
from compiler.results.archive import physical
from compiler.results.readout import SCORES, classify, readout_of, record_read
from compiler.source import Source

E342 = declare("E342", "no choice of bits stays within the budget")
E343 = declare("E343", "there are no samples to choose bits on")

WIDTHS = (2, 3, 4, 5, 6, 7, 8, 10, 12, 16)
SAMPLES, WORK = 600, 4e9
"""Samples that the path is scored on at most, and synaptic operations that one run may cost."""
PROBED = 64
"""Samples that sensitivity is measured on."""
SHOWN, REFINED = 7, 3
"""Networks along the path that are compiled and run, and more of them next to the limit of accuracy."""

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Choice:
    """Bits of every projection's weights, and what their integers give. memory: bits of weights and states.

    cores: None where no chip was named or it does not fit.
    """

    bits: dict[str, int]
    memory: int
    right: Proportion
    mean_bits: float
    cores: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {"bits": self.bits, "memory_bits": self.memory, "accuracy": self.right.value, "n": self.right.n,
                "mean_bits": self.mean_bits, "cores": self.cores}


@dataclass(frozen=True)
class Search:
    """What was tried and chosen. labelled: whether accuracy is against labels, or against the float network's classes.
    """

    reference: Proportion
    labelled: bool
    rows: list[Choice]
    chosen: Choice
    sensitivity: dict[str, dict[int, float]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {"float": self.reference.value, "labelled": self.labelled, "chosen": self.chosen.as_json(),
                "pareto": [item.as_json() for item in self.rows],
                "sensitivity": {name: {str(width): value for width, value in found.items()}
                                for name, found in self.sensitivity.items()}}


def search(source: Source, options: Options, data: Path | Mapping[str, Any] | None = None,
           accuracy_loss: float | None = None, memory: int | None = None,
           progress: Progress = lambda stage, fraction: None) -> Search:
    """Choose the bits of every projection's weights.

    data: an `.npz` with the inputs, and `label` if there are labels; None: the source's own. accuracy_loss: points that
    may be lost. memory: bits that weights and states may take. Errors: E342, E343, and those of a compile.
    """
    return _Search(source, options, data, progress).run(accuracy_loss, memory)


class _Search:
    def __init__(self, source: Source, options: Options, data: Path | Mapping[str, Any] | None, progress: Progress):
        self.source, self.progress = source, progress
        self.model = pipeline.lowered(source, options)
        self.options = options
        self.names = [item.name for item in self.model.projections
                      if item.synapse is None and any(link.weights is not None for link in item.chain)]
        self.widest = {name: options.bits.get(name, options.weight_bits) for name in self.names}
        given = _samples(source, self.model, data)
        steps = next(iter(given.inputs.values())).shape[1]
        count = min(given.samples, affordable_samples(self.model, steps, SAMPLES, WORK))
        self.inputs = {name: rows[:count] for name, rows in given.inputs.items()}
        self.output = output_of(self.model)
        self.readout, self.record = readout_of(self.model, self.output), record_read(self.model, self.output)
        self.scores = self._scores(self.model, self.inputs)
        self.classes = self.scores.argmax(axis=-1)
        self.labelled = given.label is not None
        self.label = self.classes if given.label is None else given.label[:count]
        self.reference = accuracy(self.classes, self.label)

    def run(self, loss: float | None, budget: int | None) -> Search:
        sensitivity = self._sensitivity()
        allowed = -math.inf if loss is None else self.reference.value - loss / 100 - 1e-9
        rows = self._measured_path(self._path(sensitivity), budget, allowed)
        fitting = [item for item in rows if budget is None or item.memory <= budget]
        good = [item for item in fitting if item.right.value >= allowed]
        if not good:
            raise self._nothing(rows, fitting, loss, budget)
        best = max(good, key=lambda item: (item.right.value, -item.memory))
        chosen = best if loss is None else min(good, key=lambda item: item.memory)
        return Search(self.reference, self.labelled, rows, chosen, sensitivity)

    def _nothing(self, rows: list[Choice], fitting: list[Choice], loss: float | None,
                 budget: int | None) -> DiagnosticError:
        least = min(item.memory for item in rows)
        lost = 100 * (self.reference.value - max(item.right.value for item in fitting or rows))
        wanted = [] if budget is None else [f"at most {kib(budget)}"]
        wanted += [] if loss is None else [f"at most {loss:g} points lost"]
        return fail(E342, "no choice of bits stays within the budget", self.source.path.name,
                    found=f"at least {kib(least)}; {lost:.2f} points lost at best", expected=", ".join(wanted),
                    hint="allow more, raise --weights, or train in the loop (compiler.quantized_step)")

    # -- rounding and running ---------------------------------------------------------------------------------------

    def _scores(self, network: Network, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Scores [B, n] or [B, T, n] that the class is read from, of a float run."""
        rows = interpreter.run(network, inputs, record=[self.record]).records[self.record]
        site = next(own for name, own, _ in network.sites() if name == self.record.rpartition(".")[0])
        if site.scale is not None and self.record.rpartition(".")[2] in site.scaled:
            rows = rows * network.real(site.scale)
        return np.asarray(SCORES[self.readout](rows), np.float64)

    def _rounded(self, bits: Mapping[str, int]) -> Network:
        """The float network with its weights on the grids of these bits."""
        options = replace(self.options, bits={**self.options.bits, **bits})
        network = self.model
        for name in pipeline.SCALING_PASSES:
            network = discovery.passes()[name].run(network, options)
        network = network.copy()
        for item in network.projections:
            chain = list(item.chain)
            for index, link in enumerate(chain):
                if link.weights is None or item.synapse is not None:
                    continue
                values = quantized_weights(np.asarray(network.tensor(link.weights).values), bits_of(item, options))
                name = f"{item.name}.rounded{index}"
                network.tensors[name] = Tensor(F64, np.asarray(values.values, np.float64))
                chain[index] = replace(link, weight=TensorRef(name))  # pyright: ignore[reportCallIssue]
            network.add(replace(item, chain=tuple(chain)))
        return network

    # -- sensitivity and allocation ---------------------------------------------------------------------------------

    def _sensitivity(self) -> dict[str, dict[int, float]]:
        """Mean square by which scores move, in their own variance, by projection and width."""
        inputs = {name: rows[:PROBED] for name, rows in self.inputs.items()}
        exact = self._scores(self._rounded(self.widest), inputs)
        unit = float(exact.var()) or 1.0
        found: dict[str, dict[int, float]] = {}
        trials = [(name, width) for name in self.names for width in WIDTHS if width < self.widest[name]]
        for index, (name, width) in enumerate(trials):
            self.progress(f"sensitivity of {name} at {width} bits", 0.4 * index / len(trials))
            moved = self._scores(self._rounded({**self.widest, name: width}), inputs)
            found.setdefault(name, {self.widest[name]: 0.0})[width] = float(((moved - exact) ** 2).mean()) / unit
        return found

    def _path(self, sensitivity: Mapping[str, Mapping[int, float]]) -> list[dict[str, int]]:
        """From the widest bits to the narrowest, each step the one that costs least for what it saves."""
        bits, path = dict(self.widest), [dict(self.widest)]
        while True:
            steps = [(self._price(name, width, bits[name], found), name, width) for name, found in sensitivity.items()
                     for width in found if width < bits[name]]
            if not steps:
                return path
            _, name, width = min(steps)
            bits[name] = width
            path.append(dict(bits))

    def _price(self, name: str, width: int, now: int, found: Mapping[int, float]) -> float:
        """What scores move for every bit of memory saved."""
        return max(0.0, found[width] - found[now]) / ((now - width) * max(1, self._weights(name)))

    def _weights(self, name: str) -> int:
        chain = self.model.projection(name).chain
        return sum(self.model.tensor(link.weights).data.size for link in chain if link.weights is not None)

    def _measured_path(self, path: list[dict[str, int]], budget: int | None, allowed: float) -> list[Choice]:
        """Networks of the path: evenly chosen, the first that fits the budget, and some next to the limit."""
        states, weights = self._state_memory(), sum(self._weights(name) for name in self.names)
        memory = [states + sum(bits[name] * self._weights(name) for name in self.names) for bits in path]
        chosen = {round(index) for index in np.linspace(0, len(path) - 1, min(SHOWN, len(path)))}
        if budget is not None:
            chosen |= {next((index for index, size in enumerate(memory) if size <= budget), len(path) - 1)}
        found: dict[int, Choice] = {}

        def measure(index: int) -> None:
            self.progress("networks with fewer bits", 0.4 + 0.6 * len(found) / (len(chosen) + REFINED))
            found[index] = Choice(path[index], memory[index], self._measured(path[index]),
                                  (memory[index] - states) / max(1, weights), self._cores(path[index]))

        for index in sorted(chosen):
            measure(index)
        for _ in range(REFINED if allowed > -math.inf else 0):
            middle = _between({index: item.right.value >= allowed for index, item in found.items()})
            if middle is not None:
                measure(middle)
        return [found[index] for index in sorted(found)]

    def _state_memory(self) -> int:
        """Bits of all states, with the formats that they get at the widest weights."""
        network = pipeline.quantized(self.source, self._options_for(self.widest))
        total = 0
        for _, site, units in network.sites():
            for item in network.programs[site.program].states:
                total += units * (1 if isinstance(item.type, BoolType) else
                                  item.type.width if isinstance(item.type, Format) else 0)
        return total

    def _options_for(self, bits: Mapping[str, int]) -> Options:
        return chosen_options(self.options, bits)

    def _cores(self, bits: Mapping[str, int]) -> int | None:
        """Cores of the chip, None without a chip or where it does not fit."""
        options = self._options_for(bits)
        if options.chip is None:
            return None
        try:
            network = pipeline.quantized(self.source, options)
            for name in ("retime", "partition"):
                network = discovery.passes()[name].run(network, options)
        except DiagnosticError:
            return None
        return len({part.core for item in network.populations for part in item.placement})

    def _measured(self, bits: Mapping[str, int]) -> Proportion:
        """Accuracy of the integers."""
        compilation = pipeline.compile_source(self.source, replace(self._options_for(bits), chip=None), checked=False)
        network = compilation.mapped
        with tempfile.TemporaryDirectory() as folder:
            artifact.write_files(compilation.files, Path(folder))
            engine = discovery.targets()[compilation.target]
            found = engine.run(Path(folder), integers_of(network, self.inputs), record=[self.record])
            rows = physical(network, self.record, found.records[self.record])
        return accuracy(classify(rows, self.readout), self.label)


def _between(good: Mapping[int, bool]) -> int | None:
    """A place half way between the last good one and the next that is not, None where there is nothing between.

    >>> _between({0: True, 4: True, 10: False})
    7
    """
    last = max((index for index, fine in good.items() if fine), default=None)
    after = min((index for index in good if last is not None and index > last), default=None)
    if last is None or after is None or after - last < 2:
        return None
    return (last + after) // 2


def chosen_options(options: Options, bits: Mapping[str, int]) -> Options:
    """The options of a compile with these bits, as they were measured."""
    return replace(options, bits={**options.bits, **bits}, weight_rounding="nearest")


def _samples(source: Source, model: Network, data: Path | Mapping[str, Any] | None) -> Stimulus:
    """Samples, with labels where there are any. Errors: E343, E15x, E16x."""
    if isinstance(data, Path):
        return read_stimulus(data, model)
    own = data if data is not None else source.data()
    own = source.calibration if own is None else own
    if own is None:
        raise fail(E343, "there are no samples to choose bits on", Place(file=str(source.path)),
                   found="neither --data nor `data` nor `calibration`", expected="an .npz with `input`, and `label`",
                   hint="give --data FILE.npz")
    return stimulus({key: np.asarray(value) for key, value in own.items()}, model)


def kib(bits: float) -> str:
    """Bits as KiB.

    >>> kib(8 * 1024 * 64)
    '64 KiB'
    """
    return f"{bits / 8192:.4g} KiB"


def parse_memory(text: str) -> int:
    """`64KiB`, `1.5 MiB`, `20000B` or a number of bytes, in bits. Raises ValueError.

    >>> parse_memory("64KiB")
    524288
    """
    units = {"b": 1, "": 1, "kib": 1024, "kb": 1000, "mib": 1024**2, "mb": 1000**2}
    word = text.strip().lower()
    number = word.rstrip("abcdefghijklmnopqrstuvwxyz ")
    unit = word[len(number):].strip()
    if unit not in units or not number:
        raise ValueError(f"{text!r} is no amount of memory; write 64KiB, 1.5MiB or 20000B")
    bits = int(float(number) * units[unit] * 8)
    if bits <= 0:
        raise ValueError(f"{text!r} is no amount of memory above 0")
    return bits


def lines(found: Search) -> list[str]:
    """The table of what was tried, for people."""
    what = "accuracy" if found.labelled else "as float"
    header = [what, "bits", "memory", "cores", "bits of weights"]
    rows = [[f"{100 * item.right.value:.2f} %", f"{item.mean_bits:.2f}", kib(item.memory),
             "-" if item.cores is None else str(item.cores),
             " ".join(f"{name}={width}" for name, width in item.bits.items()) + (
                 "  <- chosen" if item == found.chosen else "")] for item in found.rows]
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    table = ["  ".join(cell.ljust(size) for cell, size in zip(row, widths, strict=True)).rstrip()
             for row in [header, *rows]]
    return [f"bits, on {found.reference.n} decisions; floating point {found.reference}", *table,
            f"chosen: {found.chosen.right}, {kib(found.chosen.memory)}"]
