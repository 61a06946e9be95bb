"""From parameters to integers: rounded as the passes round them, and differentiable."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from compiler.formats import Format
from compiler.ir.network import Network
from compiler.training.straight_through import on_grid
from compiler.training.trainable import Parameters, Weights
from spark.core.precision import precision
from spark.core.tree import flatten, map_leaves

STEP_SIZES = "step_sizes"
LEAST_RATIO = 0.05
"""How far a learned step size may shrink."""


class Prepared(NamedTuple):
    """What the steps of a batch need of the parameters: those of the float step, and raw integers by tensor."""

    params: Any
    tensors: dict[str, Any]
    ratios: dict[str, Any]


class Rounding:
    """Rounds the parameters of a network. groups: by population whose scale is trained, the group of each unit."""

    def __init__(self, network: Network, parameters: Parameters, groups: Mapping[str, np.ndarray]):
        self.network, self.parameters, self.groups = network, parameters, groups
        self._shared = parameters.scaled_tensors(list(groups)) if groups else {}
        self.constants = self.host({})

    def prepare(self, params: Any) -> Prepared:
        """The current parameters, rounded: differentiable, and the same for all steps and samples."""
        values = flatten(params)
        ratios = {name: jnp.maximum(values[f"{STEP_SIZES}.{name}"], LEAST_RATIO) for name in self.groups}
        gains, reals = self._current({path: values[path] for path in self.parameters.others})
        tensors, real = self._arguments(reals, ratios), {path: values[path] for path in self.parameters.others}
        for path, item in self.parameters.weights.items():
            real[path], own = self._rounded_weights(item, values[path], gains[path], ratios)
            tensors |= own
        held = map_leaves(lambda path, leaf: real.get(path, jnp.asarray(leaf, jnp.float32)
                                                      if np.asarray(leaf).dtype.kind == "f" else leaf),
                          self.parameters.module.params)
        return Prepared(held, tensors, ratios)

    def host(self, values: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Gains of weights by parameter, and all other real parameters by tensor, from the passes themselves."""
        network = self.parameters.ones(values)
        scaled = self.parameters.link_weights(network)
        gains = {path: item.gain(scaled) for path, item in self.parameters.weights.items()}
        return gains, self.parameters.reals(network)

    def _current(self, others: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The same for traced parameters."""
        if not others:
            return self.constants
        shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((*leaf.shape, 2), np.uint32), self.constants)
        halves = jax.pure_callback(self._host_halves, shapes, jax.lax.stop_gradient(others),
                                   vmap_method="sequential")
        with precision("float64"):
            return jax.tree.map(lambda leaf: jax.lax.bitcast_convert_type(leaf, jnp.float64), halves)

    def _host_halves(self, others: Mapping[str, Any]) -> Any:
        """`host` with every float64 as two integers, which pass where 64-bit types are off."""
        found = self.host({path: np.asarray(value, np.float64) for path, value in others.items()})
        return jax.tree.map(lambda leaf: np.ascontiguousarray(leaf).view(np.uint32).reshape(*leaf.shape, 2), found)

    def _arguments(self, reals: Mapping[str, Any], ratios: Mapping[str, Any]) -> dict[str, Any]:
        """Raw integers of parameters, biases and starts."""
        found, by_unit = {}, {name: jax.lax.stop_gradient(ratio)[self.groups[name]] for name, ratio in ratios.items()}
        with precision("float64"):
            for name, real in reals.items():
                type_ = self.network.tensors[name].type
                assert isinstance(type_, Format)
                if name in self._shared:
                    real = real / by_unit[self._shared[name]].astype(jnp.float64)
                found[name] = jnp.rint(jnp.asarray(real) * 2.0**type_.fraction).astype(jnp.int32)
        return found

    def _rounded_weights(self, item: Weights, values: Any, gain: Any, ratios: Mapping[str, Any]) -> tuple[Any, Any]:
        """Weights on their grid as the float step sees them, and as raw integers by tensor."""
        flat = jnp.ravel(values)
        entry = self.groups[item.population][item.unit] if item.population in self.groups else None
        ratio = jnp.ones(()) if entry is None else ratios[item.population][entry]
        with precision("float64"):
            wide = jax.lax.stop_gradient(flat).astype(jnp.float64)
            stretched = jax.lax.stop_gradient(ratio).astype(jnp.float64)
            place = wide * gain / stretched
            raw = jnp.clip(jnp.rint(place), item.lowest, item.levels)
            inside = raw == jnp.rint(place)
            size = stretched / jnp.where(item.used, gain, 1.0)
            exact = jnp.where(item.used, raw * size, wide).astype(jnp.float32)
            share = 1.0 if entry is None else 1 / np.sqrt(item.used.sum() / (entry.max() + 1) * item.levels.max())
            slope = (jnp.where(inside, raw - place, raw) * size / stretched * share).astype(jnp.float32)
            raw = raw.astype(jnp.int32)
        rounded = on_grid(flat, jnp.broadcast_to(ratio, flat.shape), exact, inside, slope)
        tensors = {}
        for piece in item.pieces:
            taken = jnp.where(piece.index >= 0, raw[jnp.maximum(piece.index, 0)], 0)
            tensors[piece.tensor] = taken.astype(self.network.tensors[piece.tensor].data.dtype)
        return rounded.reshape(item.shape), tensors

    def ratio(self, name: str, params: Any) -> np.ndarray:
        """What the scale of each unit of a population is multiplied by, float64 [n]."""
        sizes = np.maximum(np.asarray(flatten(params)[f"{STEP_SIZES}.{name}"]), np.float32(LEAST_RATIO))
        return sizes.astype(np.float64)[self.groups[name]]

    def exact_weights(self, item: Weights, rounded: np.ndarray, gain: np.ndarray, params: Any) -> np.ndarray:
        """Rounded float32 weights in float64: the nearest multiple of the step."""
        step = np.where(item.used, 1 / np.where(item.used, gain, 1.0), 1.0)
        if item.population in self.groups:
            step = step * self.ratio(item.population, params)[item.unit]
        flat = rounded.ravel()
        return np.where(item.used, np.rint(flat / step) * step, flat).reshape(item.shape)
