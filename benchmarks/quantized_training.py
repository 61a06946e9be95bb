"""What the benchmarks of accuracy share: compile, run the program, count; train in the loop."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optax

from compiler import artifact
from compiler.comparison.accuracy import Proportion, accuracy
from compiler.options import Options
from compiler.pipeline import Compilation, compile_source
from compiler.source import Source
from compiler.training import QuantizedStep
from spark.core.module import SparkModule
from spark.training import fit, value_cross_entropy
from targets.jax_fixed.runner import load

PORTION = 500


@dataclass(frozen=True)
class Outcome:
    """Classes that a program gives, how many are right, and how its states were certified."""

    classes: np.ndarray
    right: Proportion
    grades: str

    def against(self, other: Outcome) -> str:
        """Points lost and predictions changed."""
        lost = 100 * (other.right.value - self.right.value)
        return f"{lost:+.2f} points lost, {100 * np.mean(self.classes != other.classes):.2f} % of predictions changed"


def of_float(module: SparkModule, spikes: np.ndarray, labels: np.ndarray) -> Outcome:
    """The floating-point network; the class is the largest mean potential."""
    parts = [np.asarray(module.run(spikes[i : i + PORTION])[0]["output"]) for i in range(0, len(spikes), PORTION)]
    classes = np.concatenate(parts).mean(axis=1).argmax(axis=1)
    return Outcome(classes, accuracy(classes, labels), "")


def of_program(source: Source, options: Options, spikes: np.ndarray, labels: np.ndarray) -> Outcome:
    """The network compiled with every check, its generated program run on all samples."""
    compilation = compile_source(source, options)
    wrong = [item for item in compilation.verdicts if item.failed]
    if wrong:
        raise SystemExit(f"{wrong[0].stage}: {wrong[0].detail}")
    with tempfile.TemporaryDirectory() as folder:
        artifact.write_files(compilation.files, Path(folder))
        program = load(Path(folder))
        rows = [np.asarray(program.run({"input": spikes[i : i + PORTION]})[0]["output"])
                for i in range(0, len(spikes), PORTION)]
    classes = np.concatenate(rows).astype(np.int64).sum(axis=1).argmax(axis=1)
    return Outcome(classes, accuracy(classes, labels), grades(compilation))


def grades(compilation: Compilation) -> str:
    """How many states are proved for any input, of all."""
    found = [item["grade"] for site in compilation.report["sites"] for item in site["values"] if item["state"]]
    return ", ".join(f"{found.count(grade)} of {len(found)} {grade}" for grade in sorted(set(found)))


def train(task: QuantizedStep, data: tuple[np.ndarray, np.ndarray], epochs: int, rate: float, batch: int, seed: int,
          scale: float) -> Any:
    """Parameters after training in the loop: Adam, the rate falling to 0 as a cosine."""
    steps = epochs * -(-len(data[1]) // batch)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(optax.cosine_decay_schedule(rate, steps)))
    return fit(task, data, loss=value_cross_entropy(scale), optimizer=optimizer, epochs=epochs, batch_size=batch,
               seed=seed, on_epoch=lambda epoch, entry, _: print(f"  epoch {epoch} {entry}", flush=True)).params
