"""Descriptions of ports and wires."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from spark.core.payloads import Payload, SpikeArray

if TYPE_CHECKING:
    from spark.core.config import SparkConfig
    from spark.core.module import SparkModule

BRAIN_INPUT = "__call__"
"""The origin that means: an input of the brain itself."""


@dataclass(frozen=True)
class PortSpecs:
    """What a port carries: payload class and shape (without batch and time)."""

    shape: tuple[int, ...]
    payload: type[Payload] = SpikeArray


@dataclass(frozen=True)
class PortMap:
    """Where a port gets its values from.

    `origin` is a module's name or `'__call__'`, the brain's own input. `delay` is the latency in steps: None means the
    rule (1 between modules, 0 from the brain's input), a number replaces it; 0 acts within the step.
    """

    origin: str
    port: str
    delay: int | None = None


@dataclass(frozen=True)
class ModuleSpecs:
    """One module of a brain: its name, its class (or a finished instance), its configuration, and its wires.

    `inputs` maps each input port to a `PortMap` or to several, which are flattened and concatenated in list order.
    """

    name: str
    module_cls: type[SparkModule] | SparkModule
    inputs: Mapping[str, PortMap | Iterable[PortMap]] = field(default_factory=dict)
    config: SparkConfig | None = None

    def wires(self) -> dict[str, list[PortMap]]:
        """The port maps of each input port, always as a list."""
        return {port: [maps] if isinstance(maps, PortMap) else list(maps) for port, maps in self.inputs.items()}


class Edge(NamedTuple):
    """One resolved wire of a brain; `delay` in steps."""

    origin: str
    port: str
    target: str
    target_port: str
    delay: int


def as_specs(given: Any, ports: Mapping[str, type[Payload]]) -> dict[str, PortSpecs]:
    """Port descriptions from what a user writes: a shape, a size, or a mapping of either by port name."""
    named = given if isinstance(given, Mapping) else {next(iter(ports)): given}
    return {port: _as_spec(value, ports.get(port, Payload)) for port, value in named.items()}


def _as_spec(given: Any, payload: type[Payload]) -> PortSpecs:
    if isinstance(given, PortSpecs):
        return given
    if isinstance(given, Payload):
        return PortSpecs(given.shape, type(given))
    return PortSpecs((int(given),) if isinstance(given, int) else tuple(int(size) for size in given), payload)
