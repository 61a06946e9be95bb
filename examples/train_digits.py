"""Trains the network of `digits.py` with surrogate gradients; about ten minutes on two cores.

    python examples/train_digits.py                      # writes examples/digits.npz
    python examples/train_digits.py --without delayed    # the same network without its delayed projections
    python examples/train_digits.py --ablate             # accuracy of the trained network, whole and in parts
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import optax

sys.path.insert(0, str(Path(__file__).parent))
import digits  # noqa: E402
import digits_data  # noqa: E402

from compiler.comparison.accuracy import Proportion  # noqa: E402
from compiler.comparison.accuracy import accuracy as interval_of  # noqa: E402
from compiler.results.readout import classify  # noqa: E402
from spark.core import serialization  # noqa: E402
from spark.nn.brain import Brain  # noqa: E402
from spark.training import accuracy, count_cross_entropy, fit  # noqa: E402

COPIES = 16
"""Distorted copies of every training image."""
RATE, DECAY, BATCH, SOFTNESS = 3e-3, 1e-4, 64, 0.4


def train(brain: Brain, epochs: int, copies: int = COPIES, seed: int = 0) -> None:
    """Fit the weights on the training images and distorted copies of them; held-out images are only watched."""
    images, labels, held_out, held_out_labels = digits_data.split()
    generator = np.random.default_rng(seed)
    images_seen = np.concatenate([images, *(digits_data.distorted(images, generator) for _ in range(copies))])
    labels_seen = np.tile(labels, copies + 1)
    steps = epochs * -(-len(labels_seen) // BATCH)
    optimizer = optax.chain(optax.clip_by_global_norm(1.0),
                            optax.adamw(optax.cosine_decay_schedule(RATE, steps), weight_decay=DECAY))
    fit(brain, ({"input": digits_data.encode(images_seen)}, labels_seen), loss=count_cross_entropy(SOFTNESS),
        optimizer=optimizer, epochs=epochs, batch_size=BATCH, seed=seed,
        validation=({"input": digits_data.encode(held_out)}, held_out_labels), metric=accuracy)


def held_out_accuracy(brain: Brain, params: dict | None = None) -> Proportion:
    """Held-out images whose output unit of most spikes is the right one, ties to the lowest; prints its interval."""
    data = digits.data()
    spikes = np.asarray(brain.run({"input": data["input"]}, params=params)[0]["output"])
    return interval_of(classify(spikes, "count"), data["label"])


def ablated(brain: Brain, columns: slice) -> Proportion:
    """Accuracy with some of the hidden layer's incoming weights at zero."""
    params = brain.params
    kernel = np.array(params["hidden"]["synapses"]["kernel"])
    kernel[:, columns] = 0
    params["hidden"]["synapses"]["kernel"] = kernel
    return held_out_accuracy(brain, params)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=24, help="passes over all images (24)")
    parser.add_argument("--copies", type=int, default=COPIES, help=f"distorted copies of each image ({COPIES})")
    parser.add_argument("--seed", type=int, default=0, help="seed of weights, copies and order (0)")
    parser.add_argument("--without", choices=("recurrent", "delayed"), action="append", default=[],
                        help="leave one out")
    parser.add_argument("--output", type=Path, help="file of the weights (examples/digits.npz for the whole network)")
    parser.add_argument("--ablate", action="store_true", help="do not train; silence parts of the trained network")
    options = parser.parse_args()
    if options.ablate:
        brain, inputs = digits.model(), 64 * (1 + len(digits.DELAYS))
        print(f"whole network             {held_out_accuracy(brain)}")
        print(f"delayed weights at zero   {ablated(brain, slice(64, inputs))}")
        print(f"recurrent weights at zero {ablated(brain, slice(inputs, None))}")
        return
    brain = digits.network("recurrent" not in options.without, "delayed" not in options.without, options.seed)
    train(brain, options.epochs, options.copies, options.seed)
    print(f"held-out accuracy {held_out_accuracy(brain)}")
    output = options.output or (None if options.without else digits.WEIGHTS)
    if output:
        serialization.save(brain, output)
        print(f"wrote {output}")


if __name__ == "__main__":
    main()
