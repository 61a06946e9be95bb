"""AdEx in fixed point against itself in float64: spike times of Naud's firing patterns, per format and rounding.

Run from the project's root, DIR holding the Brian2 recordings and the event-detected truths:

    python benchmarks/adex_formats.py --data DIR [--formats 32.15 24.12] [--step 0.1]

Prints, per pattern, format and rounding: spikes, whether their count is that of float64 with the same integrator and
step, the largest error of a spike time in parts of it, over 1 s of constant current, and the grade of v. Apart from
that, the error of float64 itself against the event-detected truth. Exit status 1 where s32.15, rounded to nearest,
misses 0.1 %.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from compiler import reference
from compiler.analysis.network_ranges import ranges_of
from compiler.frontends.lower import lower
from compiler.options import Options
from compiler.pipeline import compile_source
from compiler.source import Source
from spark.nn.components.somas.exponential import AdaptiveExponentialSoma

MILLISECONDS = 1000.0
ROUNDINGS = ("zero", "even", "floor", "away", "stochastic")
NEAREST, ALLOWED = ("even", "away"), 1e-3


def soma_of(meta: dict, step: float) -> AdaptiveExponentialSoma:
    return AdaptiveExponentialSoma(
        units=(1,), dt=step, dtype="float64", potential_rest=meta["EL_mV"], potential_reset=meta["Vr_mV"],
        threshold=meta["Vpeak_mV"], rheobase_threshold=meta["VT_mV"], spike_slope=meta["DT_mV"],
        potential_tau=meta["C_pF"] / meta["gL_nS"], resistance=1 / meta["gL_nS"], adaptation_tau=meta["tauw_ms"],
        adaptation_delta=meta["b_pA"], adaptation_subthreshold=meta["a_nS"])


def spike_times(rows: np.ndarray, step: float) -> np.ndarray:
    """ms, the end of the step in which a spike fell."""
    return step * (np.nonzero(rows.reshape(-1))[0] + 1)


def fixed_times(soma: AdaptiveExponentialSoma, current: np.ndarray, step: float, options: Options):
    """Spike times of the golden model, and the grades of its states."""
    lowered = lower(soma, "adex", "")
    source = Source(Path("adex.py"), "adex", "", lowered, "float64", soma)
    network = compile_source(source, options, checked=False).fixed
    port = network.inputs[0]
    raw = np.rint(np.ldexp(current, port.port.type.fraction)).astype(np.int64)  # pyright: ignore
    result = reference.run(network, {port.name: raw[None, :, None]})
    site = network.populations[0]
    proved = ranges_of(network)[site.name].proved
    saturating = {item.name for item in network.programs[site.site.program].states
                  if getattr(item.type, "overflow", "") == "saturate"}
    grades = [f"{name} {'saturates' if name in saturating else 'proved' if good else '?'}"
              for name, good in proved.items()]
    return spike_times(next(iter(result.outputs.values())), step), ", ".join(grades)


def deviation(times: np.ndarray, truth: np.ndarray) -> float:
    """The largest relative error of the spike times that both have."""
    count = min(len(times), len(truth))
    return float(np.max(np.abs(times[:count] - truth[:count]) / truth[:count], initial=0.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--formats", nargs="+", default=["32.15", "24.12", "16.8"], help="width.fraction of v and w")
    parser.add_argument("--step", type=float, default=0.1, help="ms")
    arguments = parser.parse_args()
    failed = False
    for path in sorted(arguments.data.glob("adex_naud_*_ivp.npz")):
        failed |= _pattern(path, arguments.formats, arguments.step)
    sys.exit(failed)


def _pattern(path: Path, formats: list[str], step: float) -> bool:
    with np.load(path) as archive:
        meta, truth = json.loads(str(archive["meta"])), archive["spikes"]
    steps = round(MILLISECONDS / step)
    current = np.full(steps, float(meta["I_pA"]))
    soma = soma_of(meta, step)
    float64 = spike_times(soma.run(current[:, None])[0]["spikes"], step)
    within = float64[float64 <= meta["T_ms"]]
    print(f"{path.stem.removesuffix('_ivp')}: float64 {len(float64)} spikes in 1 s; in {meta['T_ms']:g} ms "
          f"{len(within)}, event-detected {len(truth)}, float64 off by at most {100 * deviation(within, truth):.2f} %")
    failed = False
    for name in formats:
        bits, fraction = (int(part) for part in name.split("."))
        for rounding in ROUNDINGS:
            options = Options(state_bits=bits, state_fraction=fraction, rounding=rounding,
                              calibration={"input": current[None, :, None]})
            times, grades = fixed_times(soma, current, step, options)
            error = deviation(times, float64)
            same = len(times) == len(float64)
            failed |= bits == 32 and rounding in NEAREST and not (same and error <= ALLOWED)
            print(f"  s{name:6} {rounding:10} {len(times):4} spikes {'' if same else '(differs)':9} "
                  f"off by at most {100 * error:.3f} %   {grades}", flush=True)
    return failed


if __name__ == "__main__":
    main()
