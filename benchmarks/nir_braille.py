"""Accuracy of the published Braille graphs, in floating point and compiled, beside what other platforms reached.

Run from the project's root, `data` being the folder that `nir_paper` and `braille` lie in:

    python benchmarks/nir_braille.py --data data [--weights 8 4] [--targets jax_fixed cores loihi] [--states 20]

The 140 test samples are all there is. Whatever calibrates does so by five folds: on the inputs of all samples but every
fifth, scored on those, five times; accuracies are pooled. Rows `nearest` round every weight alone, to which calibration
does nothing (ranges are proved, not observed). A class is the output with the most spikes, ties to the lowest index.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from compiler.comparison.accuracy import Proportion, accuracy  # noqa: E402
from compiler.comparison.comparison import compare_source  # noqa: E402
from compiler.diagnostics import DiagnosticError  # noqa: E402
from compiler.results.readout import classify  # noqa: E402
from compiler.settings import Settings  # noqa: E402

FOLDS = 5
GRAPHS = {
    "noDelay_bias_zero": ({"recurrent_start": "empty"}, {"recurrent_start": "bias"}),
    "noDelay_noBias_subtract": ({"reset": "subtract"},),
}
"""The graphs, and how each is read."""
PLATFORMS = {"snntorch": "snnTorch", "norse": "Norse", "s2": "SpiNNaker2", "spyx": "Spyx", "nengo": "Nengo",
             "lava": "Lava", "rockpool": "Rockpool", "xylo": "Xylo chip"}

Row = tuple[str, str, str]


def samples(folder: Path) -> dict[str, np.ndarray]:
    """Spikes [140, 256, 12] and labels."""
    with np.load(folder / "braille" / "nir_braille7_ds_test.npz") as file:
        shape = tuple(int(extent) for extent in file["shape"])
        events = np.unpackbits(file["events"])[: np.prod(shape)].reshape(shape)
        return {"input": events, "label": file["label"].astype(np.int64)}


def published(folder: Path, graph: str) -> Iterator[Row]:
    """What others reached with this graph, best first."""
    shares = {}
    for key, name in PLATFORMS.items():
        path = folder / "nir_paper" / "03_rnn" / f"{key}_accuracy_{graph}.npy"
        if path.is_file():
            value = float(np.load(path))
            shares[name] = value if value <= 1 else value / 100
    for name, share in sorted(shares.items(), key=lambda item: -item[1]):
        yield name, f"{round(share * 140)}/140", f"{100 * share:.1f} %"


def told(share: Proportion) -> tuple[str, str]:
    return f"{share.successes}/{share.n}", f"{100 * share.value:.1f} %"


def in_float(path: Path, reading: dict, data: dict[str, np.ndarray]) -> Row:
    """The spark modules in float64; how many decisions were ties."""
    found = Settings(dt=0.1, **reading).load(str(path)).run({"input": data["input"]})
    rows = next(iter(found.outputs.values()))
    counts = rows.sum(axis=1)
    ties = int(((counts == counts.max(axis=1, keepdims=True)).sum(axis=1) > 1).sum())
    name = f"float64, {words(reading)}, {ties} ties"
    return name, *told(accuracy(classify(rows, "count"), data["label"]))


def words(reading: dict) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in reading.items())


def compiled(path: Path, reading: dict, data: dict[str, np.ndarray], given: argparse.Namespace) -> Iterator[Row]:
    """Every target at every width, by folds; weights rounded alone beside it."""
    for rounding in ("fitted", "nearest"):
        settings = Settings(dt=0.1, states=given.states, weight_rounding=rounding, **reading)
        source = settings.load(str(path))
        for width in given.weights:
            for target in given.targets:
                name = f"{target}, {width}-bit weights, {rounding}, {words(reading)}"
                try:
                    found = compare_source(source, settings, data, [width], [target], folds=FOLDS, explained=0)
                except DiagnosticError as error:
                    yield name, "refused", error.diagnostics[0].message
                else:
                    right = found.rows[0].accuracy
                    assert right is not None
                    yield name, *told(right)


def raster(folder: Path, data: dict[str, np.ndarray]) -> str:
    """Hidden spikes of sample 0 against the raster that snnTorch's authors published."""
    path = folder / "nir_paper" / "03_rnn" / "braille_noDelay_bias_zero.nir"
    source = Settings(dt=0.1, recurrent_start="bias").load(str(path))
    seen = source.run({"input": data["input"][:1]}, record=["lif1_lif.spikes"]).records["lif1_lif.spikes"][0]
    theirs = np.load(path.parent / "snntorch_activity_noDelay_bias_zero.npy")
    off = int((seen != theirs).sum())
    return f"hidden raster of sample 0 (recurrent start bias): {off} of {seen.size} cells differ"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of nir_paper and braille")
    parser.add_argument("--weights", type=int, nargs="+", default=[8, 4])
    parser.add_argument("--states", type=int, default=20)
    parser.add_argument("--targets", nargs="+", default=["jax_fixed", "cores", "loihi"])
    given = parser.parse_args()
    data = samples(given.data)
    for graph, readings in GRAPHS.items():
        path = given.data / "nir_paper" / "03_rnn" / f"braille_{graph}.nir"
        print(f"\n| {graph} | right | share |\n| --- | --- | --- |", flush=True)
        for row in published(given.data, graph):
            print(f"| {' | '.join(row)} |")
        for reading in readings:
            print(f"| **{' | '.join(in_float(path, reading, data))}** |", flush=True)
        for row in compiled(path, readings[0], data, given):
            print(f"| **{' | '.join(row)}** |", flush=True)
    print(f"\n{raster(given.data, data)}")


if __name__ == "__main__":
    main()
