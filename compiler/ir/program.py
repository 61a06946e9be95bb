"""Dynamics programs: scalar single-assignment code for one unit, shared by all units of a site.

Inputs, states, parameters and op results live in one namespace. An operand is a name, a literal number
or truth value, or a reference to a tensor (tables).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from compiler.diagnostics import Place
from compiler.formats import BOOL, Type


@dataclass(frozen=True)
class TensorRef:
    """A tensor by name; printed `#name`."""

    name: str

    def __str__(self) -> str:
        return f"#{self.name}"


Operand = str | float | int | bool | TensorRef
Argument = float | int | bool | TensorRef


@dataclass(frozen=True)
class Declaration:
    """An input or parameter of a program."""

    name: str
    type: Type


@dataclass(frozen=True)
class State:
    """A state of a program; `initial` holds where a site gives no other."""

    name: str
    type: Type
    initial: float | int | bool = 0.0


@dataclass(frozen=True)
class Op:
    """`%result = opcode operands : type`. `place` is the user's source line, not part of identity."""

    result: str
    opcode: str
    operands: tuple[Operand, ...]
    type: Type
    place: Place = field(default_factory=Place, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The operands that are names."""
        return tuple(item for item in self.operands if isinstance(item, str))


@dataclass(frozen=True)
class Emit:
    """`emit port = operand`: a value leaving the site; bool is a spike."""

    port: str
    value: Operand


@dataclass(frozen=True)
class Program:
    """One step of one unit.

    updates: for every state, in order, the operand that becomes its value at the end of the step.
    """

    name: str
    inputs: tuple[Declaration, ...]
    states: tuple[State, ...]
    params: tuple[Declaration, ...]
    ops: tuple[Op, ...]
    updates: tuple[tuple[str, Operand], ...]
    emits: tuple[Emit, ...]

    def types(self) -> dict[str, Type]:
        """Type of every name."""
        declared = (*self.inputs, *self.states, *self.params)
        return {item.name: item.type for item in declared} | {op.result: op.type for op in self.ops}

    def state(self, name: str) -> State:
        return next(item for item in self.states if item.name == name)

    def emit(self, port: str = "") -> Emit:
        """The emitted value of a port, the first one by default. Raises KeyError."""
        for item in self.emits:
            if not port or item.port == port:
                return item
        raise KeyError(port)

    def emit_type(self, port: str = "") -> Type:
        """Type of what a port emits; a literal truth value is a bool."""
        value = self.emit(port).value
        if isinstance(value, bool):
            return BOOL
        return self.types()[value] if isinstance(value, str) else self.ops[0].type

    def update_of(self, state: str) -> Operand:
        return dict(self.updates)[state]

    def op(self, result: str) -> Op:
        return next(item for item in self.ops if item.result == result)

    def uses(self) -> Iterator[Operand]:
        """Every operand in the order of use: ops, updates, emits."""
        for op in self.ops:
            yield from op.operands
        for _, value in self.updates:
            yield value
        for item in self.emits:
            yield item.value


@dataclass(frozen=True)
class Site:
    """A program at work: which arguments its parameters have, where its states start.

    arguments: parameter name -> number, or tensor of one value per unit. initial: state name -> the same,
    where it differs from the program's. scale: real value = fixed value * scale, for the names in `scaled`
    (states, inputs and emitted ports of degree 1, semantics 14); None where values are already real.
    """

    program: str
    arguments: dict[str, Argument] = field(default_factory=dict)
    initial: dict[str, Argument] = field(default_factory=dict)
    scale: float | TensorRef | None = None
    scaled: tuple[str, ...] = ()

    def references(self) -> Iterator[str]:
        """Names of the tensors used."""
        for value in (*self.arguments.values(), *self.initial.values(), self.scale):
            if isinstance(value, TensorRef):
                yield value.name
