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

if TYPE_CHECKING:
    from compiler.source import Source

E180 = declare("E180", "there are no data to compare on, or no labels in them")
E181 = declare("E181", "labels do not fit the samples")


def samples(source: Source, model: Network, data: Path | Mapping[str, Any] | None,
            calibration: Mapping[str, np.ndarray] | None = None) -> Stimulus:
    """Samples, with labels where there are any: of `data`, of the source, else the inputs for calibration.

    Errors: E180 where there are none of these, E181.
    """
    if isinstance(data, Path):
        given, where = read_stimulus(data, model), str(data)
    else:
        own, where = data if data is not None else source.data(), str(source.path)
        own = calibration if own is None else own
        if own is None:
            raise fail(E180, "there are no data to compare on", Place(file=where),
                       found="neither --data nor `data` nor calibration", expected="an .npz with `input` and `label`",
                       hint="give --data FILE.npz, or let the source define `data`; without labels all is measured but "
                            "accuracy")
        given = stimulus({key: np.asarray(value) for key, value in own.items()}, model)
    if given.label is not None:
        _require_fitting(given, model, where)
    return given


def labelled(source: Source, model: Network) -> Stimulus:
    """The source's own samples with labels. Errors: E180, E181."""
    given = samples(source, model, None)
    if given.label is None:
        raise fail(E180, "the data have no labels", Place(file=str(source.path)), found="no integer array `label`",
                   expected="one class per sample", hint="add it to what `data` returns")
    return given


def _require_fitting(given: Stimulus, model: Network, where: str) -> None:
    label, units = given.label, model.size_of(output_of(model).name)
    if label is not None and (label.size != given.samples or label.min() < 0 or label.max() >= units):
        raise fail(E181, "the labels do not fit", Place(file=where, path="label"),
                   found=f"{label.size} labels in {label.min()}..{label.max()}",
                   expected=f"{given.samples} labels in 0..{units - 1}")
