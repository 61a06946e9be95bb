"""Brains: modules wired by name and port."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

import jax.numpy as jnp
import numpy as np

from spark.core.config import ConfigError, Fault
from spark.core.faults import closest
from spark.core.module import Params, SparkModule, State
from spark.core.payloads import Payload, SpikeArray
from spark.core.specs import BRAIN_INPUT, Edge, ModuleSpecs, PortMap, PortSpecs
from spark.core.taps import step_child
from spark.nn.neurons.base import Neuron, require_no_negative
from spark.nn.wiring import BrainConfig, modules_of, resolve, shapes_of, step_order

__all__ = ["Brain", "BrainConfig", "ModuleSpecs", "PortMap", "Sequential"]

LATENCY = "latency"


class Brain(SparkModule[BrainConfig]):
    """Modules wired by name and port.

    An edge between two modules costs one step, an edge from the brain's own input (origin `'__call__'`) none, unless
    its `PortMap` states a delay; edges of delay 0 act within the step and must not form a cycle. Several edges into one
    port are flattened and concatenated in list order.

    Parameters: `inputs`, shapes by name; `modules`, `ModuleSpecs` in order; `outputs`, a `PortMap` (or a pair of module
    and port) by name. Attributes: modules, edges, inputs, outputs. State: that of the modules by name, and `latency`:
    what is on its way, an array [longest delay, *shape] for each `origin.port`, newest first.
    Errors: ConfigError naming every unknown module, port or input, and each cycle without delay.

    >>> from spark.nn.neurons import LIFNeuron
    >>> brain = Brain(inputs={"input": 3}, outputs={"output": PortMap("a", "out_spikes")}, modules=[
    ...     ModuleSpecs("a", LIFNeuron(units=(2,)), {"in_spikes": [PortMap("__call__", "input"),
    ...                                                            PortMap("a", "out_spikes")]})])
    >>> brain.edges[1].delay, brain.modules["a"].input_shape
    (1, (5,))
    """

    config_class = BrainConfig

    def __init__(self, config: BrainConfig | None = None, *, modules: Any = None, **keywords: Any) -> None:
        if modules is not None:
            keywords["modules"] = tuple(modules.values() if isinstance(modules, Mapping) else modules)
        super().__init__(config, **keywords)
        self.inputs: dict[str, tuple[int, ...]] = dict(self.config.inputs)
        self.outputs: dict[str, tuple[str, str]] = {
            name: (source.origin, source.port) for name, source in self.config.outputs.items()}
        self.modules: dict[str, SparkModule] = modules_of(self.config)
        self.edges: list[Edge] = resolve(self.config, self.modules)
        self.input_ports = {name: self._input_payload(name) for name in self.inputs}  # type: ignore[misc]
        self._order = step_order(self.modules, self.edges)
        self.build(self.inputs)

    def _input_payload(self, name: str) -> type[Payload]:
        """What an input carries: that which the first port it leads to takes."""
        for edge in self.edges:
            if (edge.origin, edge.port) == (BRAIN_INPUT, name):
                return self.modules[edge.target].input_ports[edge.target_port]
        return SpikeArray

    def _build(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self._shapes = shapes_of(self.modules, self.edges, self.inputs)
        self._depths: dict[str, int] = {}
        for edge in self.edges:
            source = f"{edge.origin}.{edge.port}"
            self._depths[source] = max(self._depths.get(source, 0), edge.delay)
        self._depths = {source: depth for source, depth in self._depths.items() if depth}
        self.output_ports = {  # type: ignore[misc]
            name: self.modules[module].output_ports[port] for name, (module, port) in self.outputs.items()}
        self._check_params(self.params)

    def build(self, input_specs: Any) -> Self:
        """A brain is built when it is made; the shapes must be those of its inputs."""
        super().build(input_specs)
        if {name: spec.shape for name, spec in self.input_specs.items()} != self.inputs:
            raise ValueError(f"inputs have shapes {self.inputs}, not {self.input_specs}")
        return self

    def children(self) -> dict[str, SparkModule]:
        return dict(self.modules)

    def _adopt(self, children: dict[str, SparkModule]) -> None:
        self.modules = children

    @property
    def dtype(self) -> str:
        return next(iter(self.modules.values())).dtype

    @property
    def dt(self) -> float:
        return next(iter(self.modules.values())).dt

    @property
    def output_specs(self) -> dict[str, PortSpecs]:
        return {name: self.modules[module].output_specs[port] for name, (module, port) in self.outputs.items()}

    def initial_state(self) -> State:
        lines = {source: np.zeros((depth, *self._shapes[source])) for source, depth in self._depths.items()}
        return super().initial_state() | {LATENCY: lines}

    def reset(self) -> None:
        """Back to the initial state; weights stay, learned ones included."""
        if self._state is not None:
            for name, module in self.modules.items():
                module._state = self._state[name]
                module.reset()
        super().reset()

    def _check_params(self, params: Params) -> None:
        for edge in self.edges:
            origin, target = self.modules.get(edge.origin), self.modules[edge.target]
            if isinstance(origin, Neuron) and isinstance(target, Neuron) and origin.inhibition_mask.any():
                require_no_negative(
                    params[edge.target]["synapses"]["kernel"], type(self).__name__,
                    "where spikes are signed by inhibition", f"{edge.origin} has inhibitory units; set its "
                    "inhibitory_rate=0 for signed weights", f"{edge.target}.synapses.kernel")

    # -- the step -------------------------------------------------------------------------------------------------

    def step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        values = {f"{BRAIN_INPUT}.{name}": value for name, value in inputs.items()}
        new_state: State = {}
        for name in self._order:
            arriving = {port: self._gather(edges, values, state[LATENCY])
                        for port, edges in self._edges_into(name).items()}
            new_state[name], out = step_child(name, self.modules[name], state[name], arriving, params[name])
            values |= {f"{name}.{port}": value for port, value in out.items()}
        new_state[LATENCY] = {
            source: jnp.concatenate([values[source][None], line[:-1]]) for source, line in state[LATENCY].items()}
        return new_state, {name: values[f"{module}.{port}"] for name, (module, port) in self.outputs.items()}

    def _edges_into(self, name: str) -> dict[str, list[Edge]]:
        ports: dict[str, list[Edge]] = {}
        for edge in self.edges:
            if edge.target == name:
                ports.setdefault(edge.target_port, []).append(edge)
        return ports

    def _gather(self, edges: list[Edge], values: dict[str, Any], lines: dict[str, Any]) -> Any:
        """What arrives at one port now."""
        parts = []
        for edge in edges:
            source = f"{edge.origin}.{edge.port}"
            parts.append(values[source] if edge.delay == 0 else lines[source][edge.delay - 1])
        return parts[0] if len(parts) == 1 else jnp.concatenate([part.reshape(-1) for part in parts])

    def _wrap(self, port: str, value: Any) -> Payload:
        module, inner = self.outputs[port]
        return self.modules[module]._wrap(inner, value)


class Sequential(Brain):
    """A plain chain: everything within one step, input `input`, output `output`.

    Parameters: the modules in order (a list, named `layer_0`, `layer_1`, …, or a dict of names), `input_shape`.
    State, errors and the rest as Brain.

    >>> from spark.nn.neurons import LIFNeuron
    >>> net = Sequential([LIFNeuron(units=(4,)), LIFNeuron(units=(2,))], input_shape=3)
    >>> outputs, state = net.run(np.ones((20, 3)))
    >>> outputs["output"].shape
    (20, 2)
    """

    def __init__(self, modules: Any = None, input_shape: Any = None, *, config: BrainConfig | None = None,
                 **keywords: Any) -> None:
        if isinstance(modules, BrainConfig):
            config, modules = modules, None
        if config is not None:
            super().__init__(config, **keywords)
            return
        named = modules if isinstance(modules, Mapping) else {f"layer_{i}": m for i, m in enumerate(modules or [])}
        if not named or input_shape is None:
            raise ConfigError("Sequential", [Fault("modules, input_shape", (list(named), input_shape), "both given")])
        super().__init__(**_chain(named), inputs={"input": input_shape}, **keywords)


def _chain(named: Mapping[str, Any]) -> dict[str, Any]:
    source, specs = PortMap(BRAIN_INPUT, "input", delay=0), []
    for name, module in named.items():
        specs.append(ModuleSpecs(name, module, {_only(module.input_ports, name): source}))
        source = PortMap(name, _only(module.output_ports, name), delay=0)
    return {"modules": specs, "outputs": {"output": source}}


def _only(ports: Iterable[str], name: str) -> str:
    first = next(iter(ports), None)
    if first is None:
        raise ConfigError("Sequential", [Fault(name, None, "a module with a port", closest(name, []))])
    return first
