"""What can be wrong with the numbers of a module: not finite, of the wrong shape, no delays."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from compiler.diagnostics import Diagnostic, Place, declare, fail
from compiler.frontends.leaves import flatten
from spark.core.module import SparkModule

E106 = declare("E106", "shapes of a module do not fit each other")
E107 = declare("E107", "a weight or parameter is not a finite number")
E108 = declare("E108", "a delay is not a whole number of steps, or negative")


def of_params(module: SparkModule, name: str) -> Iterator[Diagnostic]:
    """Every array of parameters that holds NaN or infinity, with the first index."""
    for path, value in flatten(module.params):
        array = np.asarray(value)
        if array.dtype.kind != "f" or np.isfinite(array).all():
            continue
        wrong = ~np.isfinite(array)
        place = Place(path=f"{name}.{'.'.join(path)}")
        yield Diagnostic(E107, f"{int(wrong.sum())} of {array.size} numbers are not finite", place,
                         found=_at(array, wrong), expected="finite numbers",
                         hint="check the training run and the file the weights were loaded from")


def _at(array: np.ndarray, wrong: np.ndarray) -> str:
    index = np.unravel_index(int(wrong.argmax()), wrong.shape)
    where = f" at [{', '.join(str(int(i)) for i in index)}]" if array.ndim else ""
    return f"{array[index]}{where}"


def as_matrix(weights: np.ndarray, units: tuple[int, ...], pre: int, path: str) -> np.ndarray:
    """Weights [post, pre] over flattened shapes. Errors: E106."""
    post = math.prod(units)
    if weights.size != post * pre or weights.shape[: len(units)] != units:
        raise fail(E106, "the weights do not fit what is wired to them", f"{path}.synapses.kernel",
                   found=f"weights of shape {weights.shape}",
                   expected=f"units {units} times the {pre} presynaptic units wired to it",
                   hint="the kernel has shape units + input shape, postsynaptic axes first")
    return weights.reshape(post, pre)


def as_delays(steps: np.ndarray, sizes: tuple[int, int], path: str) -> np.ndarray:
    """Delays in steps: a number, [pre] or [post, pre]. Errors: E106 and E108."""
    wrong = ~np.isfinite(steps) | (steps < 0) | (steps != np.floor(steps))
    if wrong.any():
        raise fail(E108, f"{int(wrong.sum())} of {steps.size} delays cannot be kept", path, found=_at(steps, wrong),
                   expected="whole numbers of steps, at least 0", hint="divide by dt and round")
    if steps.size not in (1, sizes[1], sizes[0] * sizes[1]):
        raise fail(E106, "the delays do not fit what is wired to them", path, found=f"delays of shape {steps.shape}",
                   expected=f"one, {sizes[1]} (per presynaptic unit) or {sizes[0]}x{sizes[1]} (per pair)")
    whole = steps.astype(np.int64)
    if steps.size == 1:
        return whole.reshape(())
    return whole.reshape(-1) if steps.size == sizes[1] else whole.reshape(sizes)
