"""A training loop over any differentiable pure step."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np
import optax
from tqdm import tqdm

from spark.core.module import SparkModule
from spark.core.precision import cast, precision
from spark.core.simulation import numbered, scan_steps
from spark.core.tree import flatten, map_leaves
from spark.training.checkpoint import load, save
from spark.training.losses import Loss, count_cross_entropy


class Differentiable(NamedTuple):
    """A pure step to train: `step(state, inputs, params) -> (state, outputs)`, its first state and parameters.

    prepare: what the steps of a batch are given in place of the parameters; differentiable, called once a batch.
    """

    step: Callable[..., Any]
    initial_state: Any
    params: Any
    dtype: str = "float32"
    prepare: Callable[[Any], Any] | None = None


class Trainable(Protocol):
    """Anything with the fields of `Differentiable`."""

    @property
    def step(self) -> Callable[..., Any]: ...
    @property
    def initial_state(self) -> Any: ...
    @property
    def params(self) -> Any: ...
    @property
    def dtype(self) -> str: ...
    @property
    def prepare(self) -> Callable[[Any], Any] | None: ...


@dataclass(frozen=True)
class Fit:
    """What training gives: the parameters, and one dict of numbers for each epoch."""

    params: Any
    history: list[dict[str, float]] = field(default_factory=list)


def fit(model: SparkModule | Trainable, data: tuple[Any, Any], *, loss: Loss | None = None,
        optimizer: optax.GradientTransformation | None = None, epochs: int = 10, batch_size: int = 32, seed: int = 0,
        trainable: Callable[[str], bool] | Iterable[str] | None = None, validation: tuple[Any, Any] | None = None,
        metric: Loss | None = None, progress: bool | None = None,
        on_epoch: Callable[[int, dict[str, float], Any], None] | None = None,
        checkpoint: str | Path | None = None) -> Fit:
    """Train parameters by gradient descent through time.

    `data`: `(inputs, targets)`; inputs [N, T, *shape] for the only port, or a dict of these; targets [N, …].
    `loss(outputs, targets)`: a scalar from outputs by port, [B, T, *units] (default: cross-entropy of spike counts).
    `optimizer`: any optax transformation (default Adam, 1e-3). `trainable`: last names of parameters to train, or a
    function of their path (default: the kernels of a module, all parameters of anything else).
    `metric(outputs, targets)`: a mean over samples, recorded for `validation` if that is given.
    `progress`: show a bar; by default on a terminal only. The order of the samples depends on `seed` alone; a last,
    smaller batch is used as well. `checkpoint`: a file that is written after every epoch; where it exists, the training
    goes on from there, to the result it would have had without the interruption.

    Returns a `Fit`. A `SparkModule` holds the trained parameters afterwards. Errors: ValueError if nothing is
    trainable, if inputs and targets differ in length or if the checkpoint is another run's; FloatingPointError if the
    loss is no longer finite.
    """
    task = _as_task(model)
    paths = [path for path in flatten(task.params) if _chosen(trainable, isinstance(model, SparkModule))(path)]
    if not paths:
        raise ValueError(f"nothing to train among {sorted(flatten(task.params))}")
    inputs, targets = _named(model, data[0]), data[1]
    count = _length(inputs, targets)
    with precision(task.dtype):
        params = cast(task.params, task.dtype)
        trainer = _Trainer(task, paths, loss or count_cross_entropy(), optimizer or optax.adam(1e-3))
        history, optimizer_state = [], trainer.optimizer.init(trainer.chosen(params))
        order = np.random.default_rng(seed)
        file, run = None if checkpoint is None else Path(checkpoint), {
            "seed": seed, "batch_size": batch_size, "samples": count, "paths": paths}
        if file is not None and file.exists():
            (held, optimizer_state), history = load(file, (trainer.chosen(params), optimizer_state), run)
            params = map_leaves(lambda path, leaf: held.get(path, leaf), params)
            for _ in history:
                order.permutation(count)
        batches = -(-count // batch_size)
        with _bar(epochs * batches, len(history) * batches, progress) as bar:
            for epoch in range(len(history), epochs):
                chosen_rows = _batches(order.permutation(count), batch_size)
                params, optimizer_state, mean = trainer.epoch(
                    params, optimizer_state, (inputs, targets), chosen_rows, bar.update)
                entry = {"loss": mean}
                _require_finite(mean, epoch)
                if validation is not None and metric is not None:
                    entry["metric"] = trainer.score(
                        params, (_named(model, validation[0]), validation[1]), metric, batch_size)
                history.append(entry)
                if file is not None:
                    save(file, (trainer.chosen(params), optimizer_state), history, run)
                bar.set_postfix({name: f"{value:.4g}" for name, value in entry.items()})
                if on_epoch is not None:
                    on_epoch(epoch, entry, params)
        trained = jax.tree.map(np.asarray, trainer.chosen(params))
    final = map_leaves(lambda path, leaf: trained.get(path, leaf), task.params)
    if isinstance(model, SparkModule):
        model.params = final
    return Fit(final, history)


class _Trainer:
    """The compiled parts of one training."""

    def __init__(self, task: Trainable, paths: list[str], loss: Loss,
                 optimizer: optax.GradientTransformation) -> None:
        self.task = task
        self.paths = paths
        self.loss = loss
        self.optimizer = optimizer
        self.update = jax.jit(self._update)
        self.run = jax.jit(self._run)

    def chosen(self, params: Any) -> dict[str, Any]:
        """The trained leaves by path."""
        flat = flatten(params)
        return {path: flat[path] for path in self.paths}

    def _run(self, params: Any, inputs: dict[str, Any]) -> dict[str, Any]:
        """Outputs by port, [B, T, *units]."""
        dtype = self.task.dtype
        start, axes = numbered(self.task.initial_state, next(iter(inputs.values())).shape[0])
        params = params if self.task.prepare is None else self.task.prepare(params)

        def step(state: Any, entry: dict[str, Any], held: Any) -> Any:
            return self.task.step(state, {port: value.astype(dtype) for port, value in entry.items()}, held)

        def sample(state: Any, entries: dict[str, Any]) -> Any:
            return scan_steps(step, state, entries, params)[1]

        return jax.vmap(sample, in_axes=(axes, 0))(cast(start, dtype), inputs)

    def _update(self, params: Any, optimizer_state: Any, inputs: dict[str, Any], targets: Any) -> Any:
        def objective(chosen: dict[str, Any]) -> Any:
            mixed = map_leaves(lambda path, leaf: chosen.get(path, leaf), params)
            return self.loss(self._run(mixed, inputs), targets)

        chosen = self.chosen(params)
        value, gradients = jax.value_and_grad(objective)(chosen)
        updates, optimizer_state = self.optimizer.update(gradients, optimizer_state, chosen)
        moved: Any = optax.apply_updates(chosen, updates)
        return map_leaves(lambda path, leaf: moved.get(path, leaf), params), optimizer_state, value

    def epoch(self, params: Any, optimizer_state: Any, data: tuple[dict[str, Any], Any], batches: Iterable[np.ndarray],
              done: Callable[[], Any]) -> tuple[Any, Any, float]:
        """One pass over the samples: `(params, optimizer_state, mean loss)`. done: called after every batch."""
        inputs, targets = data
        losses = []
        for rows in batches:
            params, optimizer_state, value = self.update(
                params, optimizer_state, {port: array[rows] for port, array in inputs.items()}, targets[rows])
            losses.append((value, len(rows)))
            done()
        return params, optimizer_state, _mean(losses)

    def score(self, params: Any, data: tuple[dict[str, Any], Any], metric: Loss, batch_size: int) -> float:
        """The metric over all samples, batch by batch."""
        inputs, targets = data
        parts = []
        for rows in _batches(np.arange(_length(inputs, targets)), batch_size):
            outputs = self.run(params, {port: array[rows] for port, array in inputs.items()})
            parts.append((metric(outputs, targets[rows]), len(rows)))
        return _mean(parts)


def _chosen(trainable: Callable[[str], bool] | Iterable[str] | None, module: bool) -> Callable[[str], bool]:
    """Whether a parameter is trained, by its path."""
    if callable(trainable):
        return trainable
    if trainable is None and not module:
        return lambda path: True
    names = ("kernel",) if trainable is None else tuple(trainable)
    return lambda path: path.split(".")[-1] in names


def _as_task(model: SparkModule | Trainable) -> Trainable:
    if isinstance(model, SparkModule):
        return Differentiable(model.step, model.initial_state(), model.params, model.dtype)
    return model


def _named(model: Any, inputs: Any) -> dict[str, np.ndarray]:
    if isinstance(inputs, Mapping):
        return {port: np.asarray(array) for port, array in inputs.items()}
    port = next(iter(getattr(model, "input_specs", ["input"])))
    return {port: np.asarray(inputs)}


def _length(inputs: Mapping[str, np.ndarray], targets: Any) -> int:
    lengths = {port: len(array) for port, array in inputs.items()} | {"targets": len(targets)}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"inputs and targets differ in length: {lengths}")
    return len(targets)


def _batches(order: np.ndarray, size: int) -> list[np.ndarray]:
    return [order[start:start + size] for start in range(0, len(order), size)]


def _mean(parts: list[tuple[Any, int]]) -> float:
    """The mean over samples of batch means."""
    return float(sum(float(value) * size for value, size in parts) / sum(size for _, size in parts))


def _require_finite(value: float, epoch: int) -> None:
    if not np.isfinite(value):
        raise FloatingPointError(f"the loss is {value} in epoch {epoch}; try a smaller learning rate")


def _bar(total: int, done: int, progress: bool | None) -> Any:
    shown = sys.stderr.isatty() if progress is None else progress
    return tqdm(total=total, initial=done, unit="batch", disable=not shown, file=sys.stderr)
