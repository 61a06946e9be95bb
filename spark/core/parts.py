"""A module taken apart into structure, parameters and state, for loops that handle these themselves."""

from __future__ import annotations

from typing import Any

from spark.core.module import Params, SparkModule, State
from spark.core.tree import checked_like, map_leaves


class Structure:
    """A module without its arrays: what stays the same when parameters and state are traced or trained."""

    def __init__(self, module: SparkModule) -> None:
        self._module = module._twin()
        self._module.forget_state()

    def step(self, state: State, inputs: dict[str, Any], params: Params) -> tuple[State, dict[str, Any]]:
        """The pure step of the module."""
        return self._module.step(state, inputs, params)


def split(module: SparkModule) -> tuple[Structure, Params, State]:
    """Take a module apart into `(structure, params, state)`, for users who write their own loop.

    >>> from spark.nn.neurons import LIFNeuron
    >>> neuron = LIFNeuron(units=(2,)).build(3)
    >>> structure, params, state = split(neuron)
    >>> sorted(params), merge(structure, params, state).config == neuron.config
    (['inhibition_mask', 'soma', 'synapses'], True)
    """
    return Structure(module), module.params, module.state


def merge(structure: Structure, params: Params, state: State) -> SparkModule:
    """A module from its parts; the inverse of `split`. Errors: `ValueError` where shapes do not fit."""
    pattern = structure._module.initial_state()
    module = structure._module._twin()
    module.params = map_leaves(lambda _, leaf: leaf, params)
    # Not through `module.state`: its initial state may depend on parameters that are being traced.
    module._state = checked_like(pattern, state, f"states of {type(module).__name__}")
    return module
