"""Encoders that draw random numbers are cut off: the network begins at their spikes, an input of their name.

A network is the same on every engine, bit for bit; spikes drawn in floating point are data of a run, not a part of it.
Everything else of the brain stays as it was, delays included, and a note says which encoders were cut.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from compiler.diagnostics import declare, fail
from spark.core.module import SparkModule
from spark.core.specs import BRAIN_INPUT, ModuleSpecs, PortMap
from spark.nn.brain import Brain
from spark.nn.interfaces.base import Encoder

E127 = declare("E127", "an encoder that draws random numbers cannot be cut off")


class Cut:
    """A module without the random encoders behind its inputs. notes: which were cut, one line for each."""

    def __init__(self, module: SparkModule, name: str):
        self.encoders = _random_encoders(module)
        self.module, self.signals = module, {}
        self.notes: tuple[str, ...] = ()
        if self.encoders and isinstance(module, Brain):
            _require_at_inputs(module, self.encoders, name)
            self.signals = {key: _signal(module, key) for key in self.encoders}
            self.module = _without(module, self.encoders)
            self.notes = tuple(
                f"{key} ({type(encoder).__name__}) draws random numbers and is cut off: input `{key}` takes its spikes"
                for key, encoder in self.encoders.items())

    def encoded(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Arrays by input name, with the spikes that the encoders make of the signals they had as inputs."""
        given = dict(arrays)
        for key, signal in self.signals.items():
            if signal in arrays and key not in arrays:
                given[key] = np.asarray(self.encoders[key].run(np.asarray(arrays[signal]))[0]["spikes"], np.uint8)
        gone = {*self.signals.values()} - {*getattr(self.module, "inputs", {})}
        return {key: value for key, value in given.items() if key not in gone}


def _random_encoders(module: SparkModule) -> dict[str, Encoder]:
    if not isinstance(module, Brain):
        return {}
    return {key: item for key, item in module.modules.items() if isinstance(item, Encoder) and item.draws}


def _require_at_inputs(brain: Brain, encoders: Mapping[str, Encoder], name: str) -> None:
    """Demand that encoders have inputs of the brain before them, and no output of it behind them. Errors: E127."""
    for edge in brain.edges:
        if edge.target in encoders and edge.origin != BRAIN_INPUT:
            raise fail(E127, "a random encoder has a module before it", f"{name}.{edge.target}", found=edge.origin,
                       expected="an input of the brain", hint="encode before the brain, and give it the spikes")
    for output, (origin, _) in brain.outputs.items():
        if origin in encoders:
            raise fail(E127, "the spikes of a random encoder are an output", f"{name}.{origin}", found=output,
                       expected="outputs of modules behind it")


def _signal(brain: Brain, encoder: str) -> str:
    """The input that an encoder encodes."""
    return next(edge.port for edge in brain.edges if edge.target == encoder)


def _without(brain: Brain, encoders: Mapping[str, Encoder]) -> Brain:
    edges = [edge for edge in brain.edges if edge.target not in encoders]
    used = {edge.port for edge in edges if edge.origin == BRAIN_INPUT}
    inputs = {key: shape for key, shape in brain.inputs.items() if key in used}
    inputs |= {key: encoder.shape for key, encoder in encoders.items()}
    modules = []
    for key, module in brain.modules.items():
        wires: dict[str, list[PortMap]] = {}
        for edge in (item for item in edges if item.target == key):
            origin, port = (BRAIN_INPUT, edge.origin) if edge.origin in encoders else (edge.origin, edge.port)
            wires.setdefault(edge.target_port, []).append(PortMap(origin, port, edge.delay))
        if key not in encoders:
            modules.append(ModuleSpecs(key, module, wires))
    outputs = {key: PortMap(*source) for key, source in brain.outputs.items()}
    return Brain(inputs=inputs, modules=modules, outputs=outputs)
