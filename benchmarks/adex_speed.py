"""Speed of `model.run`: 1024 AdEx neurons, 15 % of all connections, dt 0.1 ms, 1 s of model time, against Brian2.

Run from the project's root; Brian2 needs numpy < 2, so it has an environment of its own:

    python -m venv brian2 && brian2/bin/pip install brian2 'numpy<2'
    python benchmarks/adex_speed.py --brian2 brian2/bin/python [--rounds 7] [--seconds 1.0]

Both sides simulate the same network (same weights, same drive), take turns and start every run from rest. Brian2 runs
in its compiled runtime mode (Cython), in float64, which is the only type it has by default; spark in both.
Times are those of the run alone, the device synchronised; building and compiling come first and stand apart.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

UNITS, CONNECTED, DT = 1024, 0.15, 0.1
CURRENT, SPREAD, WEIGHT = 420.0, 120.0, 1.0
"""Mean and width of the constant currents, and the largest weight, pA."""
ADEX = {"tau": 20.0, "resistance": 0.1, "rest": -70.0, "reset": -58.0, "threshold": 0.0, "rheobase": -50.0,
        "slope": 2.0, "tau_w": 30.0, "a": 2.0, "b": 60.0, "tau_s": 5.0}
Run = Callable[[], tuple[float, int]]


def drawn() -> tuple[np.ndarray, np.ndarray]:
    """Weights [post, pre] and constant currents [units], pA."""
    generator = np.random.default_rng(0)
    weights = (generator.random((UNITS, UNITS)) < CONNECTED) * generator.uniform(0, WEIGHT, (UNITS, UNITS))
    return weights, CURRENT + SPREAD * generator.uniform(-1, 1, UNITS)


def spark_model(dtype: str):
    """The network: a source that spikes in every step carries the constant current, one loop the rest."""
    from spark.nn.brain import Brain, ModuleSpecs, PortMap
    from spark.nn.neurons import AdExNeuron

    weights, currents = drawn()
    steady = currents * (1 - np.exp(-DT / ADEX["tau_s"]))
    neuron = AdExNeuron(
        units=(UNITS,), dt=DT, dtype=dtype, inhibitory_rate=0.0,
        synapses__kernel=np.concatenate([steady[:, None], weights], axis=1), synapses__tau=ADEX["tau_s"],
        synapses__scale=1.0, soma__potential_tau=ADEX["tau"], soma__resistance=ADEX["resistance"],
        soma__potential_rest=ADEX["rest"], soma__potential_reset=ADEX["reset"], soma__threshold=ADEX["threshold"],
        soma__rheobase_threshold=ADEX["rheobase"], soma__spike_slope=ADEX["slope"],
        soma__adaptation_tau=ADEX["tau_w"], soma__adaptation_subthreshold=ADEX["a"],
        soma__adaptation_delta=ADEX["b"])
    sources = [PortMap("__call__", "drive"), PortMap("pool", "out_spikes")]
    return Brain(inputs={"drive": 1}, outputs={"spikes": ("pool", "out_spikes")},
                 modules=[ModuleSpecs("pool", neuron, {"in_spikes": sources})])


def spark_run(dtype: str, seconds: float) -> tuple[float, Run]:
    """Seconds to build and compile, and the run."""
    import jax

    begun = time.perf_counter()
    model = spark_model(dtype)
    drive = np.ones((round(seconds * 1e3 / DT), 1), np.float32)

    def run() -> tuple[float, int]:
        start = time.perf_counter()
        result = jax.block_until_ready(tuple(model.run(drive)))
        return time.perf_counter() - start, int(np.asarray(result[0]["spikes"]).sum())

    run()
    return time.perf_counter() - begun, run


def brian2_run(seconds: float) -> tuple[float, Run]:
    """The same in Brian2."""
    import brian2 as b

    begun = time.perf_counter()
    b.prefs.codegen.target = "cython"
    b.defaultclock.dt = DT * b.ms
    weights, currents = drawn()
    names = {"tau": ADEX["tau"] * b.ms, "R": ADEX["resistance"] * b.Gohm, "EL": ADEX["rest"] * b.mV,
             "VT": ADEX["rheobase"] * b.mV, "D": ADEX["slope"] * b.mV, "tau_w": ADEX["tau_w"] * b.ms,
             "a": ADEX["a"] * b.nS, "b": ADEX["b"] * b.pA, "tau_s": ADEX["tau_s"] * b.ms,
             "Vr": ADEX["reset"] * b.mV, "top": ADEX["threshold"] * b.mV}
    pool = b.NeuronGroup(UNITS, """dv/dt = (EL - v + D*exp((v - VT)/D) + R*(I + g - w))/tau : volt
        dw/dt = (a*(v - EL) - w)/tau_w : amp
        dg/dt = -g/tau_s : amp
        I : amp (constant)""", threshold="v > top", reset="v = Vr; w += b", method="euler", namespace=names)
    pool.v, pool.I = names["EL"], currents * b.pA
    synapses = b.Synapses(pool, pool, "weight : amp", on_pre="g_post += weight")
    post, pre = np.nonzero(weights)
    synapses.connect(i=pre, j=post)
    synapses.weight = weights[post, pre] * b.pA
    spikes = b.SpikeMonitor(pool)
    network = b.Network(pool, synapses, spikes)
    network.store()
    network.run(seconds * b.second)

    def run() -> tuple[float, int]:
        network.restore()
        start = time.perf_counter()
        network.run(seconds * b.second)
        return time.perf_counter() - start, int(spikes.num_spikes)

    return time.perf_counter() - begun, run


def serve(made: tuple[float, Run]) -> None:
    """Run whenever a line comes in."""
    compiled, run = made
    print(compiled, 0, flush=True)
    for _ in sys.stdin:
        print(*run(), flush=True)


class Side:
    """One side in a process of its own."""

    def __init__(self, python: str, side: str, seconds: float) -> None:
        words = [python, __file__, "--side", side, "--seconds", str(seconds)]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=os.environ | {"PYTHONWARNINGS": "ignore"})
        self.compiled = self._answer()[0]
        self.times: list[float] = []
        self.spikes = 0

    def _answer(self) -> tuple[float, int]:
        assert self.process.stdout
        seconds, count = self.process.stdout.readline().split()
        return float(seconds), int(count)

    def turn(self) -> None:
        assert self.process.stdin
        print("go", file=self.process.stdin, flush=True)
        seconds, self.spikes = self._answer()
        self.times.append(seconds)

    def row(self, name: str, model_seconds: float) -> str:
        rate = self.spikes / UNITS / model_seconds
        return (f"| {name} | {self.compiled:.1f} | {min(self.times):.3f} | {float(np.median(self.times)):.3f} "
                f"| {rate:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--brian2", help="the Python that has Brian2")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.0, help="model time of a run")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        serve(brian2_run(given.seconds) if given.side == "brian2" else spark_run(given.side, given.seconds))
        return
    sides = {"spark float32": Side(sys.executable, "float32", given.seconds),
             "spark float64": Side(sys.executable, "float64", given.seconds)}
    if given.brian2:
        sides["Brian2 (Cython)"] = Side(given.brian2, "brian2", given.seconds)
    for _ in range(given.rounds):
        for side in sides.values():
            side.turn()
    print("| what | build and compile s | best run s | median run s | Hz |\n|---|---|---|---|---|")
    for name, side in sides.items():
        print(side.row(name, given.seconds))


if __name__ == "__main__":
    main()
