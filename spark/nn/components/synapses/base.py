"""Synapses: what turns spikes into currents."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, TypeVar

import jax.numpy as jnp
import numpy as np
from jax import lax

from spark.core.config import ConfigError, Fault, Quantity, quantity
from spark.core.module import Params, State
from spark.core.payloads import CurrentArray, SpikeArray
from spark.core.seeds import generator
from spark.core.specs import PortSpecs
from spark.core.taps import see
from spark.nn.components.base import Part, PartConfig
from spark.nn.components.synapses.events import event_sum, is_worthwhile
from spark.nn.initializers import SparseUniform

ROWS = "rows"
"""What `prepared` adds to the parameters: weights [pre, post]."""


class SynapsesConfig(PartConfig):
    """Fields of all synapses."""

    kernel: Quantity = quantity(SparseUniform(), extent="any",
                                doc="Weights, shape units + input shape, or how to draw them; signed numbers.")
    scale: Quantity = quantity(1.0, unit="pA", doc="What a weight of one means; scalar or per postsynaptic unit.")


SynapsesConfigType = TypeVar("SynapsesConfigType", bound=SynapsesConfig)


class Synapses(Part[SynapsesConfigType]):
    """Base of the synapses: spikes (signed) in, currents out, a weight for each pair of units.

    The kernel has shape `units + input shape`: postsynaptic axes first. Spikes come as [*pre], or as [*post, *pre]
    after delays that differ from synapse to synapse.

    `site` says where the synaptic filter lives: None (there is none), 'post' (one per postsynaptic unit, after the
    sum), 'pre' (one per presynaptic unit, before the weights), 'synapse' (one for each pair). `step` is `weights`, then
    `filter`, at that site.

    Errors: ConfigError for a kernel of another shape or with numbers that are not finite.
    """

    config_class = SynapsesConfig
    input_ports = {"spikes": SpikeArray}
    output_ports = {"current": CurrentArray}
    site: str | None = None

    def _build(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        given = shapes["spikes"]
        post = len(self.units)
        self.paired = bool(self._paired_input) and given[:post] == self.units and len(given) > post
        self.input_shape = given[post:] if self.paired else given
        self.site = self._choose_site()
        self._hold(kernel=self._draw_kernel(), scale=self._drawn("scale", self.units), **self.filter_params())

    _paired_input = False

    def build_paired(self, input_shape: tuple[int, ...]) -> None:
        """Build for spikes that come for each pair of units, [*post, *pre]."""
        self._paired_input = True
        self.build({"spikes": self.units + tuple(input_shape)})

    def _draw_kernel(self) -> np.ndarray:
        size = self.units + self.input_shape
        kernel = self.config.kernel
        if hasattr(kernel, "sample"):
            return kernel.sample(generator(self.config.seed, f"{self.role}.kernel"), size, len(self.units))
        kernel = np.asarray(kernel, dtype=np.float64)
        if kernel.ndim and kernel.shape != size:
            fault = Fault("kernel", f"array of shape {kernel.shape}", f"of shape {size} (units + input shape)")
            raise ConfigError(type(self).__name__, [fault])
        return np.broadcast_to(kernel, size).copy()

    @property
    def role(self) -> str:
        return "synapses"

    @property
    def output_specs(self) -> dict[str, PortSpecs]:
        return {"current": PortSpecs(self.units, CurrentArray)}

    # -- the three parts of a step --------------------------------------------------------------------------------

    def weights(self, params: Params) -> Any:
        """Effective signed weights [*post, *pre] in pA: what multiplies a spike."""
        scale = params["scale"]
        if jnp.ndim(scale):
            scale = jnp.reshape(scale, self.units + (1,) * len(self.input_shape))
        return params["kernel"] * scale

    def filter(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        """The synaptic filter, elementwise at its site: {'current': i} → {'current': I}. None here: passes through."""
        return state, inputs

    @abstractmethod
    def filter_params(self) -> Params:
        """Parameters of the filter, broadcastable to its site; none where there is no filter."""

    def filter_state(self, size: tuple[int, ...]) -> State:
        """The filter's state, arrays of the size of its site."""
        return {}

    def _choose_site(self) -> str | None:
        return None

    def initial_state(self) -> State:
        self._require_built()
        return self.filter_state(self.site_shape)

    @property
    def site_shape(self) -> tuple[int, ...]:
        """The shape of the filter's site."""
        sizes = {"post": self.units, "pre": self.input_shape, "synapse": self.units + self.input_shape}
        return sizes[self.site] if self.site else self.units

    def prepared(self, params: Params) -> Params:
        """With the weights of each presynaptic unit in a row, where sums over few spikes gain from it."""
        if self.paired or self.site not in (None, "post") or not is_worthwhile(params["kernel"]):
            return params
        return params | {ROWS: self.weights(params).reshape(-1, math.prod(self.input_shape)).T}

    def step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        spikes = inputs["spikes"]
        if ROWS in params:
            current = event_sum(params[ROWS], spikes.reshape(-1)).reshape(self.units)
            return self.filter(state, {"current": current}, params)
        if self.site == "pre":
            state, filtered = self.filter(state, {"current": spikes}, params)
            return state, {"current": self._sum(self.weights(params), filtered["current"])}
        if self.site == "synapse":
            state, filtered = self.filter(state, {"current": self.weights(params) * spikes}, params)
            return state, {"current": jnp.sum(see("filtered", filtered["current"]), axis=self._pre_axes)}
        return self.filter(state, {"current": self._sum(self.weights(params), spikes)}, params)

    @property
    def _pre_axes(self) -> tuple[int, ...]:
        return tuple(range(len(self.units), len(self.units) + len(self.input_shape)))

    def _sum(self, weights: Any, spikes: Any) -> Any:
        if self.paired:
            return jnp.sum(weights * spikes, axis=self._pre_axes)
        rows = weights.reshape(-1, math.prod(self.input_shape))
        # Spikes first: a batch axis then leads in the result, as it does in every state.
        product = lax.dot_general(spikes.reshape(-1), rows, (((0,), (1,)), ((), ())), precision=lax.Precision.HIGHEST)
        return product.reshape(self.units)


Synanpses = Synapses
SynanpsesConfig = SynapsesConfig
