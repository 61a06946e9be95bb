"""Trains the network of the spoken-digit benchmark in floating point; writes benchmarks/data/fsdd<seed>.npz.

    python benchmarks/fsdd_train.py --data data [--seeds 0 1 2 …] [--epochs 16] [--copies 3]

`data` holds `fsdd/fsdd.npz`. About 5 minutes a seed on two cores.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import optax

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))
import fsdd_network as fsdd  # noqa: E402

from spark.training import fit, value_accuracy, value_cross_entropy  # noqa: E402

RATE, BATCH, SCALE = 3e-3, 64, 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the data sets")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)),
                        help="seeds of weights, copies and order")
    parser.add_argument("--epochs", type=int, default=16, help="passes over all clips (16)")
    parser.add_argument("--copies", type=int, default=3, help="distorted copies of every clip (3)")
    options = parser.parse_args()
    for seed in options.seeds:
        train(options.data, seed, options.epochs, options.copies)


def train(folder: Path, seed: int, epochs: int, copies: int) -> None:
    clips, test = fsdd.read(folder)
    generator = np.random.default_rng(seed)
    spikes = np.concatenate([clips.spikes(), *(fsdd.distorted(clips, generator).spikes() for _ in range(copies))])
    steps = epochs * -(-len(spikes) // BATCH)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0),
                            optax.adamw(optax.cosine_decay_schedule(RATE, steps), weight_decay=1e-4))
    brain = fsdd.network(seed)
    fit(brain, (spikes, np.tile(clips.digits, copies + 1)), loss=value_cross_entropy(SCALE), optimizer=optimizer,
        epochs=epochs, batch_size=BATCH, seed=seed, validation=(test.spikes(), test.digits), metric=value_accuracy,
        on_epoch=lambda epoch, entry, _: print(seed, epoch, entry, flush=True))
    file = fsdd.weights_file(seed)
    file.parent.mkdir(exist_ok=True)
    np.savez_compressed(file, **{name: np.asarray(module.params["synapses"]["kernel"], np.float16)  # type: ignore
                                 for name, module in brain.modules.items()})
    outputs, _ = fsdd.model(seed).run(test.spikes())
    print(f"seed {seed}: test accuracy as stored {float(value_accuracy(outputs, test.digits)):.4f}; wrote {file}",
          flush=True)


if __name__ == "__main__":
    main()
