"""Recordings of Brian2, and the equations that they were made with."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spark.equations import EquationSoma, neuron

LIF = """
dv/dt = (-v + I)/tau : 1
tau = {tau_ms} ms
input I : 1
threshold: v > 1
reset: {reset}
"""
ALIF = """
dv/dt = (-v + I)/tau : 1
dth/dt = (th0 - th)/tau_th : 1
tau = {tau_ms} ms
tau_th = {tau_th_ms} ms
th0 = {th0}
th(0) = th0
input I : 1
threshold: v > th
reset: v -= th; th += {beta}
"""
CUBA = """
dv/dt = (-v + I + g)/tau : 1 (unless refractory)
dg/dt = -g/tau_syn : 1
tau = {tau_ms} ms
tau_syn = {tau_syn_ms} ms
g(0) = {g0}
input I : 1
threshold: v > 1
reset: v = 0
refractory: {refractory_ms} ms
"""
ADEX = """
dv/dt = (gL*(EL - v) + gL*DT*exp((v - VT)/DT) - w + I)/C : mV
dw/dt = (a*(v - EL) - w)/tau_w : pA
C = {C_pF} pF
gL = {gL_nS} nS
EL = {EL_mV} mV
VT = {VT_mV} mV
DT = {DT_mV} mV
a = {a_nS} nS
tau_w = {tauw_ms} ms
v(0) = EL
threshold: v > {Vpeak_mV} mV
reset: v = {Vr_mV} mV; w += {b_pA} pA
"""
IZHIKEVICH = """
dv/dt = ({constant} + (I + {quadratic}*v^2 + {linear}*v) - u)/(1 ms) : 1
du/dt = {a}*({b}*v - u)/(1 ms) : 1
v(0) = {v0}
u(0) = {u0}
input I : 1
threshold: v > {peak}
reset: v = {c}; u += {d}
"""


@dataclass(frozen=True)
class Recording:
    """One file: what it was made from (`meta`), its states [units, rows] at the start of steps, spike steps by unit."""

    name: str
    meta: dict[str, Any]
    arrays: dict[str, np.ndarray]

    @property
    def dt(self) -> float:
        return float(self.meta["dt_ms"])

    @property
    def every(self) -> int:
        """Steps from one stored row to the next."""
        return int(self.meta["stored_every"])

    @property
    def steps(self) -> int:
        return self.arrays["t"].size * self.every

    @property
    def states(self) -> dict[str, np.ndarray]:
        return {key: np.atleast_2d(self.arrays[key]) for key in ("v", "w", "u", "g", "th") if key in self.arrays}

    @property
    def units(self) -> int:
        return len(self.states["v"])

    @property
    def rows(self) -> int:
        """Rows that are compared: rounding decides the course of one recording after 210 ms."""
        return round(210 / (self.dt * self.every)) if "izh_H" in self.name else self.arrays["t"].size

    def spikes(self) -> list[list[int]]:
        """Steps at which each unit fired."""
        who = self.arrays.get("spike_i", np.zeros(self.arrays["spikes"].size, int))
        when = np.round(self.arrays["spikes"] / self.dt).astype(int)
        return [sorted(when[who == unit].tolist()) for unit in range(self.units)]

    def text(self) -> str:
        """The model as equations."""
        model, meta = self.meta["model"], self.meta
        if model == "izhikevich":
            quadratic, linear, constant = (term.split("v")[0] for term in meta["quad"].split("+"))
            return IZHIKEVICH.format(**meta, quadratic=quadratic, linear=linear, constant=constant,
                                     peak=meta["thr"].split(">")[1])
        if model.startswith("cuba"):
            return CUBA.format(**meta, refractory_ms=model.partition("+")[2].partition("ms")[0])
        if model == "adex":
            return ADEX.format(**meta)
        if model == "alif":
            return ALIF.format(**meta)
        return LIF.format(tau_ms=meta["tau_ms"], reset="v -= 1" if model == "lif_subtract" else "v = 0")

    def soma(self) -> EquationSoma:
        """Its equations as a soma in float64."""
        method = {"exact": "exact", "euler": "euler", "exponential_euler": "exponential_euler", "rk2": "midpoint"}
        return neuron(self.text(), units=(self.units,), dt=self.dt, dtype="float64",
                      integrator=method[self.meta["method"]])

    def drive(self) -> np.ndarray:
        """The input of every step, [steps, units]."""
        if self.meta["model"] == "adex":
            return np.full((self.steps, 1), float(self.meta["I_pA"]))
        if self.meta["model"] == "izhikevich":
            return self._written_drive()[:, None]
        return np.tile(np.asarray(self.meta["I"], float), (self.steps, 1))

    def _written_drive(self) -> np.ndarray:
        """The current that `meta` writes as an expression of t; time is rounded as Brian2 rounds it."""
        names = {"t": np.arange(self.steps) * (self.dt * 1e-3), "ms": 1e-3, "T1": self.meta["T1"] * 1e-3,
                 "int": lambda truth: truth.astype(float)}
        return np.asarray(eval(self.meta["I"], {"__builtins__": {}}, names), float)  # noqa: S307


def recording(path: Path) -> Recording:
    """Read one file."""
    with np.load(path, allow_pickle=False) as archive:
        arrays = {key: archive[key] for key in archive.files}
    return Recording(path.stem, json.loads(str(arrays.pop("meta"))), arrays)


def played(theirs: Recording) -> tuple[dict[str, np.ndarray], list[list[int]]]:
    """What the equations make of a recording's input: states at the start of the stored steps, and spike steps."""
    soma = theirs.soma()
    names = tuple(theirs.states)
    run = soma.run(theirs.drive(), record=names)
    first = soma.initial_state()
    ours = {name: np.concatenate([first[name][None], run.recorded[name][:-1]])[::theirs.every].T for name in names}
    return ours, [np.nonzero(row)[0].tolist() for row in np.asarray(run.outputs["spikes"]).T]


def worst(theirs: Recording, ours: dict[str, np.ndarray]) -> float:
    """The largest difference of a state, in parts of its recorded range."""
    differences = []
    for name, rows in theirs.states.items():
        kept = rows[:, :theirs.rows]
        differences.append(float(np.max(np.abs(ours[name][:, :theirs.rows] - kept))) / float(np.ptp(kept)))
    return max(differences)


def early(steps: list[list[int]], theirs: Recording) -> list[list[int]]:
    """Spikes within the rows that are compared."""
    return [[step for step in row if step < theirs.rows * theirs.every] for row in steps]
