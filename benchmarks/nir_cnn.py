"""Speed of the program generated for the N-MNIST graph of the NIR paper against the float32 reference at equal batch.

Run from the project's root, DIR being the folder that `nir_paper` lies in:

    python benchmarks/nir_cnn.py --data DIR [--batch 1 16 64] [--steps 50] [--repetitions 9] [--layers]

The float32 reference is the imported spark module, run by JAX as it stands. The second float32 program is written by
hand as fast as it gets: every convolution over all steps at once, then the membranes step by step. They take turns, and
the least time of each counts. `--layers` measures the ways to compute each convolution exactly, per row (a sample at a
step). The input is noise of the density of recorded samples (3.7 % of the pixels in every step).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

sys.path.insert(0, str(Path(__file__).parent.parent))

from compiler import artifact  # noqa: E402
from compiler.settings import Settings  # noqa: E402
from spark.nn.brain import Brain  # noqa: E402
from targets.jax_fixed.runner import load  # noqa: E402
from targets.jax_fixed.runtime import windows  # noqa: E402
from targets.jax_fixed.runtime.products import weight_digits  # noqa: E402

DENSITY = 0.037
Runs = dict[str, Callable[[], Any]]


def compiled(graph: Path, steps: int) -> tuple[Any, Any]:
    """The source and its generated program."""
    from compiler.pipeline import compile_source

    settings = Settings(chip="none", precision="float32", calibration={"input": noise(16, steps)})
    source = settings.load(str(graph))
    compilation = compile_source(source, settings.options(source), settings.target, checked=False)
    folder = Path(tempfile.mkdtemp(prefix="nir-cnn-"))
    artifact.write_files(compilation.files, folder)
    return source, load(folder)


def noise(batch: int, steps: int) -> np.ndarray:
    return (np.random.default_rng(0).random((batch, steps, 2 * 34 * 34)) < DENSITY).astype(np.uint8)


def by_hand(brain: Brain) -> Callable[[Any], Any]:
    """The same network in float32: sums of all steps at once, then one scan per layer."""
    modules = list(brain.modules.values())
    named = {name: module for name, module in brain.modules.items()}
    order = [named[name] for name in brain._order]
    assert len(order) == len(modules)

    def run(values: Any) -> Any:
        batch, steps = values.shape[:2]
        rows = values.swapaxes(0, 1).astype(jnp.float32).reshape(steps * batch, 2, 34, 34)
        for module in order:
            params = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), module.params)
            if hasattr(module, "apply"):
                rows = jax.vmap(lambda row, m=module, p=params: m.apply(row, p))(rows)
                continue
            shape = rows.shape[1:]

            def step(v: Any, row: Any, m: Any = module, p: Any = params) -> Any:
                state, out = m.step({"v": v}, {"current": row}, p)
                return state["v"], out["spikes"]

            _, rows = lax.scan(step, jnp.zeros((batch, *shape), jnp.float32), rows.reshape(steps, batch, *shape))
            rows = rows.reshape(steps * batch, *shape)
        return rows.reshape(steps, batch, -1)

    return jax.jit(run)


def seconds(runs: Runs, repetitions: int) -> dict[str, float]:
    """The least time of each; they take turns."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(repetitions + 1):
        for name, run in runs.items():
            start = time.perf_counter()
            jax.block_until_ready(run())
            if turn:
                found[name].append(time.perf_counter() - start)
    return {name: min(times) for name, times in found.items()}


