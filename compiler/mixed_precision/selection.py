"""Which of the networks along the path is chosen."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from compiler import pipeline
from compiler.diagnostics import DiagnosticError, Place, declare, fail
from compiler.ir.network import Network
from compiler.mixed_precision.allocation import Bits, between, path
from compiler.mixed_precision.amounts import kib
from compiler.mixed_precision.choices import Choice, Search
from compiler.mixed_precision.measuring import Measuring, with_bits
from compiler.mixed_precision.parts import Part, memory_of, state_parts, weight_parts
from compiler.mixed_precision.samples import Data, Samples
from compiler.mixed_precision.sensitivity import Probe
from compiler.options import Options
from compiler.source import Source

E342 = declare("E342", "no choice of bits stays within the budget")
E344 = declare("E344", "bits are held, so there are none to choose")

SHOWN, REFINED = 7, 3
"""Networks along the path that are compiled and run, and more of them next to the limit of accuracy."""
_PROBING = 0.4
"""Share of the time that sensitivity takes."""

Progress = Callable[[str, float], None]


def search(source: Source, options: Options, data: Data = None, accuracy_loss: float | None = None,
           memory: int | None = None, progress: Progress = lambda stage, fraction: None, states: bool = True) -> Search:
    """Choose the bits of every projection's weights and of every population's states; what `options.bits` names stays.

    data: an `.npz` with the inputs, and `label` if there are labels; None: the source's own. accuracy_loss: points that
    may be lost. memory: bits that weights and states may take. states: whether their bits are chosen too; never those
    of a chip with registers of its own. Errors: E342, E343, E344, and those of a compile.
    """
    if source.fixed is not None or options.decided is not None:
        raise fail(E344, "bits are held, so there are none to choose", Place(file=str(source.path)),
                   found="a source that brings its integers along" if source.fixed is not None else "--quantization",
                   expected="bits that may change", hint="compile without a budget, or without what holds the bits")
    return _Search(source, options, data, states, progress).run(accuracy_loss, memory)


class _Search:
    def __init__(self, source: Source, options: Options, data: Data, states: bool, progress: Progress):
        self.source, self.progress = source, progress
        self.model = pipeline.lowered(source, options)
        self.options = options
        self.samples = Samples(source, self.model, data)
        self.measuring = Measuring(source, self.model, self.options, self.samples)
        widest = self.measuring.fixed({})
        self.parts = self._parts(widest, states)
        self.rest = memory_of(widest) - sum(part.memory(part.widest) for part in self.parts)
        """Memory of what keeps its bits."""

    def _parts(self, widest: Network, states: bool) -> list[Part]:
        own_registers = "quantize" not in pipeline.quantization_passes(self.options)
        chosen = state_parts(widest, self.options) if states and not own_registers else []
        return [*weight_parts(self.model, self.options), *chosen]

    def run(self, loss: float | None, budget: int | None) -> Search:
        reference = self.samples.reference
        widest = with_bits(self.options, {part.name: part.widest for part in self.parts})
        probe = Probe(self.model, pipeline.calibrated(self.model, widest), self.samples)
        sensitivity = probe.measure(
            self.parts, lambda stage, share: self.progress(stage, _PROBING * share))
        allowed = -math.inf if loss is None else reference.value - loss / 100 - 1e-9
        rows = self._measured_path(path(self.parts, sensitivity), budget, allowed)
        fitting = [item for item in rows if budget is None or item.memory <= budget]
        good = [item for item in fitting if item.right.value >= allowed]
        if not good:
            raise self._nothing(rows, fitting, loss, budget)
        chosen = _best(good) if loss is None else min(good, key=lambda item: (item.memory, -item.right.value))
        return Search(reference, self.samples.labelled, rows, chosen, with_bits(self.options, chosen.bits), sensitivity)

    def _nothing(self, rows: list[Choice], fitting: list[Choice], loss: float | None,
                 budget: int | None) -> DiagnosticError:
        """What was asked for, and the best that can be reached."""
        best = _best(fitting) if fitting else min(rows, key=lambda item: item.memory)
        lost = 100 * (self.samples.reference.value - best.right.value)
        wanted = [] if budget is None else [f"at most {kib(budget)}"]
        wanted += [] if loss is None else [f"at most {loss:g} points lost"]
        return fail(E342, "no choice of bits stays within the budget", self.source.path.name,
                    found=f"at best {lost:.2f} points lost with {kib(best.memory)}: {best.words()}",
                    expected=", ".join(wanted),
                    hint="allow more points, raise --weights, or train in the loop (compiler.quantized_step)"
                    if fitting else "allow more memory; these are the fewest bits that are tried")

    def _measured_path(self, bits: list[Bits], budget: int | None, allowed: float) -> list[Choice]:
        """Networks of the path: evenly chosen, the first that fits the budget, and some next to the limit."""
        wanted = {round(index) for index in np.linspace(0, len(bits) - 1, min(SHOWN, len(bits)))}
        if budget is not None:
            wanted |= {self._first_within(bits, budget)}
        found: dict[int, Choice] = {}

        def measure(index: int) -> None:
            share = len(found) / (len(wanted) + REFINED)
            self.progress("networks with fewer bits", _PROBING + (1 - _PROBING) * share)
            found[index] = self.measuring.choice(bits[index])

        for index in sorted(wanted):
            measure(index)
        for _ in range(REFINED if allowed > -math.inf else 0):
            middle = between({index: item.right.value >= allowed for index, item in found.items()})
            if middle is not None:
                measure(middle)
        return [found[index] for index in sorted(found)]

    def _first_within(self, bits: list[Bits], budget: int) -> int:
        """The first of the path that certainly fits; a network may take less than its bits allow."""
        memory = [self.rest + sum(part.memory(item[part.name]) for part in self.parts) for item in bits]
        return next((index for index, size in enumerate(memory) if size <= budget), len(bits) - 1)


def _best(rows: list[Choice]) -> Choice:
    """The most accurate, the smallest of those."""
    return max(rows, key=lambda item: (item.right.value, -item.memory))
