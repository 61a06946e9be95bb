"""Spoken digits (FSDD, official split): accuracy in floating point, with 8-bit weights, and with 4 bits after training.

    python benchmarks/fsdd.py --data data [--seeds 0 1 2 …] [--weights 4] [--epochs 4]

`data` holds `fsdd/fsdd.npz`; the weights of `fsdd_train.py` are stored beside this file, one network for each seed.
Accuracies are of the generated integer programs on the 300 test clips. About 3 minutes a seed on two cores.

For comparison: a logistic regression on time-frequency features reaches 95.7 % on this split.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))
import fsdd_network as fsdd  # noqa: E402
import quantized_training as training  # noqa: E402

from compiler.settings import Settings  # noqa: E402
from compiler.training import quantized_step, source_of  # noqa: E402

BATCH, RATE, SCALE, COPIES = 64, 1e-3, 0.5, 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the data sets")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)), help="networks (0 … 9)")
    parser.add_argument("--weights", type=int, nargs="*", default=[4], help="bits to train with (4)")
    parser.add_argument("--epochs", type=int, default=4, help="passes over all clips in training (4)")
    options = parser.parse_args()
    clips, test = fsdd.read(options.data)
    scores: dict[str, list[float]] = {}
    for seed in options.seeds:
        for name, outcome, text in outcomes(clips, test, seed, options.weights, options.epochs):
            print(f"seed {seed}  {name:<18} {outcome.right}  {text}", flush=True)
            scores.setdefault(name, []).append(100 * outcome.right.value)
    for name, values in scores.items():
        spread = np.std(values, ddof=1) if len(values) > 1 else 0.0
        print(f"{name:<18} mean {np.mean(values):.2f} %, spread {spread:.2f}, "
              f"{min(values):.2f} … {max(values):.2f} % over {len(values)} seeds")


def outcomes(clips: fsdd.Clips, test: fsdd.Clips, seed: int, widths: list[int], epochs: int):
    """Name, outcome and comparison with the float network, for every way to run the network of a seed."""
    brain, spikes = fsdd.model(seed), test.spikes()
    calibration = {"input": clips.spikes()[seed::20]}
    reference = training.of_float(brain, spikes, test.digits)
    yield "float", reference, ""
    source = source_of(brain)
    for bits in (8, *widths):
        settings = Settings(weights=bits, chip="none", calibration=calibration)
        found = training.of_program(source, settings.options(source), spikes, test.digits)
        yield f"{bits} bits", found, f"{found.against(reference)}  states {found.grades}"
    generator = np.random.default_rng(100 + seed)
    seen = [clips.spikes(), *(fsdd.distorted(clips, generator).spikes() for _ in range(COPIES))]
    data = np.concatenate(seen), np.tile(clips.digits, COPIES + 1)
    for bits in widths:
        task = quantized_step(brain, weights=bits, chip="none", calibration=calibration, learn_step_sizes=True)
        params = training.train(task, data, epochs, RATE, BATCH, seed, SCALE)
        found = training.of_program(task.source(params), task.options(params), spikes, test.digits)
        yield f"{bits} bits, trained", found, f"{found.against(reference)}  states {found.grades}"


if __name__ == "__main__":
    main()
