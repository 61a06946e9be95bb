"""Programs shared by sites, and the arguments that set the sites apart."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from compiler.formats import F64, BoolType, Format, Type, storage_dtype
from compiler.frontends.leaves import declared_names, flatten
from compiler.frontends.trace import trace
from compiler.ir.network import Network, Tensor
from compiler.ir.program import Argument, Program, Site, TensorRef

Arrays = Mapping[str, Any]


class ProgramBook:
    """Traces steps into a network's programs: one program for all sites whose steps read the same."""

    def __init__(self, network: Network):
        self.network = network

    def site(self, site: str, kind: str, step: Callable[..., Any], state: Arrays, inputs: Arrays, params: Arrays,
             units: tuple[int, ...]) -> Site:
        """A site named `site` (where its tensors are named after) for a step over `units`.

        state, params: arrays that broadcast to units, or scalars. kind: what to call a new program.
        """
        names = declared_names(state, inputs, params)
        program = self._shared(trace(step, state, inputs, params, kind))
        used = {item.name: item.type for item in program.params}
        arguments = {
            name: self._argument(f"{site}.{name}", value, used[name], units)
            for name, value in _by_name(names["param"], params).items() if name in used
        }
        initial = {
            name: self._argument(f"{site}.{name}.initial", value, program.state(name).type, units)
            for name, value in _by_name(names["state"], state).items()
        }
        starts = {name: value for name, value in initial.items() if value != program.state(name).initial}
        return Site(program.name, arguments, starts)

    def _shared(self, program: Program) -> Program:
        for other in self.network.programs.values():
            if dataclasses.replace(program, name=other.name) == other:
                return other
        name = free_name(program.name, self.network.programs)
        self.network.programs[name] = dataclasses.replace(program, name=name)
        return self.network.programs[name]

    def _argument(self, name: str, value: Any, type_: Type, units: tuple[int, ...]) -> Argument:
        """A number where all units agree, else a tensor of one value per unit."""
        array = np.asarray(value)
        if array.size and np.all(array == array.reshape(-1)[0]):
            return _number(array.reshape(-1)[0], type_)
        return self.tensor(name, np.broadcast_to(array, units).reshape(-1), type_)

    def tensor(self, name: str, data: np.ndarray, type_: Type = F64) -> TensorRef:
        """Store an array under its name."""
        self.network.tensors[name] = Tensor(type_, np.ascontiguousarray(data, storage_dtype(type_)))
        return TensorRef(name)


def _number(value: Any, type_: Type) -> Argument:
    if isinstance(type_, BoolType):
        return bool(value)
    return int(value) if isinstance(type_, Format) else float(value)


def _by_name(names: Mapping[tuple[str, ...], str], tree: Arrays) -> dict[str, Any]:
    return {names[path]: value for path, value in flatten(tree)}


def kind_of(module: Any, suffix: str) -> str:
    """`refractory_leaky` for an object of class RefractoryLeakySoma, suffix 'Soma'."""
    name = type(module).__name__.removesuffix(suffix) or type(module).__name__
    return identifier(re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower().strip("_"))


def identifier(name: str) -> str:
    """A name of the IR: letters, digits and underscores, no digit first."""
    clean = re.sub(r"[^A-Za-z0-9_]", "_", name) or "_"
    return f"_{clean}" if clean[0].isdigit() else clean


def free_name(name: str, taken: Any) -> str:
    """The name itself, or with `_2`, `_3`, … where it is taken."""
    wish, number = name, 1
    while wish in taken:
        number += 1
        wish = f"{name}_{number}"
    return wish
