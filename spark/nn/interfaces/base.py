"""Interfaces between signals and spikes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from spark.core.config import SparkConfig, between, choice, integer, quantity
from spark.core.module import SparkModule
from spark.core.payloads import FloatArray, SpikeArray
from spark.core.precision import DTYPES
from spark.core.seeds import SEED_LIMIT
from spark.core.specs import PortSpecs
from spark.nn.components.base import TIME_STEP


class InterfaceConfig(SparkConfig):
    """Fields of every interface."""

    dt: float = quantity(1.0, unit="ms", bound=TIME_STEP, extent="scalar", doc="Time step.")
    dtype: str = choice("float32", options=DTYPES, doc="Number type of a run.")
    seed: int = integer(0, bound=between(0, SEED_LIMIT), doc="Seed of everything drawn.")


InterfaceConfigType = TypeVar("InterfaceConfigType", bound=InterfaceConfig)


class Encoder(SparkModule[InterfaceConfigType]):
    """Base of the encoders: a signal in 0 … 1 in, spikes of the same shape out.

    draws: whether its spikes are drawn at random; a compiler cuts such an encoder off.
    """

    config_class = InterfaceConfig
    draws = False
    input_ports = {"signal": FloatArray}
    output_ports = {"spikes": SpikeArray}

    def _build(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self.shape = shapes["signal"]

    @property
    def output_specs(self) -> dict[str, PortSpecs]:
        self._require_built()
        return {"spikes": PortSpecs(self.shape, SpikeArray)}
