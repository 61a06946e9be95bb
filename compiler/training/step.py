"""Training in the loop: the compiled integer step, made differentiable.

Forward is the generated program itself in int32, its weights and parameters rounded from the current ones as the passes
round them. Backward is the user's own float step with its surrogate gradients, evaluated at the rounded weights, the
rounded states and the spikes that the integers gave: straight through what rounding did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from compiler import artifact, discovery, pipeline
from compiler.diagnostics import fail
from compiler.formats import Format
from compiler.frontends.lower import lower
from compiler.ir.network import Input
from compiler.options import Options
from compiler.quantization import decisions
from compiler.quantization.decisions import Decisions
from compiler.settings import Settings
from compiler.source import Source
from compiler.training.straight_through import exactly, on_grid
from compiler.training.trainable import E341, Parameters, Weights
from spark.core import serialization
from spark.core.module import SparkModule
from spark.core.precision import precision
from spark.core.taps import tapped
from spark.core.tree import flatten, map_leaves

STEP_SIZES = "step_sizes"
LEAST_RATIO = 0.05
"""How far a learned step size may shrink."""


class Prepared(NamedTuple):
    """What the steps of a batch need of the parameters: those of the float step, and raw integers by tensor."""

    params: Any
    tensors: dict[str, Any]
    ratios: dict[str, Any]


def quantized_step(model: SparkModule | Source | str | Path, config: Settings | Mapping[str, Any] | None = None, *,
                   trainable: Iterable[str] | Callable[[str], bool] = ("kernel", "weight"),
                   learn_step_sizes: bool = False, **settings: Any) -> QuantizedStep:
    """The compiled integer step of a model, ready for `spark.training.fit` or any other loop.

    model: a module, a source, or the path of one. config, settings: fields of `Settings` (weights, states, bits,
    calibration, …); every format follows from one ordinary compile with them, and is held from then on. trainable: last
    names of the parameters to train, or a function of their path: weights, but also thresholds or time constants
    (these are quantized by the passes once a batch, which takes longer). learn_step_sizes: train one step size for each
    scale as well (LSQ).
    Errors: whatever a compile of the model raises; E341 for parameters that cannot be trained so.
    """
    chosen = config if isinstance(config, Settings) else Settings(**{**(config or {}), **settings})
    source = _source(model, chosen)
    plastic = [item.name for item in source.network.projections if item.synapse is not None]
    if plastic:
        raise fail(E341, "weights that learn by themselves are not trained", plastic[0],
                   hint="train without the learning rule")
    if chosen.rounding == "stochastic":
        raise fail(E341, "stochastic rounding is not trained with", "--rounding", hint="train with another rounding")
    if source.module is None:
        raise fail(E341, "a network without a module has no float step", str(source.path),
                   expected="a Python, NIR or equations source")
    paths = _paths(source.module, trainable)
    return QuantizedStep(source, chosen, paths, learn_step_sizes)


def _source(model: SparkModule | Source | str | Path, settings: Settings) -> Source:
    if isinstance(model, Source):
        return model
    return source_of(model) if isinstance(model, SparkModule) else settings.load(str(model))


def source_of(module: SparkModule, like: Source | None = None) -> Source:
    """A module as a source. like: the source that it was before its parameters were trained."""
    if like is None:
        return Source(Path("module"), type(module).__name__, "", lower(module), module.dtype, module)
    ports = {item.name: item.port for item in like.network.inputs}
    readout = next((item.readout for item in like.network.outputs), "")
    return replace(like, module=module, lowered=lower(module, like.name, readout, ports))


def _paths(module: SparkModule, trainable: Iterable[str] | Callable[[str], bool]) -> list[str]:
    names = () if callable(trainable) else tuple(trainable)
    wanted = trainable if callable(trainable) else lambda path: path.split(".")[-1] in names
    paths = [path for path in flatten(module.params) if wanted(path)]
    if not paths:
        raise fail(E341, "nothing to train", type(module).__name__, found=", ".join(map(str, names)),
                   expected=", ".join(sorted(flatten(module.params))))
    return paths


class QuantizedStep:
    """A differentiable step with the fields of `spark.training.Differentiable`, and a way back to a compiled network.

    params: nested like the module's, the trained ones only; with learned step sizes also `step_sizes.population`, what
    each scale is multiplied by. `task(params, state, x) -> (state, y)` is one step of one sample: x by input port, y by
    output port, floats. `prepare(params)` does once what is the same in every step; `step` takes its result as well.
    """

    dtype = "float32"

    def __init__(self, source: Source, settings: Settings, paths: list[str], learn_step_sizes: bool):
        self._initial, self.settings = source, settings
        self.module: SparkModule = source.module  # pyright: ignore[reportAttributeAccessIssue]
        options = replace(settings.options(source), weight_rounding="nearest")
        decided = pipeline.quantized(source, options).decided
        if not decided.settings:
            raise fail(E341, "this chip has an arithmetic of its own", settings.chip or settings.target,
                       hint="train for the generic chip")
        self._options = replace(options, decided=decided)
        self.network = pipeline.quantized(source, replace(self._options, training=True, calibration={}))
        self._program = discovery.targets()["jax_fixed"].training_program(self.network)
        ports = {item.name: item.port for item in source.network.inputs}
        self._parameters = Parameters(self.module, ports, self._options, self.network, paths)
        self._learned = self._parameters.learnable_scales() if learn_step_sizes else []
        self._groups = {name: np.unique(decided.groups[name], return_inverse=True)[1].reshape(-1)
                        for name in self._learned}
        self._shared = self._parameters.scaled_tensors(self._learned) if self._learned else {}
        self._constants = self._host({})
        self._start = jax.tree.map(np.asarray, self._program.initial_state({}))

    # -- what a training loop needs ---------------------------------------------------------------------------------

    @property
    def input_specs(self) -> dict[str, Any]:
        return self.module.input_specs

    @property
    def params(self) -> dict[str, Any]:
        """The parameters that are trained, as they were at the start."""
        chosen = {path: self._parameters.params[path].astype(np.float32) for path in self._parameters.paths}
        sizes = {f"{STEP_SIZES}.{name}": np.ones(group.max() + 1, np.float32) for name, group in self._groups.items()}
        return _nested(chosen | sizes)

    @property
    def initial_state(self) -> dict[str, Any]:
        """The state of one sample: `raw`, integers of the program, and `real`, the module's own."""
        return {"raw": self._start, "real": self.module.initial_state()}

    def __call__(self, params: Any, state: Any, x: Any) -> tuple[Any, dict[str, Any]]:
        return self.step(state, dict(x) if isinstance(x, Mapping) else {next(iter(self.input_specs)): x}, params)

    def step(self, state: Any, inputs: dict[str, Any], params: Any) -> tuple[Any, dict[str, Any]]:
        """One step of one sample: `(state, outputs)`. params: those of `params`, or what `prepare` made of them."""
        prepared = params if isinstance(params, Prepared) else self.prepare(params)
        entries, reals = self._entries(inputs)
        raw, emitted = self._program.step(prepared.tensors, state["raw"], entries)
        given = {path: self._replacement(name, port, emitted[f"{name}.{port}"], prepared)
                 for (name, port), path in self._initial.lowered.emissions.items() if f"{name}.{port}" in emitted}
        with tapped(given):
            real, outputs = self.module.step(state["real"], reals, prepared.params)
        outputs = {port: given[port](value) if port in given else value for port, value in outputs.items()}
        return {"raw": raw, "real": self._rounded_states(real, raw, prepared)}, outputs

    def prepare(self, params: Any) -> Prepared:
        """The current parameters, rounded: differentiable, and the same for all steps and samples."""
        values = flatten(params)
        ratios = {name: jnp.maximum(values[f"{STEP_SIZES}.{name}"], LEAST_RATIO) for name in self._learned}
        gains, reals = self._current({path: values[path] for path in self._parameters.others})
        tensors, real = self._arguments(reals, ratios), {path: values[path] for path in self._parameters.others}
        for path, item in self._parameters.weights.items():
            real[path], own = self._rounded_weights(item, values[path], gains[path], ratios)
            tensors |= own
        held = map_leaves(lambda path, leaf: real.get(path, jnp.asarray(leaf, jnp.float32)
                                                      if np.asarray(leaf).dtype.kind == "f" else leaf),
                          self.module.params)
        return Prepared(held, tensors, ratios)

    # -- from parameters to integers --------------------------------------------------------------------------------

    def _host(self, values: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Gains of weights by parameter, and all other real parameters by tensor, from the passes themselves."""
        network = self._parameters.ones(values)
        scaled = self._parameters.link_weights(network)
        gains = {path: item.gain(scaled) for path, item in self._parameters.weights.items()}
        return gains, self._parameters.reals(network)

    def _current(self, others: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The same for traced parameters."""
        if not others:
            return self._constants
        shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((*leaf.shape, 2), np.uint32), self._constants)
        halves = jax.pure_callback(self._host_halves, shapes, jax.lax.stop_gradient(others),
                                   vmap_method="sequential")
        with precision("float64"):
            return jax.tree.map(lambda leaf: jax.lax.bitcast_convert_type(leaf, jnp.float64), halves)

    def _host_halves(self, others: Mapping[str, Any]) -> Any:
        """`_host` with every float64 as two integers, which pass where 64-bit types are off."""
        found = self._host({path: np.asarray(value, np.float64) for path, value in others.items()})
        return jax.tree.map(lambda leaf: np.ascontiguousarray(leaf).view(np.uint32).reshape(*leaf.shape, 2), found)

    def _arguments(self, reals: Mapping[str, Any], ratios: Mapping[str, Any]) -> dict[str, Any]:
        """Raw integers of parameters, biases and starts."""
        found, by_unit = {}, {name: jax.lax.stop_gradient(ratio)[self._groups[name]] for name, ratio in ratios.items()}
        with precision("float64"):
            for name, real in reals.items():
                type_ = self.network.tensors[name].type
                assert isinstance(type_, Format)
                if name in self._shared:
                    real = real / by_unit[self._shared[name]].astype(jnp.float64)
                found[name] = jnp.rint(jnp.asarray(real) * 2.0**type_.fraction).astype(jnp.int32)
        return found

    def _rounded_weights(self, item: Weights, values: Any, gain: Any, ratios: Mapping[str, Any]) -> tuple[Any, Any]:
        """Weights on their grid as the float step sees them, and as raw integers by tensor."""
        flat = jnp.ravel(values)
        entry = self._groups[item.population][item.unit] if item.population in self._groups else None
        ratio = jnp.ones(()) if entry is None else ratios[item.population][entry]
        with precision("float64"):
            wide = jax.lax.stop_gradient(flat).astype(jnp.float64)
            stretched = jax.lax.stop_gradient(ratio).astype(jnp.float64)
            place = wide * gain / stretched
            raw = jnp.clip(jnp.rint(place), item.lowest, item.levels)
            inside = raw == jnp.rint(place)
            size = stretched / jnp.where(item.used, gain, 1.0)
            exact = jnp.where(item.used, raw * size, wide).astype(jnp.float32)
            share = 1.0 if entry is None else 1 / np.sqrt(item.used.sum() / (entry.max() + 1) * item.levels.max())
            slope = (jnp.where(inside, raw - place, raw) * size / stretched * share).astype(jnp.float32)
            raw = raw.astype(jnp.int32)
        rounded = on_grid(flat, jnp.broadcast_to(ratio, flat.shape), exact, inside, slope)
        tensors = {}
        for piece in item.pieces:
            taken = jnp.where(piece.index >= 0, raw[jnp.maximum(piece.index, 0)], 0)
            tensors[piece.tensor] = taken.astype(self.network.tensors[piece.tensor].data.dtype)
        return rounded.reshape(item.shape), tensors

    # -- between integers and the float step ------------------------------------------------------------------------

    def _entries(self, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Inputs as raw integers by name of the network, and as what these stand for, by port of the module."""
        entries, reals = {}, {}
        for item in self.network.inputs:
            port = self._initial.lowered.ports[item.name]
            value = jnp.asarray(inputs[port], jnp.float32).reshape(self.input_specs[port].shape)
            entries[item.name], reals[port] = _entry(item, value)
        return entries, reals

    def _replacement(self, name: str, port: str, raw: Any, prepared: Prepared) -> Callable[[Any], Any]:
        """What takes the place of an output of the float step: what the integers gave."""
        def replaced(smooth: Any) -> Any:
            return exactly(smooth, self._real(name, port, raw, prepared).reshape(smooth.shape))

        return replaced

    def _real(self, site_name: str, name: str, raw: Any, prepared: Prepared) -> Any:
        """What raw integers of a site stand for."""
        site = self._sites[site_name]
        program = self.network.programs[site.program]
        types = program.types()
        type_ = types[name] if name in types else program.emit_type(name)
        value = jnp.asarray(raw, jnp.float32)
        if isinstance(type_, Format):
            value = value * 2.0**-type_.fraction
        if name not in site.scaled:
            return value
        value = value * jnp.asarray(self.network.real(site.scale), jnp.float32)
        ratio = prepared.ratios.get(site_name)
        return value if ratio is None else value * jax.lax.stop_gradient(ratio)[self._groups[site_name]]

    @cached_property
    def _sites(self) -> dict[str, Any]:
        return {name: site for name, site, _ in self.network.sites()}

    def _rounded_states(self, real: Any, raw: Mapping[str, Any], prepared: Prepared) -> Any:
        """The float step's state with the populations' states as the integers have them."""
        states = self._states

        def leaf(path: str, value: Any) -> Any:
            if path not in states:
                return value
            site, name = states[path]
            exact = self._real(site, name, raw[f"{site}.{name}"][0], prepared).reshape(value.shape)
            return exactly(value, exact) if jnp.issubdtype(value.dtype, jnp.floating) else exact.astype(value.dtype)

        return map_leaves(leaf, real)

    @cached_property
    def _states(self) -> dict[str, tuple[str, str]]:
        """Site and state by path in the module's state, where the two are one to one."""
        found, lowered = {}, self._initial.lowered
        for name in (item.name for item in self.network.populations):
            for item in self.network.programs[self._sites[name].program].states:
                if name in lowered.origins and len(lowered.sharing(name)) == 1 and _is_whole(lowered.origins[name]):
                    found[lowered.state_path(name, item.name)] = (name, item.name)
        return found

    # -- the way back -----------------------------------------------------------------------------------------------

    def decisions(self, params: Any) -> Decisions:
        """The scales and fractions that were trained with."""
        decided, values = self.network.decided.copy(), flatten(params)
        decided.settings = decisions.settings_of(self._options)
        for name, group in self._groups.items():
            ratio = np.maximum(np.asarray(values[f"{STEP_SIZES}.{name}"]), np.float32(LEAST_RATIO)).astype(np.float64)
            decided.scales[name] = decided.scales[name] * ratio[group]
        return decided

    def trained(self, params: Any) -> SparkModule:
        """A copy of the module with the trained parameters, weights on the grid that they are compiled to."""
        prepared = self._prepare(params)
        values, real = flatten(params), flatten(prepared.params)
        exact = {path: np.asarray(values[path], np.float64) for path in self._parameters.others}
        gains = self._host(exact)[0] if exact else self._constants[0]
        for path, item in self._parameters.weights.items():
            exact[path] = self._exact_weights(item, np.asarray(real[path], np.float64), gains[path], params)
        module = self.module._twin()
        module.params = map_leaves(lambda path, leaf: exact.get(path, np.asarray(leaf)), module.params)
        return module

    @cached_property
    def _prepare(self) -> Callable[[Any], Prepared]:
        return jax.jit(self.prepare)

    def _exact_weights(self, item: Weights, rounded: np.ndarray, gain: np.ndarray, params: Any) -> np.ndarray:
        """Rounded float32 weights in float64: the nearest multiple of the step."""
        step = np.where(item.used, 1 / np.where(item.used, gain, 1.0), 1.0)
        if item.population in self._groups:
            ratio = np.maximum(flatten(params)[f"{STEP_SIZES}.{item.population}"], np.float32(LEAST_RATIO))
            step = step * np.asarray(ratio, np.float64)[self._groups[item.population][item.unit]]
        flat = rounded.ravel()
        return np.where(item.used, np.rint(flat / step) * step, flat).reshape(item.shape)

    def source(self, params: Any) -> Source:
        """The trained module as a source; compiled with `options(params)` it gives the bits it was trained with."""
        return source_of(self.trained(params), self._initial)

    def options(self, params: Any) -> Options:
        return replace(self._options, decided=self.decisions(params))

    def compile(self, params: Any, output: str | Path) -> artifact.Artifact:
        """Compile the trained network with every check, and write the artifact."""
        from compiler.verbs import require_equal

        folder = Path(output)
        artifact.check_destination(folder)
        compilation = pipeline.compile_source(self.source(params), self.options(params), self.settings.target)
        require_equal(compilation.verdicts)
        return artifact.write(compilation, folder)

    def save(self, params: Any, file: str | Path) -> Path:
        """Write the trained module (`spark.core.serialization`), and beside it its decisions; gives the latter's path.

        A source loads the first and names the second `quantization`, then it compiles to the bits trained with.
        """
        path = Path(file)
        beside = path.with_suffix(f".quantization{path.suffix}")
        serialization.save(self.trained(params), path)
        decisions.save(self.decisions(params), beside)
        return beside


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for path, leaf in flat.items():
        *names, last = path.split(".")
        node = tree
        for name in names:
            node = node.setdefault(name, {})
        node[last] = leaf
    return tree


def _entry(item: Input, value: Any) -> tuple[Any, Any]:
    """An input as raw integers [units], and as the float step gets it."""
    flat, type_ = value.reshape(-1), item.port.type
    if item.port.kind != "current" or not isinstance(type_, Format):
        return flat.astype(jnp.uint8 if item.port.kind == "spikes" else jnp.int32), value
    raw = jnp.clip(jnp.rint(flat * 2.0**type_.fraction), type_.low, type_.high)
    return raw.astype(jnp.int32), exactly(value, (raw * 2.0**-type_.fraction).reshape(value.shape))


def _is_whole(origin: Any) -> bool:
    return origin.units == slice(None) and np.ndim(origin.signs) == 0 and origin.signs == 1.0
