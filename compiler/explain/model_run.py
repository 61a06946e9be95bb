"""The model's own run, told in the values of an exact form; and whether the form does anything else than the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from compiler.explain import engine
from compiler.explain.engine import Rows, Trace
from compiler.explain.exact_form import ExactForm, Reading
from compiler.explain.site import Pair
from compiler.ir.network import Network

_ROUNDING = 1e-9


def model_run(pair: Pair, inputs: Rows, records: Iterable[str], margins: Iterable[str]) -> Trace:
    """Records and margins of the exact form as the model has them on inputs [B, T, n]."""
    form, model = pair.form, pair.model
    assert form is not None and model is not None
    wanted = {name: form.values[name] for name in records if name in form.values}
    wanted |= {name: item for name, item in form.values.items() if name in _emitted(pair.scaled)}
    compared = {name: form.margins[name] for name in margins if name in form.margins}
    run = engine.run(Pair(model, model), (), inputs, _terms(wanted), _terms(compared))
    told = Trace(dict(run.emitted))
    for name, item in wanted.items():
        value = _told(form, run, name, item, run.records)
        (told.emitted if name in told.emitted else told.records)[name] = value
    told.margins = {name: _told(form, run, name, item, run.margins) for name, item in compared.items()}
    return told


def _emitted(network: Network) -> set[str]:
    return {f"{item.name}.{emit.port}" for item in network.populations
            for emit in network.programs[item.site.program].emits}


def _terms(wanted: Mapping[str, Reading]) -> list[str]:
    return sorted({record for item in wanted.values() for record, _ in item.terms})


def _told(form: ExactForm, run: Trace, name: str, item: Reading, rows: Mapping[str, np.ndarray]) -> np.ndarray:
    value = sum((rows[record] * factor for record, factor in item.terms), np.zeros(())) + item.offset
    population = name.rpartition(".")[0]
    if item.at_rest is None or population not in form.rests:
        return value
    spikes = [rows != 0 for record, rows in run.emitted.items()
              if record.rpartition(".")[0] == population and record not in form.values]
    return np.where(_resting(spikes[0], form.rests[population], item.since), item.at_rest, value) if spikes else value


def _resting(spikes: np.ndarray, held: np.ndarray, since: int) -> np.ndarray:
    """Where units rest, [B, T, n]; since: 0 to count the step of the spike, 1 not to."""
    found, left = np.zeros(spikes.shape, bool), np.zeros(spikes[:, 0].shape, np.int64)
    for step in range(spikes.shape[1]):
        now = spikes[:, step]
        found[:, step] = (left > 0) | (now & (held > 0) & (since == 0))
        left = np.where(now, held, np.maximum(left - 1, 0))
    return found


def same_to_rounding(one: Trace, other: Trace) -> bool:
    """Whether two runs decide and emit the same, margins and values but for rounding of float64."""
    parts = [(a, getattr(other, kind)[name]) for kind in ("emitted", "margins") for name, a in
             getattr(one, kind).items()]
    return all(np.abs(a - b).max(initial=0.0) <= _ROUNDING * np.abs(a).max(initial=0.0) for a, b in parts)
