"""Many steps: one `lax.scan` over a pure step, batched by `vmap`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from spark.core.faults import closest
from spark.core.payloads import Payload
from spark.core.precision import cast, precision, released
from spark.core.taps import tapped
from spark.core.tree import checked_like, flatten, map_leaves

if TYPE_CHECKING:
    from spark.core.module import SparkModule

SAMPLE = "sample"
"""States of this name number the samples of a batch, for sources of randomness."""

LOCKSTEP = "cursor"
"""States of this name (ring-buffer positions) are the same for every sample, so they carry no batch axis."""


@dataclass(frozen=True)
class Run:
    """What a run gives: outputs by port, the final state, and what was recorded by path."""

    outputs: dict[str, Any]
    state: dict[str, Any]
    recorded: dict[str, Any] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Any]:
        return iter((self.outputs, self.state, self.recorded) if self.recorded else (self.outputs, self.state))

    def __getitem__(self, index: int) -> Any:
        return tuple(self)[index]


Step = Callable[[Any, dict[str, Any], Any], tuple[Any, dict[str, Any]]]


def scan_steps(step: Step, state: Any, inputs: Any, params: Any) -> tuple[Any, Any]:
    """`(final state, outputs with a leading time axis)` of inputs with a leading time axis. Pure; differentiable."""
    return jax.lax.scan(lambda carry, entry: step(carry, entry, params), state, inputs)


def simulate_module(module: SparkModule, inputs: Any, state: Any, params: Any, record: tuple[str, ...]) -> Run:
    """The work of `SparkModule.run`."""
    arrays, batched = as_inputs(module, inputs)
    pattern = module.initial_state()
    start, axes = _start(pattern, state, batched, next(iter(arrays.values())).shape[0])
    if params is not None:
        params = checked_like(module.params, params, f"parameters of {type(module).__name__}")
    traced = any(isinstance(leaf, Tracer) for leaf in jax.tree.leaves((arrays, start, params, module.params)))
    key = (record, batched, traced, tuple(flatten(axes).values()))
    if key not in module._compiled:
        _check_record(module, record)
        prepare = not (batched or traced)
        module._compiled[key] = _compile(module, record, batched, axes, pattern, prepare)
    with precision(module.dtype):
        held = module.device_params() if params is None else cast(params, module.dtype)
        final, outputs, recorded = module._compiled[key](cast(start, module.dtype), arrays, held)
    return Run(*released((outputs, final, recorded), module.dtype))


def as_inputs(module: SparkModule, inputs: Any) -> tuple[dict[str, Any], bool]:
    """Inputs by port as arrays [T, *shape] or [B, T, *shape], and which of the two.

    Errors: `ValueError` for unknown or missing ports, wrong shapes, or times and batches that differ between ports.
    """
    named = inputs if isinstance(inputs, Mapping) else {next(iter(module.input_specs)): inputs}
    module._check_ports(named)
    arrays, leading = {}, {}
    for port, value in named.items():
        if port not in module.input_specs:
            raise ValueError(f"{type(module).__name__} was built without the port {port!r}; name it in build(…)")
        array = value.value if isinstance(value, Payload) else value
        array = array if isinstance(array, jax.Array) else np.asarray(array)
        shape = module.input_specs[port].shape
        extra = array.ndim - len(shape)
        if extra not in (1, 2) or tuple(array.shape[extra:]) != shape:
            raise ValueError(f"{type(module).__name__}.{port}: got shape {tuple(array.shape)}, expected "
                             f"[T, *{shape}] or [B, T, *{shape}]")
        arrays[port], leading[port] = array, tuple(array.shape[:extra])
    if len(set(leading.values())) > 1:
        raise ValueError(f"{type(module).__name__}: batch and time differ between ports: {leading}")
    return arrays, any(len(sizes) == 2 for sizes in leading.values())


def numbered(pattern: Any, count: int) -> tuple[Any, Any]:
    """The initial state of `count` samples and, leaf by leaf, its batch axis: 0 for sample numbers, None elsewhere."""
    def numbers(path: str) -> bool:
        return path.split(".")[-1] == SAMPLE

    start = map_leaves(lambda path, leaf: np.arange(count, dtype=np.int32) if numbers(path) else leaf, pattern)
    return start, map_leaves(lambda path, leaf: 0 if numbers(path) else None, pattern)


def _start(pattern: Any, state: Any, batched: bool, count: int) -> tuple[Any, Any]:
    """The starting state and, leaf by leaf, whether it has a batch axis (0) or not (None)."""
    if state is None:
        return numbered(pattern, count) if batched else (pattern, map_leaves(lambda path, leaf: None, pattern))
    shapes, given = flatten(pattern), flatten(state)
    if shapes.keys() != given.keys():
        raise ValueError(f"states do not fit: expected {sorted(shapes)}, got {sorted(given)}")
    for path, leaf in given.items():
        extra = np.ndim(leaf) - np.ndim(shapes[path])
        if extra not in ((0, 1) if batched else (0,)) or np.shape(leaf)[extra:] != np.shape(shapes[path]):
            raise ValueError(f"state {path} has shape {np.shape(leaf)}, expected "
                             f"{'[B, …] of ' if batched else ''}{np.shape(shapes[path])}")
    return state, map_leaves(lambda path, leaf: 0 if np.ndim(given[path]) > np.ndim(leaf) else None, pattern)


def _compile(module: SparkModule, record: tuple[str, ...], batched: bool, axes: Any, pattern: Any,
             prepare: bool) -> Callable:
    dtype = module.dtype

    def step(state: Any, entry: dict[str, Any], params: Any) -> tuple[Any, Any]:
        entry = {port: value.astype(dtype) for port, value in entry.items()}
        if not record:
            state, outputs = module.step(state, entry, params)
            return state, (outputs, {})
        with tapped() as seen:
            state, outputs = module.step(state, entry, params)
        seen |= outputs | flatten(state)
        return state, (outputs, {path: seen[path] for path in record})

    def single(state: Any, inputs: dict[str, Any], params: Any) -> tuple[Any, Any, Any]:
        held = module.prepared(params) if prepare else params
        final, (outputs, recorded) = scan_steps(step, state, inputs, held)
        return final, outputs, recorded

    if not batched:
        return jax.jit(single)
    final_axes = map_leaves(lambda path, _: None if path.split(".")[-1] == LOCKSTEP else 0, pattern)
    return jax.jit(jax.vmap(single, in_axes=(axes, 0, None), out_axes=(final_axes, 0, 0)))


def _check_record(module: SparkModule, record: tuple[str, ...]) -> None:
    known = recordable(module) if record else ()
    for path in record:
        if path not in known:
            raise ValueError(f"nothing called {path!r} to record in {type(module).__name__}; {closest(path, known)}")


def recordable(module: SparkModule) -> set[str]:
    """Every path that `run(record=…)` takes."""
    def probe(state: Any, inputs: dict[str, Any], params: Any) -> Any:
        with tapped() as seen:
            state, outputs = module.step(state, inputs, params)
        return seen | outputs | flatten(state)

    with precision(module.dtype):
        inputs = {port: jnp.zeros(spec.shape, module.dtype) for port, spec in module.input_specs.items()}
        seen = jax.eval_shape(probe, cast(module.initial_state(), module.dtype), inputs, module.device_params())
    return set(seen)
