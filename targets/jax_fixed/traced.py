"""The generated program with weights and parameters that JAX traces, for training in the loop.

The text is that of program.py, written for whatever weights and parameters their formats hold; only how weights are
laid out differs, since NumPy cannot look at what is being traced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import CodeType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from compiler.formats import Format
from compiler.ir.network import Network, Tensor
from targets.jax_fixed import library
from targets.jax_fixed.emit import written

Arrays = Mapping[str, Any]


class TracedProgram:
    """`step` of a network whose formats hold any weights (`Options.training`)."""

    def __init__(self, network: Network):
        self.network = network
        body = written(_largest_weights(network), free=True).code.text()
        self._library = _code(library.text_before(body), "library")
        self._body = _code(body, "network")
        self.ports = [f"{item.name}.{emit.port}" for item in network.populations
                      for emit in network.programs[item.site.program].emits]

    def initial_state(self, tensors: Arrays) -> dict[str, Any]:
        """The state of one sample before the first step, arrays [1, …]."""
        return self._namespace(tensors)["initial_state"](1)

    def step(self, tensors: Arrays, state: Arrays, inputs: Arrays) -> tuple[dict[str, Any], dict[str, Any]]:
        """One step of one sample. tensors: raw integers by name. inputs: raw integers [units] by name.

        Returns the new state and what every port `population.port` emitted, raw [units]. Pure.
        """
        namespace = self._namespace(tensors)
        rows = {name: value[None, None] for name, value in inputs.items()}
        after, emitted = namespace["block"](namespace["WEIGHTS"], tuple(self.ports), state, rows)
        return after, {port: value[0, 0] for port, value in emitted.items()}

    def _namespace(self, tensors: Arrays) -> dict[str, Any]:
        """The names of the program, its constants made of these tensors."""
        held = {name: tensor.data for name, tensor in self.network.tensors.items()}
        namespace: dict[str, Any] = {"jax": jax, "jnp": jnp, "np": np, "lax": lax, "partial": partial}
        exec(self._library, namespace)
        namespace |= LAYOUTS | {"TENSORS": held | dict(tensors)}
        exec(self._body, namespace)
        return namespace


def _code(text: str, name: str) -> CodeType:
    return compile(text, f"<{name} of the program in training>", "exec")


def _largest_weights(network: Network) -> Network:
    """The network with all weights as large as their formats allow: what decides how sums are computed."""
    tensors = dict(network.tensors)
    for item in network.projections:
        for link in item.chain:
            if link.weights is not None:
                tensor = network.tensor(link.weights)
                tensors[link.weights.name] = _largest(tensor)
    return replace(network, tensors=tensors)


def _largest(tensor: Tensor) -> Tensor:
    if not isinstance(tensor.type, Format):
        return tensor
    return Tensor(tensor.type, np.full_like(tensor.data, tensor.type.high))


# -- layouts of weights, as `runtime/products.py` makes them of NumPy arrays ------------------------------------------


def weight_digits(matrix: Any) -> tuple[Any, Any]:
    """Integer weights [post, pre] as (signed bytes [digits, post, pre] to base 256, row sums [post])."""
    count = np.dtype(matrix.dtype).itemsize
    rest, digits = jnp.asarray(matrix, jnp.int32), []
    for _ in range(count):
        digits.append((((rest + 128) & 255) - 128).astype(jnp.int8))
        rest = (rest - digits[-1]) >> 8
    return jnp.stack(digits), jnp.sum(jnp.asarray(matrix, jnp.int32), axis=1)


def product_of_bytes(values: Any, matrix: Any) -> Any:
    """Sums over pre of matrix [post, pre] times values [..., pre], both of bytes, as int32 [..., post]."""
    return lax.dot_general(values, matrix, (((values.ndim - 1,), (1,)), ((), ())),
                           precision=lax.DotAlgorithmPreset.DEFAULT, preferred_element_type=jnp.int32)


def by_delay(matrix: Any, delays: np.ndarray, kinds: tuple[int, ...]) -> Any:
    """Weights [post, pre] for sources that stand side by side, once for every delay in `kinds`."""
    return jnp.concatenate([jnp.where(delays == delay, matrix, 0) for delay in kinds], axis=1)


def filled(weights: Any, starts: np.ndarray, sources: np.ndarray, pres: int) -> Any:
    """The matrix [post, pre] of a list of synapses."""
    rows = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    return jnp.zeros((len(starts) - 1, pres), weights.dtype).at[rows, sources].set(weights)


def padded(weights: Any, starts: np.ndarray, sources: np.ndarray) -> tuple[Any, Any]:
    """A list of synapses as (weights, sources), both [most synapses of a unit, post]; missing ones weigh 0."""
    counts = np.diff(starts)
    place = np.arange(len(sources)) - np.repeat(starts[:-1], counts), np.repeat(np.arange(len(counts)), counts)
    shape = (int(counts.max(initial=0)), len(counts))
    index = np.zeros(shape, np.int32)
    index[place] = sources
    return jnp.zeros(shape, jnp.int32).at[place].set(weights), jnp.asarray(index)


LAYOUTS = {item.__name__: item for item in (weight_digits, product_of_bytes, by_delay, filled, padded)}
