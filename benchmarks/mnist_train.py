"""Trains the network of the MNIST benchmark in floating point; writes benchmarks/data/mnist.npz.

    python benchmarks/mnist_train.py --data data [--epochs 8] [--copies 2]

`data` holds `mnist/mnist.npz` (keras layout). About 15 minutes on two cores.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import optax

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))
import mnist_network as mnist  # noqa: E402

from spark.training import fit, value_accuracy, value_cross_entropy  # noqa: E402

RATE, BATCH, SCALE = 1e-3, 128, 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the data sets")
    parser.add_argument("--epochs", type=int, default=8, help="passes over all images (8)")
    parser.add_argument("--copies", type=int, default=2, help="distorted copies of every image (2)")
    parser.add_argument("--seed", type=int, default=0, help="seed of weights, copies and order (0)")
    options = parser.parse_args()
    images, labels, test, test_labels = mnist.read(options.data)
    generator = np.random.default_rng(options.seed)
    seen = np.concatenate([images, *(mnist.distorted(images, generator) for _ in range(options.copies))])
    steps = options.epochs * -(-len(seen) // BATCH)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0),
                            optax.adamw(optax.cosine_decay_schedule(RATE, steps), weight_decay=1e-4))
    brain = mnist.network(options.seed)
    fit(brain, (mnist.encode(seen), np.tile(labels, options.copies + 1)), loss=value_cross_entropy(SCALE),
        optimizer=optimizer, epochs=options.epochs, batch_size=BATCH, seed=options.seed,
        validation=(mnist.encode(test), test_labels), metric=value_accuracy,
        on_epoch=lambda epoch, entry, _: print(epoch, entry, flush=True))
    mnist.WEIGHTS.parent.mkdir(exist_ok=True)
    np.savez_compressed(mnist.WEIGHTS, **{  # type: ignore[arg-type]
        name: kernel.astype(np.float16) for name, kernel in mnist.weights(brain).items()})
    outputs, _ = mnist.model().run(mnist.encode(test))
    print(f"test accuracy as stored {float(value_accuracy(outputs, test_labels)):.4f}; wrote {mnist.WEIGHTS}")


if __name__ == "__main__":
    main()
