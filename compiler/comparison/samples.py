"""Samples to compare on, with labels where accuracy is to be measured."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler.diagnostics import Place, declare, fail
from compiler.explain.explanation import output_of
from compiler.input_files import Stimulus, read_stimulus, stimulus
from compiler.ir.network import Network
from compiler.options import Options
from compiler.pipeline import calibrated

if TYPE_CHECKING:
    from compiler.source import Source

E181 = declare("E181", "labels do not fit the samples")

Data = Path | Mapping[str, Any] | None


def samples(source: Source, model: Network, options: Options, data: Data = None) -> tuple[Stimulus, str]:
    """Samples, with labels where there are any, and in words where they are from.

    They are those of `data`, else of the source, else what the options calibrate with, else a random stimulus.
    Errors: E181.
    """
    given, where = _given(source, model, options, data)
    if given.label is None or not model.outputs:
        return Stimulus(given.inputs, given.batched, None), where
    label, units = given.label, model.size_of(output_of(model).name)
    if label.size != given.samples or label.min() < 0 or label.max() >= units:
        raise fail(E181, "the labels do not fit", Place(file=where, path="label"),
                   found=f"{label.size} labels in {label.min()}..{label.max()}",
                   expected=f"{given.samples} labels in 0..{units - 1}")
    return given, where


def _given(source: Source, model: Network, options: Options, data: Data) -> tuple[Stimulus, str]:
    if isinstance(data, Path):
        return read_stimulus(data, model), str(data)
    own, where = (data, "the data given") if data is not None else (source.data(), f"{source.path.name}:data")
    if own is None:
        own = calibrated(model, options).calibration or {}
        where = "a random stimulus" if options.calibration is None else "the calibration data"
    return stimulus({key: np.asarray(value) for key, value in own.items()}, model), where
