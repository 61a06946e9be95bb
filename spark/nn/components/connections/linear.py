"""All-to-all maps, with and without a bias."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np

from spark.core.config import Fault, Quantity, quantity
from spark.core.payloads import CurrentArray
from spark.core.specs import PortSpecs
from spark.nn.components.connections.base import Connection, ConnectionConfig, Shape, shape_fault


class LinearConfig(ConnectionConfig):
    """Parameters of Linear."""

    weight: Quantity = quantity(extent="any", doc="Weights [..., out, in]; leading axes stand for independent groups.")

    def check(self) -> list[Fault]:
        shape = np.shape(self.weight)
        return [] if len(shape) >= 2 else [Fault("weight", f"array of shape {shape}", "at least two axes: [out, in]")]


class Linear(Connection[LinearConfig]):
    """y = W·x.

    Parameters: weight [out, in] ([group, out, in] maps [group, in] to [group, out]). Input signal [in]; output current
    [out]. State: none. Errors: ConfigError. Source: NIR, primitive Linear.

    >>> Linear(weight=[[1.0, 2.0], [0.0, 3.0]]).build(2).run([[1.0, 1.0]])[0]["current"].tolist()
    [[3.0, 3.0]]
    """

    config_class = LinearConfig
    shape_is_free = True

    @property
    def free_shape(self) -> Shape:
        """The output's shape; it does not depend on the input."""
        weight = np.shape(self.config.weight)
        return (*weight[:-2], weight[-2])

    @property
    def output_specs(self) -> dict[str, PortSpecs]:
        return {"current": PortSpecs(self.free_shape, CurrentArray)}

    def misfits(self, shape: Shape) -> list[Fault]:
        weight = np.shape(self.config.weight)
        expected = (*weight[:-2], weight[-1])
        hint = "a Flatten is missing in between" if math.prod(shape) == math.prod(expected) else ""
        return [] if shape == expected else [shape_fault(shape, f"{expected}, the weight has shape {weight}", hint)]

    def output_shape(self, shape: Shape) -> Shape:
        return self.free_shape

    def params_for(self, shape: Shape) -> dict[str, np.ndarray]:
        return {"weight": np.asarray(self.config.weight, np.float64)}

    def apply(self, signal: Any, params: Any) -> Any:
        return jnp.einsum("...oi,...i->...o", params["weight"], signal, precision="highest")


class AffineConfig(LinearConfig):
    """Parameters of Affine."""

    bias: Quantity = quantity(0.0, extent="any", doc="What is added, shape of the output or a scalar.")

    def check(self) -> list[Fault]:
        faults = super().check()
        bias, weight = np.shape(self.bias), np.shape(self.weight)
        if not faults and bias not in ((), (*weight[:-2], weight[-2])):
            faults.append(Fault("bias", f"array of shape {bias}", f"of shape {(*weight[:-2], weight[-2])} or a scalar"))
        return faults


class Affine(Linear):
    """y = W·x + b, the bias in every step.

    Parameters: weight as Linear, bias [out]. Ports, state and errors as Linear. Source: NIR, primitive Affine.

    >>> Affine(weight=[[1.0, 2.0]], bias=[0.5]).build(2).run([[1.0, 1.0]])[0]["current"].tolist()
    [[3.5]]
    """

    config_class = AffineConfig
    config: AffineConfig

    def params_for(self, shape: Shape) -> dict[str, np.ndarray]:
        bias = np.broadcast_to(np.asarray(self.config.bias, np.float64), self.free_shape)
        return super().params_for(shape) | {"bias": bias.copy()}

    def apply(self, signal: Any, params: Any) -> Any:
        return super().apply(signal, params) + params["bias"]
