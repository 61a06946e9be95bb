"""The wiring of brains inside brains, resolved to leaves: which unit blocks reach which port of which module."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from compiler.frontends.plasticity import uses_modulation
from spark.core.module import SparkModule
from spark.core.payloads import SpikeArray
from spark.core.specs import BRAIN_INPUT
from spark.nn.brain import Brain
from spark.nn.neurons.base import MODULATION, Neuron

Path = tuple[str, ...]


@dataclass(frozen=True)
class Feed:
    """Units that reach a port: all of one port of an origin, `delay` steps late.

    origin: path of a leaf module, or () for an input of the whole. port: its output port, or the input's name.
    """

    origin: Path
    port: str
    shape: tuple[int, ...]
    delay: int = 0

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclass
class Leaf:
    """A module without a wiring of its own, and what reaches each of its ports (concatenated in order)."""

    path: Path
    module: SparkModule
    feeds: dict[str, list[Feed]] = field(default_factory=dict)


@dataclass
class Wiring:
    """A module taken apart.

    inputs: shapes. ports: which input port of the module each input is. outputs: which port of which leaf each shows.
    """

    inputs: dict[str, tuple[int, ...]]
    ports: dict[str, str]
    leaves: dict[Path, Leaf]
    outputs: dict[str, Feed]

    def carries_spikes(self, name: str) -> bool:
        """Whether every port that an input reaches takes spikes."""
        ports = [
            leaf.module.input_ports[port]
            for leaf in self.leaves.values()
            for port, feeds in leaf.feeds.items()
            if any(feed.origin == () and feed.port == name for feed in feeds)
        ]
        return bool(ports) and all(issubclass(payload, SpikeArray) for payload in ports)


def wiring_of(module: SparkModule) -> Wiring:
    """Leaves and feeds of a module. A module alone has one input `input` and one output `output` if it has one
    port of that kind, else they are named like its ports."""
    return _of_brain(module) if isinstance(module, Brain) else _alone(module)


def _of_brain(brain: Brain) -> Wiring:
    inputs, leaves = dict(brain.inputs), {}
    _collect(brain, (), {name: [Feed((), name, shape)] for name, shape in inputs.items()}, leaves)
    outputs = {name: _origin(brain, (), *source) for name, source in brain.outputs.items()}
    return Wiring(inputs, {name: name for name in inputs}, leaves, outputs)


def _alone(module: SparkModule) -> Wiring:
    path = ("neuron" if isinstance(module, Neuron) else "module",)
    shapes = {port: spec.shape for port, spec in module.input_specs.items()
              if port != MODULATION or isinstance(module, Neuron) and uses_modulation(module)}
    names = _renamed({port: port for port in shapes}, "input")
    feeds = {port: [Feed((), name, shapes[port])] for name, port in names.items()}
    outputs = {port: Feed(path, port, spec.shape) for port, spec in module.output_specs.items()}
    inputs = {name: shapes[port] for name, port in names.items()}
    return Wiring(inputs, names, {path: Leaf(path, module, feeds)}, _renamed(outputs, "output"))


def state_path(module: SparkModule, path: Path) -> Path:
    """Where the state of a leaf stands in the nested state of the whole."""
    return path if isinstance(module, Brain) else ()


def _renamed(ports: Mapping[str, Any], name: str) -> dict[str, Any]:
    return dict(zip([name], ports.values(), strict=True)) if len(ports) == 1 else dict(ports)


def _collect(brain: Brain, path: Path, inputs: Mapping[str, list[Feed]], leaves: dict[Path, Leaf]) -> None:
    for name, module in brain.modules.items():
        feeds: dict[str, list[Feed]] = {}
        for edge in brain.edges:
            if edge.target == name:
                arriving = inputs[edge.port] if edge.origin == BRAIN_INPUT else [_origin(brain, path, *edge[:2])]
                late = [replace(feed, delay=feed.delay + edge.delay) for feed in arriving]
                feeds.setdefault(edge.target_port, []).extend(late)
        if isinstance(module, Brain):
            _collect(module, (*path, name), feeds, leaves)
        else:
            leaves[*path, name] = Leaf((*path, name), module, feeds)


def _origin(brain: Brain, path: Path, name: str, port: str) -> Feed:
    module = brain.modules[name]
    if isinstance(module, Brain):
        return _origin(module, (*path, name), *module.outputs[port])
    return Feed((*path, name), port, module.output_specs[port].shape)
