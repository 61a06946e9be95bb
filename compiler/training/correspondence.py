"""Between the integers of the program and the float step: which stands for which."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from compiler.formats import Format
from compiler.frontends.lowered import Lowered
from compiler.ir.network import Input, Network
from compiler.training.rounding import Prepared
from compiler.training.straight_through import exactly
from spark.core.tree import map_leaves


class Correspondence:
    """Inputs, states and spikes of a network in integers and of its module.

    lowered: the network as the module was lowered to, with where everything came from. input_specs: of the module.
    groups: by population whose scale is trained, the group of each unit.
    """

    def __init__(self, network: Network, lowered: Lowered, input_specs: Mapping[str, Any],
                 groups: Mapping[str, np.ndarray]):
        self.network, self.lowered, self.input_specs, self.groups = network, lowered, input_specs, groups

    def entries(self, inputs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Inputs as raw integers by name of the network, and as what these stand for, by port of the module."""
        entries, reals = {}, {}
        for item in self.network.inputs:
            port = self.lowered.ports[item.name]
            value = jnp.asarray(inputs[port], jnp.float32).reshape(self.input_specs[port].shape)
            entries[item.name], reals[port] = _entry(item, value)
        return entries, reals

    def replacement(self, name: str, port: str, raw: Any, prepared: Prepared) -> Callable[[Any], Any]:
        """What takes the place of an output of the float step: what the integers gave."""
        def replaced(smooth: Any) -> Any:
            return exactly(smooth, self._real(name, port, raw, prepared).reshape(smooth.shape))

        return replaced

    def _real(self, site_name: str, name: str, raw: Any, prepared: Prepared) -> Any:
        """What raw integers of a site stand for."""
        site = self._sites[site_name]
        program = self.network.programs[site.program]
        types = program.types()
        type_ = types[name] if name in types else program.emit_type(name)
        value = jnp.asarray(raw, jnp.float32)
        if isinstance(type_, Format):
            value = value * 2.0**-type_.fraction
        if name not in site.scaled:
            return value
        value = value * jnp.asarray(self.network.real(site.scale), jnp.float32)
        ratio = prepared.ratios.get(site_name)
        return value if ratio is None else value * jax.lax.stop_gradient(ratio)[self.groups[site_name]]

    @cached_property
    def _sites(self) -> dict[str, Any]:
        return {name: site for name, site, _ in self.network.sites()}

    def rounded_states(self, real: Any, raw: Mapping[str, Any], prepared: Prepared) -> Any:
        """The float step's state with the populations' states as the integers have them."""
        states = self._states

        def leaf(path: str, value: Any) -> Any:
            if path not in states:
                return value
            site, name = states[path]
            exact = self._real(site, name, raw[f"{site}.{name}"][0], prepared).reshape(value.shape)
            return exactly(value, exact) if jnp.issubdtype(value.dtype, jnp.floating) else exact.astype(value.dtype)

        return map_leaves(leaf, real)

    @cached_property
    def _states(self) -> dict[str, tuple[str, str]]:
        """Site and state by path in the module's state, where the two are one to one."""
        found, lowered = {}, self.lowered
        for name in (item.name for item in self.network.populations):
            for item in self.network.programs[self._sites[name].program].states:
                if name in lowered.origins and len(lowered.sharing(name)) == 1 and _is_whole(lowered.origins[name]):
                    found[lowered.state_path(name, item.name)] = (name, item.name)
        return found


def _entry(item: Input, value: Any) -> tuple[Any, Any]:
    """An input as raw integers [units], and as the float step gets it."""
    flat, type_ = value.reshape(-1), item.port.type
    if item.port.kind != "current" or not isinstance(type_, Format):
        return flat.astype(jnp.uint8 if item.port.kind == "spikes" else jnp.int32), value
    raw = jnp.clip(jnp.rint(flat * 2.0**type_.fraction), type_.low, type_.high)
    return raw.astype(jnp.int32), exactly(value, (raw * 2.0**-type_.fraction).reshape(value.shape))


def _is_whole(origin: Any) -> bool:
    return origin.units == slice(None) and np.ndim(origin.signs) == 0 and origin.signs == 1.0
