"""Collects the operations that one nonlinear operation becomes."""

from __future__ import annotations

from collections.abc import MutableMapping

import numpy as np

from compiler.diagnostics import Place
from compiler.formats import BOOL, Format, Type, parse_type, storage_dtype
from compiler.ir.network import Tensor
from compiler.ir.program import Op, Operand, TensorRef


class Builder:
    """Appends operations named `<result>_<what>`, and tables shared by name.

    types: of every name so far, extended in place. prefix: name of the operation that is expanded.
    """

    def __init__(self, prefix: str, types: MutableMapping[str, Type], place: Place):
        self.prefix, self.types, self.place = prefix, types, place
        self.ops: list[Op] = []
        self.tables: dict[str, Tensor] = {}

    def op(self, what: str, opcode: str, *operands: Operand, type: Type | str) -> str:
        """Append one operation; its result's name."""
        name = f"{self.prefix}_{what}" if what else self.prefix
        type_ = parse_type(type) if isinstance(type, str) else type
        self.ops.append(Op(name, opcode, operands, type_, self.place))
        self.types[name] = type_
        return name

    def compare(self, what: str, opcode: str, a: Operand, b: Operand) -> str:
        return self.op(what, opcode, a, b, type=BOOL)

    def table(self, name: str, values: np.ndarray, type: str) -> TensorRef:
        """A table of real values rounded to nearest in a format, cut at its ends."""
        type_ = parse_type(type)
        assert isinstance(type_, Format)
        raw = np.clip(np.rint(values * np.float64(2.0) ** type_.fraction), type_.low, type_.high)
        self.tables[name] = Tensor(type_, raw.astype(np.int64).astype(storage_dtype(type_)))
        return TensorRef(name)
