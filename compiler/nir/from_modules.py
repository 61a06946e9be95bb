"""A brain of NIR's own primitives as a NIR graph, node by node: nothing is lost."""

from __future__ import annotations

from typing import Any

import nir
import numpy as np

from compiler.nir.draft import Draft, compact, seconds, spread
from compiler.nir.primitives import SOMAS, TIMES, milliseconds
from compiler.nir.reading import Reading
from spark.core.module import SparkModule
from spark.core.specs import BRAIN_INPUT
from spark.nn.brain import Brain
from spark.nn.components import connections

PARAMS = {"r": "R", "tau": "tau", "tau_mem": "tau", "tau_syn": "tau_syn", "v_leak": "leak", "v_threshold": "theta",
          "v_reset": "reset", "w_in": "w_in", "threshold": "theta"}
"""Fields of NIR -> parameters of the somas."""

KINDS = {kind: name for name, (kind, _) in SOMAS.items()}


def consists_of_primitives(module: SparkModule | None) -> bool:
    """Whether a module is a flat brain of NIR's primitives only."""
    known = (*KINDS, connections.Connection)
    return isinstance(module, Brain) and all(isinstance(item, known) for item in module.modules.values())


def draft_of(brain: Brain) -> Draft:
    """The graph of a brain of primitives."""
    draft = Draft(brain.dt)
    names = {f"{BRAIN_INPUT}.{name}": draft.add(name, nir.Input({"input": np.array(shape)}))
             for name, shape in brain.inputs.items()}
    for name, module in brain.modules.items():
        if not isinstance(module, connections.Sum):
            names[f"{name}.{next(iter(module.output_ports))}"] = draft.add(name, _node(draft, name, module))
    for edge in brain.edges:
        if not isinstance(brain.modules[edge.target], connections.Sum):
            for source, delay in _origins(brain, f"{edge.origin}.{edge.port}", edge.delay):
                draft.wire(names[source], edge.target, _shape(brain, source), delay)
    for name, (module, port) in brain.outputs.items():
        shape = brain.modules[module].output_specs[port].shape
        output = draft.add(name, nir.Output({"output": np.array(shape)}))
        for source, delay in _origins(brain, f"{module}.{port}", 0):
            draft.wire(names[source], output, shape, delay)
    return draft


def _origins(brain: Brain, source: str, delay: int) -> list[tuple[str, int]]:
    """Where values come from when sums are looked through, and how late."""
    name = source.rpartition(".")[0]
    if not isinstance(brain.modules.get(name), connections.Sum):
        return [(source, delay)]
    return [found for edge in brain.edges if edge.target == name
            for found in _origins(brain, f"{edge.origin}.{edge.port}", delay + edge.delay)]


def _shape(brain: Brain, source: str) -> tuple[int, ...]:
    name, _, port = source.rpartition(".")
    return brain.inputs[port] if name == BRAIN_INPUT else brain.modules[name].output_specs[port].shape


def _node(draft: Draft, name: str, module: Any) -> Any:
    for kind, keyword in KINDS.items():
        if type(module) is kind:
            return _soma(draft, name, module, keyword)
    return _MAPS[type(module)](draft, module)


def _soma(draft: Draft, name: str, module: Any, keyword: str) -> Any:
    fields = {}
    for field in SOMAS[keyword][1]:
        value = module.params[PARAMS[field]]
        if field in TIMES:
            reading = Reading(dt=draft.dt)
            value = seconds(np.asarray(value), draft.dt, lambda tau, reading=reading: milliseconds(tau, reading))
        fields[field] = spread(value, module.units)
    if "reset_by" in module.config.fields:
        draft.resets[name] = module.config.reset_by
    return getattr(nir, keyword)(**fields)


def _affine(draft: Draft, module: Any) -> Any:
    return nir.Affine(compact(module.params["weight"]), compact(module.params["bias"]))


def _convolution(draft: Draft, module: Any) -> Any:
    config, weight = module.config, compact(module.params["weight"])
    bias, padding = compact(module.params["bias"]), config.padding
    if weight.ndim == 3:
        padding = padding if isinstance(padding, str) else padding[0]
        return nir.Conv1d(module.input_shape[1], weight, config.stride[0], padding, config.dilation[0], config.groups,
                          bias)
    return nir.Conv2d(module.input_shape[1:], weight, config.stride, padding, config.dilation, config.groups, bias)


def _pool(draft: Draft, module: Any) -> Any:
    kind = nir.AvgPool2d if isinstance(module, connections.AvgPool2d) else nir.SumPool2d
    config = module.config
    return kind(np.array(config.kernel_size), np.array(config.stride), np.array(config.padding))


def _flatten(draft: Draft, module: Any) -> Any:
    return nir.Flatten({"input": np.array(module.input_shape)}, module.config.start_dim, module.config.end_dim)


def _delay(draft: Draft, module: Any) -> Any:
    return nir.Delay(module.steps * draft.dt / 1000)


_MAPS: dict[type, Any] = {
    connections.Linear: lambda draft, module: nir.Linear(compact(module.params["weight"])),
    connections.Affine: _affine,
    connections.Scale: lambda draft, module: nir.Scale(compact(module.params["scale"])),
    connections.Conv1d: _convolution,
    connections.Conv2d: _convolution,
    connections.SumPool2d: _pool,
    connections.AvgPool2d: _pool,
    connections.Flatten: _flatten,
    connections.Delay: _delay,
}
