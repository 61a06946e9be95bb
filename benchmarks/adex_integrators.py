"""AdEx spike times against event-detected truths: error per firing pattern, integrator and time step.

Run from the project's root; DIR holds `adex_*_ivp.npz`, spike times found by LSODA with event detection:

    python benchmarks/adex_integrators.py --data DIR [--dt 1 0.5 0.1 0.05 0.01] [--spikes 5]

Prints a table: the largest error of the first spikes in ms (irregular patterns are chaotic, so later ones say nothing),
and the number of spikes of the whole run beside the true one. `euler`, `exponential_euler` and `half_steps` are those
of `AdaptiveExponentialSoma`; `midpoint` is the same model as equations. A spike counts at the end of its step.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from spark.equations import neuron  # noqa: E402
from spark.nn.components.somas import AdaptiveExponentialSoma  # noqa: E402
from tests.equations.recordings import ADEX, Recording, recording  # noqa: E402

INTEGRATORS = ("euler", "exponential_euler", "half_steps", "midpoint")
# A unit above v_peak has spiked: what half a step makes of the upstroke must not reach the adaptation.
CLAMPED = "peak = min(v, {Vpeak_mV} mV) : mV\n" + ADEX.replace("exp((v -", "exp((peak -").replace("a*(v -", "a*(peak -")


def spike_times(truth: Recording, integrator: str, dt: float) -> np.ndarray:
    """Spike times in ms."""
    meta = truth.meta
    steps = round(meta["T_ms"] / dt)
    run = _soma(meta, integrator, dt).run(np.full((steps, 1), float(meta["I_pA"])))
    return dt * (np.nonzero(run.outputs["spikes"])[0] + 1)


def _soma(meta: dict[str, Any], integrator: str, dt: float) -> Any:
    if integrator == "midpoint":
        return neuron(CLAMPED.format(**meta), dt=dt, dtype="float64", integrator="midpoint")
    return AdaptiveExponentialSoma(
        units=(1,), dt=dt, dtype="float64", integrator=integrator, potential_rest=meta["EL_mV"],
        potential_reset=meta["Vr_mV"], threshold=meta["Vpeak_mV"], rheobase_threshold=meta["VT_mV"],
        spike_slope=meta["DT_mV"], potential_tau=meta["C_pF"] / meta["gL_nS"], resistance=1 / meta["gL_nS"],
        adaptation_tau=meta["tauw_ms"], adaptation_delta=meta["b_pA"], adaptation_subthreshold=meta["a_nS"])


def errors(truth: Recording, integrator: str, dt: float, first: int) -> tuple[float, int]:
    """The largest error of the first spikes (ms; nan where some are missing), and the number of all spikes."""
    times, true = spike_times(truth, integrator, dt), truth.arrays["spikes"]
    if len(times) < first:
        return float("nan"), len(times)
    return float(np.max(np.abs(times[:first] - true[:first]))), len(times)


def rows(truths: Iterable[Recording], steps: Iterable[float], first: int) -> Iterable[str]:
    """The table, line by line."""
    steps = list(steps)
    yield "| pattern (spikes) | integrator | " + " | ".join(f"{dt:g} ms" for dt in steps) + " |"
    yield "|---|---|" + "---|" * len(steps)
    for truth in truths:
        for integrator in INTEGRATORS:
            found = [errors(truth, integrator, dt, first) for dt in steps]
            cells = " | ".join(f"{error:.3g} ({count})" for error, count in found)
            yield f"| {truth.meta['name']} ({truth.arrays['spikes'].size}) | {integrator} | {cells} |"


def truths(folder: Path) -> list[Recording]:
    """Every event-detected truth of AdEx in a folder."""
    return [recording(path) for path in sorted(folder.glob("adex_*_ivp.npz"))]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the truths")
    parser.add_argument("--dt", type=float, nargs="+", default=[1.0, 0.5, 0.1, 0.05, 0.01])
    parser.add_argument("--spikes", type=int, default=5, help="how many first spikes are compared")
    given = parser.parse_args()
    for line in rows(truths(given.data), given.dt, given.spikes):
        print(line, flush=True)


if __name__ == "__main__":
    main()
