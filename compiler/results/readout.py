"""Read-outs: how a class is read from an output; ties go to the lowest index."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from compiler.diagnostics import Place, declare, fail
from compiler.formats import BoolType
from compiler.ir.network import Network, Output
from compiler.results.archive import output_record, type_of

E165 = declare("E165", "a read-out that does not exist, or that an output cannot have")


def _first_spike(values: np.ndarray) -> np.ndarray:
    """Steps by which the first spike comes early; silent units come last."""
    spiked = values != 0
    steps = values.shape[1]
    return np.where(spiked.any(axis=1), steps - spiked.argmax(axis=1), 0)


SCORES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "count": lambda values: values.sum(axis=1, dtype=np.float64),
    "first": _first_spike,
    "last": lambda values: values[:, -1],
    "max": lambda values: values.max(axis=1),
    "mean": lambda values: values.mean(axis=1, dtype=np.float64),
    "sum": lambda values: values.sum(axis=1, dtype=np.float64),
    "step": lambda values: values,
}
"""Read-out name -> scores [B, n] ([B, T, n] for `step`) of values [B, T, n]; the greatest score is the class.

`count` and `first` read spikes; `last`, `max`, `mean`, `sum` and `step` read the membrane where a population has a
potential to read, else the emitted values.
"""

SPIKE_READOUTS = frozenset({"count", "first"})


def classify(values: np.ndarray, readout: str) -> np.ndarray:
    """Classes [B] of values [B, T, n]; [B, T] for the per-step read-out. Equal scores: the lowest index.

    >>> classify(np.array([[[0, 1, 1], [0, 0, 1], [0, 1, 0]]]), "count").tolist()
    [1]
    """
    return SCORES[readout](values).argmax(axis=-1)


def readout_of(network: Network, output: Output) -> str:
    """The read-out of an output: what it says, else spike count, else the mean of what it emits.

    Errors: E165 with the known ones.
    """
    spiking = isinstance(type_of(network, output_record(network, output.name)), BoolType) or output.port == "spikes"
    readout = output.readout or ("count" if spiking else "mean")
    if readout not in SCORES:
        raise fail(E165, "no such read-out", Place(path=output.name), found=readout, expected=", ".join(SCORES))
    if readout in SPIKE_READOUTS and not spiking:
        raise fail(E165, "this read-out needs spikes", Place(path=output.name), found=f"port {output.port}",
                   expected="a spiking output", hint=f"use one of {', '.join(sorted(SCORES.keys() - SPIKE_READOUTS))}")
    return readout


def record_read(network: Network, output: Output) -> str:
    """What a read-out looks at: the output itself, or the state `v` of its population for membrane read-outs."""
    membrane = f"{output.source}.v"
    if readout_of(network, output) in SPIKE_READOUTS or output.port != "spikes":
        return output_record(network, output.name)
    program = network.programs[network.node(output.source).site.program]  # pyright: ignore
    return membrane if any(item.name == "v" for item in program.states) else output_record(network, output.name)
