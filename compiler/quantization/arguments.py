"""Arguments of a site as integers: levels at the fraction of states, factors with digits of their own."""

from __future__ import annotations

import numpy as np

from compiler.analysis.homogeneity import Degrees
from compiler.formats import BOOL, BoolType, Format, Type
from compiler.ir.network import Network, Tensor
from compiler.ir.program import Declaration, Site, TensorRef
from compiler.options import Options
from compiler.quantization.tensors import (
    coefficient_fraction,
    free_tensor,
    quantized_coefficients,
    quantized_values,
)


class Arguments:
    """The parameters of a site; `tensors` are those that integers of them need."""

    def __init__(self, network: Network, name: str, site: Site, scaled_fraction: int, degrees: Degrees | None,
                 options: Options):
        self.network, self.name, self.old_site = network, name, site
        self.scaled_fraction, self.degrees, self.options = scaled_fraction, degrees, options
        self.source = network.programs[site.program]
        self.tensors: dict[str, Tensor] = {}

    def value(self, item: Declaration):
        """The argument of a parameter: a number, or a reference to one of `tensors`."""
        value = self.old_site.arguments[item.name]
        if isinstance(item.type, BoolType) and not isinstance(value, TensorRef):
            return bool(value)
        real = self.network.real(value)
        tensor = self._quantized_argument(item, real)
        if self.options.training:
            real = real.reshape(-1)
            fraction = self._argument_fraction(item, real)
            tensor = free_tensor(tensor, item.type, real, fraction, self.options.coefficient_bits)
        if real.ndim == 0:
            return float(tensor.values)
        self.tensors[f"{self.name}.{item.name}.q"] = tensor
        return TensorRef(f"{self.name}.{item.name}.q")

    def _quantized_argument(self, item: Declaration, real: np.ndarray) -> Tensor:
        if isinstance(item.type, BoolType):
            return Tensor(BOOL, real.astype(bool))
        if isinstance(item.type, Format):
            return quantized_values(real, item.type.fraction)
        fraction = self._argument_fraction(item, real)
        if self._is_level(item.name):
            return quantized_values(real, fraction)
        return quantized_coefficients(real, self.options.coefficient_bits, fraction)

    def _argument_fraction(self, item: Declaration, real: np.ndarray) -> int:
        """Fraction of a real parameter: that of states where it is one of their levels, else its own."""
        if self._is_level(item.name):
            return self.scaled_fraction
        name = f"{self.name} {item.name}"
        held = self.options.decided.fractions.get(name) if self.options.decided else None
        own = coefficient_fraction(real, self.options.coefficient_bits) if held is None else held
        return self.network.decided.note(name, own)

    def type(self, item: Declaration) -> Type:
        """The type of a parameter, once `value` was asked for."""
        if isinstance(item.type, BoolType):
            return BOOL
        if self.options.training:
            return self.tensors[f"{self.name}.{item.name}.q"].type
        return self._quantized_argument(item, self.network.real(self.old_site.arguments[item.name])).type

    def _is_level(self, name: str) -> bool:
        """Whether a parameter is a value that states take or are compared with; a factor needs digits of its own."""
        return self.degree(name) == 1 and not any(op.opcode == "mul" and name in op.names for op in self.source.ops)

    def degree(self, name: str) -> int | None:
        return None if self.degrees is None else self.degrees.names.get(name)
