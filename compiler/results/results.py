"""What a run of any engine returns, and the names of the state it can be continued from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from compiler.formats import BoolType, Type
from compiler.ir.network import Network, Projection


@dataclass
class Result:
    """Arrays of one run: outputs and records [B, T, n]; state to continue from (raw integers or floats)."""

    outputs: dict[str, np.ndarray]
    records: dict[str, np.ndarray] = field(default_factory=dict)
    state: dict[str, np.ndarray] = field(default_factory=dict)


def skew_of(network: Network, name: str) -> int:
    """Steps for which a node stays frozen at the start; 0 for inputs."""
    return getattr(network.node(name), "skew", 0)


def source_delays(network: Network, projection: Projection) -> np.ndarray:
    """Delays as the source network had them: without what retiming added."""
    shift = skew_of(network, projection.source) - skew_of(network, projection.target)
    return network.delays(projection) + shift


def history_depths(network: Network) -> dict[tuple[str, str], int]:
    """How many past rows of each emitted port are still to be delivered, for ports with any."""
    depths: dict[tuple[str, str], int] = {}
    for item in network.projections:
        key = (item.source, item.source_port)
        depths[key] = max(depths.get(key, 0), int(source_delays(network, item).max()))
    return {key: depth for key, depth in depths.items() if depth}


def record_dtype(type_: Type) -> np.dtype:
    """Raw records: spikes as uint8, integers as int32."""
    return np.dtype(np.uint8 if isinstance(type_, BoolType) else np.int32)


def split_record(network: Network, record: str) -> tuple[str, str]:
    """`pop.v` or `proj.post.z` as (site, name). Raises KeyError where there is no such site."""
    site, _, name = record.rpartition(".")
    if site not in {item for item, _, _ in network.sites()}:
        raise KeyError(record)
    return site, name


def as_batch(inputs: Mapping[str, np.ndarray]) -> tuple[int, int]:
    """(B, T) of inputs [B, T, n]."""
    first = next(iter(inputs.values()))
    return first.shape[0], first.shape[1]
