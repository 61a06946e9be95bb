"""Somas: what turns a current into spikes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

from spark.core.config import above, choice, quantity
from spark.core.module import Params, State
from spark.core.payloads import CurrentArray, SpikeArray
from spark.core.specs import PortSpecs
from spark.nn.components.base import Part, PartConfig
from spark.training.surrogate import SURROGATES, fire


class SomaConfig(PartConfig):
    """Fields of every soma.

    `surrogate` and `surrogate_slope` choose the gradient of a spike; they do not change what a soma does.
    """

    surrogate: str = choice("fast_sigmoid", options=tuple(SURROGATES), doc="Shape of the surrogate gradient.")
    surrogate_slope: float = quantity(10.0, bound=above(0), extent="scalar",
                                      doc="Steepness of the surrogate, per threshold.")


SomaConfigType = TypeVar("SomaConfigType", bound=SomaConfig)


class Soma(Part[SomaConfigType]):
    """Base of the somas: a current in, spikes (0/1) out, elementwise over `units`.

    State: arrays of shape `units`: `v`, the potential in mV relative to rest, and what a subclass adds. Parameters:
    scalars or arrays of shape `units`, potentials relative to rest; constants like exp(−dt/τ) are computed in the step
    from them. A subclass defines `step` with elementwise `jax.numpy` operations only: units must not see each other.
    """

    config_class = SomaConfig
    input_ports = {"current": CurrentArray}
    output_ports = {"spikes": SpikeArray}
    shape_is_free = True

    def __init__(self, config: Any = None, **keywords: Any) -> None:
        super().__init__(config, **keywords)
        self.build({"current": self.units})

    def _build(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        if shapes["current"] != self.units:
            raise ValueError(f"{type(self).__name__}: current has shape {shapes['current']}, units are {self.units}")
        self._hold(**self.physical_params())

    @abstractmethod
    def physical_params(self) -> Params:
        """The parameters of the step under their short names, as float64 arrays."""

    def initial_state(self) -> State:
        return {"v": np.zeros(self.units)}

    @property
    def output_specs(self) -> dict[str, PortSpecs]:
        return {port: PortSpecs(self.units, payload) for port, payload in self.output_ports.items()}

    def fire(self, v: Any, theta: Any) -> Any:
        """Spikes of `v > theta` as 0/1, with the configured surrogate gradient."""
        return fire(v, theta, self.config.surrogate, self.config.surrogate_slope)

    def quantities(self, *names: str) -> list[np.ndarray]:
        """Configured quantities as numbers, scalar or of shape `units`."""
        return [self._drawn(name, self.units) for name in names]

