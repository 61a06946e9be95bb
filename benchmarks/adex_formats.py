"""AdEx in fixed point against itself in float64: spike times of Naud's firing patterns, per format and rounding.

Run from the project's root, DIR holding the Brian2 recordings and the event-detected truths:

    python benchmarks/adex_formats.py --data DIR [--formats 32.15 24.12] [--step 0.1]

Prints, per pattern, format and rounding: spikes, whether their count is that of float64 with the same integrator and
step, the largest error of a spike time in parts of it, over 1 s of constant current, the same error where float64 does
everything and only v and w are rounded after each step (what no arithmetic with states of this format can avoid), and
the grades of v and w. Apart from that, the error of float64 itself against the event-detected truth. Exit status 1
where s32.15 misses both 0.1 % and what rounding the states alone costs.
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
ALLOWED = 1e-3
ROUNDED = {"zero": np.trunc, "floor": np.floor, "even": np.rint,
           "away": lambda x: np.copysign(np.floor(abs(x) + 0.5), x)}


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


def states_alone(meta: dict, step: float, fraction: int, rounding: str) -> np.ndarray:
    """Spike times of forward Euler written down here, in float64, v and w rounded after each step and nothing else."""
    share, leak = step / meta["tauw_ms"], step * meta["gL_nS"] / meta["C_pF"]
    knee, peak, reset = (meta[name] - meta["EL_mV"] for name in ("VT_mV", "Vpeak_mV", "Vr_mV"))
    v = w = 0.0
    rows = np.zeros(round(MILLISECONDS / step), bool)
    for index in range(len(rows)):
        drive = meta["DT_mV"] * np.exp((v - knee) / meta["DT_mV"]) + (meta["I_pA"] - w) / meta["gL_nS"]
        v, w = v + leak * (drive - v), w + share * (meta["a_nS"] * v - w)
        if v >= peak:
            rows[index], v, w = True, reset, w + meta["b_pA"]
        v, w = (float(np.ldexp(ROUNDED[rounding](np.ldexp(item, fraction)), -fraction)) for item in (v, w))
    return spike_times(rows, step)


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
            floor, told = 0.0, ""
            if rounding in ROUNDED:
                floor = deviation(states_alone(meta, step, fraction, rounding), float64)
                told = f" (states alone {100 * floor:.3f} %)"
            failed |= bits == 32 and not (same and error <= max(ALLOWED, floor))
            print(f"  s{name:6} {rounding:10} {len(times):4} spikes {'' if same else '(differs)':9} "
                  f"off by at most {100 * error:.3f} %{told}   {grades}", flush=True)
    return failed


if __name__ == "__main__":
    main()
