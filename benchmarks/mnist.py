"""MNIST: accuracy in floating point, with 8-bit weights, and with 4 and 2 bits after training in the loop.

    python benchmarks/mnist.py --data data [--weights 4 2] [--epochs 3]

`data` holds `mnist/mnist.npz` (keras layout); the weights of `mnist_train.py` are stored beside this file. Accuracies
are of the generated integer programs on the 10 000 test images. About 10 minutes on two cores.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))
import mnist_network as mnist  # noqa: E402
import quantized_training as training  # noqa: E402

from compiler.settings import Settings  # noqa: E402
from compiler.training import quantized_step, source_of  # noqa: E402

BATCH, RATE, SCALE, COPIES = 128, 3e-4, 0.5, 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder of the data sets")
    parser.add_argument("--weights", type=int, nargs="*", default=[4, 2], help="bits to train with (4 2)")
    parser.add_argument("--epochs", type=int, default=3, help="passes over all images in training (3)")
    parser.add_argument("--seed", type=int, default=0, help="seed of copies and order (0)")
    options = parser.parse_args()
    images, labels, test, test_labels = mnist.read(options.data)
    spikes, brain = mnist.encode(test), mnist.model()
    calibration = {"input": mnist.encode(images[:256])}
    reference = training.of_float(brain, spikes, test_labels)
    print(f"float    {reference.right}")
    source = source_of(brain)
    for bits in (8, *options.weights):
        settings = Settings(weights=bits, chip="none", calibration=calibration)
        found = training.of_program(source, settings.options(source), spikes, test_labels)
        print(f"{bits} bits   {found.right}  {found.against(reference)}  states {found.grades}", flush=True)
    generator = np.random.default_rng(options.seed)
    seen = np.concatenate([images, *(mnist.distorted(images, generator) for _ in range(COPIES))])
    data = mnist.encode(seen), np.tile(labels, COPIES + 1)
    for bits in options.weights:
        task = quantized_step(brain, weights=bits, chip="none", calibration=calibration, learn_step_sizes=True)
        params = training.train(task, data, options.epochs, RATE, BATCH, options.seed, SCALE)
        found = training.of_program(task.source(params), task.options(params), spikes, test_labels)
        print(f"{bits} bits, trained  {found.right}  {found.against(reference)}  states {found.grades}", flush=True)


if __name__ == "__main__":
    main()
