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
from typing import Any

import jax
import numpy as np

from compiler import artifact, discovery, pipeline
from compiler.diagnostics import fail
from compiler.options import Options
from compiler.quantization import decisions
from compiler.quantization.decisions import Decisions
from compiler.settings import Settings
from compiler.source import Source
from compiler.training.correspondence import Correspondence
from compiler.training.rounding import STEP_SIZES, Prepared, Rounding
from compiler.training.sources import source_of, trainable_source, trained_paths
from compiler.training.trainable import E341, Parameters
from spark.core import serialization
from spark.core.module import SparkModule
from spark.core.taps import tapped
from spark.core.tree import flatten, map_leaves


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
    source = trainable_source(model, chosen)
    paths = trained_paths(source.module, trainable)  # pyright: ignore[reportArgumentType]
    return QuantizedStep(source, chosen, paths, learn_step_sizes)


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
        learned = self._parameters.learnable_scales() if learn_step_sizes else []
        groups = {name: np.unique(decided.groups[name], return_inverse=True)[1].reshape(-1) for name in learned}
        self._rounding = Rounding(self.network, self._parameters, groups)
        self._between = Correspondence(self.network, source.lowered, self.module.input_specs, groups)
        self._start = jax.tree.map(np.asarray, self._program.initial_state({}))

    # -- what a training loop needs ---------------------------------------------------------------------------------

    @property
    def input_specs(self) -> dict[str, Any]:
        return self.module.input_specs

    @property
    def params(self) -> dict[str, Any]:
        """The parameters that are trained, as they were at the start."""
        chosen = {path: self._parameters.params[path].astype(np.float32) for path in self._parameters.paths}
        groups = self._rounding.groups
        sizes = {f"{STEP_SIZES}.{name}": np.ones(group.max() + 1, np.float32) for name, group in groups.items()}
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
        entries, reals = self._between.entries(inputs)
        raw, emitted = self._program.step(prepared.tensors, state["raw"], entries)
        given = {path: self._between.replacement(name, port, emitted[f"{name}.{port}"], prepared)
                 for (name, port), path in self._initial.lowered.emissions.items() if f"{name}.{port}" in emitted}
        with tapped(given):
            real, outputs = self.module.step(state["real"], reals, prepared.params)
        outputs = {port: given[port](value) if port in given else value for port, value in outputs.items()}
        return {"raw": raw, "real": self._between.rounded_states(real, raw, prepared)}, outputs

    def prepare(self, params: Any) -> Prepared:
        """The current parameters, rounded: differentiable, and the same for all steps and samples."""
        return self._rounding.prepare(params)

    # -- the way back -----------------------------------------------------------------------------------------------

    def decisions(self, params: Any) -> Decisions:
        """The scales and fractions that were trained with."""
        decided = self.network.decided.copy()
        decided.settings = decisions.settings_of(self._options)
        for name in self._rounding.groups:
            decided.scales[name] = decided.scales[name] * self._rounding.ratio(name, params)
        return decided

    def trained(self, params: Any) -> SparkModule:
        """A copy of the module with the trained parameters, weights on the grid that they are compiled to."""
        prepared = self._prepare(params)
        values, real = flatten(params), flatten(prepared.params)
        exact = {path: np.asarray(values[path], np.float64) for path in self._parameters.others}
        gains = self._rounding.host(exact)[0] if exact else self._rounding.constants[0]
        for path, item in self._parameters.weights.items():
            exact[path] = self._rounding.exact_weights(item, np.asarray(real[path], np.float64), gains[path], params)
        module = self.module._twin()
        module.params = map_leaves(lambda path, leaf: exact.get(path, np.asarray(leaf)), module.params)
        return module

    @cached_property
    def _prepare(self) -> Callable[[Any], Prepared]:
        return jax.jit(self.prepare)

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