def whole(graph: Path, batches: list[int], steps: int, repetitions: int) -> None:
    source, program = compiled(graph, steps)
    brain = source.module
    hand = by_hand(brain)
    print(f"{'batch':>6} {'generated':>12} {'float32 reference':>18} {'float32 by hand':>16}   ms for {steps} steps")
    for batch in batches:
        values = noise(batch, steps)
        images = jnp.asarray(values.reshape(batch, steps, 2, 34, 34), jnp.float32)
        runs: Runs = {
            "program": lambda values=values: program.run({"input": values})[0],
            "reference": lambda images=images: brain.run({"input": images})[0],
            "hand": lambda values=values: hand(values),
        }
        times = seconds(runs, repetitions)
        print(f"{batch:6d} {1e3 * times['program']:12.1f} {1e3 * times['reference']:18.1f} {1e3 * times['hand']:16.1f}"
              f"   {times['reference'] / times['program']:.2f} x, {times['hand'] / times['program']:.2f} x")


LAYERS = {
    "conv2d_0": ((2, 34, 34), (16, 2, 5, 5), (2, 2), 1), "conv2d_2": ((16, 16, 16), (16, 16, 3, 3), (1, 1), 1),
    "conv2d_5": ((16, 8, 8), (8, 16, 3, 3), (1, 1), 4),
}
"""Input, weights, stride and largest value of every convolution; all have padding 1."""


def layers(repetitions: int) -> None:
    """Microseconds per row of every way to compute a convolution exactly."""
    print(f"{'layer':>9} {'rows':>5}   " + "  ".join(f"{name:>14}" for name in ways(*LAYERS["conv2d_0"])))
    for name, layer in LAYERS.items():
        for rows in (16, 64, 256):
            shape, most = layer[0], layer[3]
            rng = np.random.default_rng(0)
            values = (rng.random((rows, int(np.prod(shape)))) < 0.05) * rng.integers(1, most + 1, (rows, 1))
            values = jnp.asarray(values, jnp.uint8)
            functions = {key: jax.jit(way) for key, way in ways(*layer).items()}
            results = [np.asarray(function(values)) for function in functions.values()]
            assert all((result == results[0]).all() for result in results)
            times = seconds({key: lambda f=f, v=values: f(v) for key, f in functions.items()}, 3 * repetitions)
            print(f"{name:>9} {rows:5d}   " + "  ".join(f"{1e6 * item / rows:14.1f}" for item in times.values()))


def ways(shape: Any, weight_shape: Any, stride: Any, most: int) -> dict[str, Callable[[Any], Any]]:
    weights = np.random.default_rng(1).integers(-127, 128, weight_shape).astype(np.int8)
    geometry = (weight_shape[2:], shape, stride, (1, 1, 1, 1), (1, 1))
    digits = weight_digits(weights.reshape(weight_shape[0], -1))
    floats = windows.kernel(weights)

    def bytes_convolved(values: Any) -> Any:
        return lax.conv_general_dilated(values.reshape(-1, *shape).astype(jnp.int8), jnp.asarray(weights), stride,
                                        ((1, 1), (1, 1)), preferred_element_type=jnp.int32).reshape(len(values), -1)

    def patches_of_floats(values: Any) -> Any:
        seen = jnp.stack(windows.window_places(values.astype(jnp.float32), *geometry), axis=2)
        patches = seen.reshape(len(values), weights[0].size, -1)
        sums = jnp.einsum("ok,rkn->ron", weights.reshape(len(weights), -1).astype(np.float32), patches)
        return sums.astype(jnp.int32).reshape(len(values), -1)

    def patches_of_bytes(values: Any) -> Any:
        return windows.convolution(values, digits, *geometry, 0, most)

    def floats_convolved(values: Any) -> Any:
        return windows.convolution_of_floats(values, floats, *geometry[1:], 1)

    return {"bytes, patches": patches_of_bytes, "bytes, conv": bytes_convolved, "floats, conv": floats_convolved,
            "floats, patches": patches_of_floats}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of nir_paper")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--repetitions", type=int, default=9)
    parser.add_argument("--layers", action="store_true")
    given = parser.parse_args()
    if given.layers:
        layers(given.repetitions)
    whole(given.data / "nir_paper" / "02_cnn" / "cnn_sinabs.nir", given.batch, given.steps, given.repetitions)


if __name__ == "__main__":
    main()
