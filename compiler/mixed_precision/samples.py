"""The samples that bits are chosen on, and the scores and classes that a network gives them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from compiler import interpreter
from compiler.checking.stimulus import affordable_samples
from compiler.comparison.accuracy import Proportion, accuracy
from compiler.diagnostics import Place, declare, fail
from compiler.explain.explanation import output_of
from compiler.input_files import Stimulus, read_stimulus, stimulus
from compiler.ir.network import Network
from compiler.results.readout import SCORES, classify, readout_of, record_read
from compiler.source import Source

E343 = declare("E343", "there are no samples to choose bits on")

SAMPLES, WORK = 600, 4e9
"""Samples that networks are measured on at most, and synaptic operations that one run may cost."""

Data = Path | Mapping[str, Any] | None


class Samples:
    """Inputs by name [B, T, n] with a class for each sample: its label, else what the float network says.

    record: what the class is read from. reference: how often the float network is right.
    """

    def __init__(self, source: Source, model: Network, data: Data):
        given = _given(source, model, data)
        steps = next(iter(given.inputs.values())).shape[1]
        count = min(given.samples, affordable_samples(model, steps, SAMPLES, WORK))
        self.inputs = {name: rows[:count] for name, rows in given.inputs.items()}
        output = output_of(model)
        self.readout, self.record = readout_of(model, output), record_read(model, output)
        classes = self.scores(model, self.inputs).argmax(axis=-1)
        self.labelled = given.label is not None
        self.label = classes if given.label is None else given.label[:count]
        self.reference = accuracy(classes, self.label)

    def scores(self, network: Network, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Scores [B, n] or [B, T, n] that the class is read from, of a float run, in the units of the source."""
        rows = interpreter.run(network, inputs, record=[self.record]).records[self.record]
        name, _, value = self.record.rpartition(".")
        site = next(own for found, own, _ in network.sites() if found == name)
        if site.scale is not None and value in site.scaled:
            rows = rows * network.real(site.scale)
        return np.asarray(SCORES[self.readout](rows), np.float64)

    def right(self, rows: np.ndarray) -> Proportion:
        """How often classes are right. rows: of the record, in physical units [B, T, n]."""
        return accuracy(classify(rows, self.readout), self.label)


def _given(source: Source, model: Network, data: Data) -> Stimulus:
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
