"""Samples with labels, to measure accuracy on."""

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

E180 = declare("E180", "there are no labelled data to compare on")
E181 = declare("E181", "labels do not fit the samples")


def labelled(source: Source, model: Network, data: Path | Mapping[str, Any] | None) -> Stimulus:
    """Samples with labels. Errors: E180, E181."""
    if isinstance(data, Path):
        given, where = read_stimulus(data, model), str(data)
    else:
        own, where = data if data is not None else source.data(), str(source.path)
        if own is None:
            raise fail(E180, "there are no labelled data", Place(file=where), found="neither --data nor `data`",
                       expected="an .npz with `input` and `label`",
                       hint="give --data FILE.npz, or let the source define `data`")
        given = stimulus({key: np.asarray(value) for key, value in own.items()}, model)
    if given.label is None:
        raise fail(E180, "the data have no labels", Place(file=where), found="no integer array `label`",
                   expected="one class per sample", hint="add it: numpy.savez(file, input=…, label=…)")
    units = model.size_of(output_of(model).name)
    if given.label.size != given.samples or given.label.min() < 0 or given.label.max() >= units:
        raise fail(E181, "the labels do not fit", Place(file=where, path="label"),
                   found=f"{given.label.size} labels in {given.label.min()}..{given.label.max()}",
                   expected=f"{given.samples} labels in 0..{units - 1}")
    return given
