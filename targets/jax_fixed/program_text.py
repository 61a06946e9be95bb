"""What the parts of a program under construction share: the network, names, constants and weights so far."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from compiler.analysis.network_ranges import ranges_of
from compiler.formats import BoolType, Format, Type
from compiler.ir.exact import Range, range_of_type
from compiler.ir.network import Network
from compiler.ir.program import Argument, TensorRef
from targets.jax_fixed.exact_results import exact
from targets.jax_fixed.fitting import finish
from targets.jax_fixed.names import Names
from targets.jax_fixed.values import Value, literal, named
from targets.jax_fixed.writer import Writer, quoted

LARGEST_PROOF = 300
"""States times operations of a program whose ranges are proved for the sake of comments."""


@dataclass
class ProgramText:
    """The program so far.

    weights: what the arrays of weights are made from, by the name they are passed under. row_bytes: the most that one
    row of values takes on its way through the weights. free: whether weights and parameters are only known by their
    formats, since they are going to be trained.
    """

    network: Network
    names: Names
    code: Writer = field(default_factory=Writer)
    weights: dict[str, str] = field(default_factory=dict)
    row_bytes: int = 4
    free: bool = False

    def __post_init__(self) -> None:
        work = max((len(item.states) * len(item.ops) for item in self.network.programs.values()), default=0)
        found = ranges_of(self.network) if work <= LARGEST_PROOF and not self.free else {}
        self._proved = {name: item.values for name, item in found.items() if all(item.proved.values())}

    def shown_range(self, site: str, name: str, otherwise: Range) -> str:
        """The proved range of a name of a site for comments; arithmetic relies on formats alone (`otherwise`)."""
        interval = self._proved.get(site, {}).get(name)
        if interval is None:
            return ends(otherwise)
        return "proved " + ends(Range(int(interval.low.min()), int(interval.high.max()), interval.fraction))

    def argument(self, argument: Argument, type_: Type | None, name: str, note: str) -> Value:
        """A parameter, bias or start as a named constant of the module."""
        if isinstance(argument, TensorRef):
            return self._tensor(argument, name, note)
        value = literal(argument)
        if isinstance(type_, Format):
            value = finish(exact("convert", (value,)), type_)
        constant = self.names.fresh(name.upper())
        bits = "" if type_ is not None else f", {value.range.fraction} fraction bits"
        self.code.line(f"{constant} = {value.text}", f"{note} = {argument}{bits}")
        return named(value, constant)

    def _tensor(self, reference: TensorRef, name: str, note: str) -> Value:
        tensor = self.network.tensor(reference)
        constant = self.names.fresh(name.upper())
        if isinstance(tensor.type, BoolType):
            self.code.line(f"{constant} = jnp.asarray(TENSORS[{quoted(reference.name)}]).reshape(-1) != 0", note)
            return Value(constant, truth=True, sampled=False)
        range_ = range_of_type(tensor.type) if self.free else tensor_range(tensor)
        read = f"jnp.asarray(TENSORS[{quoted(reference.name)}].reshape(-1)"
        value = Value(constant, range_, sampled=False)
        text = f"pair_unsigned({read}.view(np.int32)))" if value.is_pair else f"{read}.astype(np.int32))"
        self.code.line(f"{constant} = {text}", f"{note}, one per unit: {tensor.type}, {ends(range_)}")
        return value

    def table(self, reference: TensorRef) -> Value:
        """A lookup table as a named constant of the module."""
        tensor = self.network.tensor(reference)
        constant = self.names.fresh(f"TABLE_{reference.name}".upper())
        read = f"jnp.asarray(TENSORS[{quoted(reference.name)}].astype(np.int32))"
        self.code.line(f"{constant} = {read}", str(tensor.type))
        return Value(constant, tensor_range(tensor), sampled=False)


def tensor_range(tensor) -> Range:
    """The raw integers that occur."""
    fraction = tensor.type.fraction if isinstance(tensor.type, Format) else 0
    data = tensor.data if tensor.data.size else np.zeros(1, np.int64)
    return Range(int(data.min()), int(data.max()), fraction)


def ends(range_: Range) -> str:
    """A range as a comment shows it."""
    return f"{range_.low} … {range_.high}" if range_.low != range_.high else str(range_.low)
