"""Traces a component's step into a dynamics program.

The step is traced three times in float64: for one unit with scalars, which gives the program, and for
populations of 3 and of 5 units, which must give the same program elementwise (semantics 9).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp

from compiler.diagnostics import DiagnosticError, Place, fail
from compiler.formats import Type
from compiler.frontends.jaxprs import E112, E113, Reader, jaxpr_of
from compiler.frontends.leaves import E114, Leaf, Path, flatten, leaves_of, nested
from compiler.frontends.primitives import UnsupportedPrimitive, Writer, type_of_dtype
from compiler.ir.program import Declaration, Emit, Op, Operand, Program, State
from spark.core.precision import precision

Step = Callable[..., tuple[Mapping[str, Any], Mapping[str, Any]]]


def trace(
    step: Step, state: Mapping[str, Any], inputs: Mapping[str, Any], params: Mapping[str, Any], name: str = "step"
) -> Program:
    """The dynamics program of a pure `step(state, inputs, params) -> (state, outputs)`.

    state, inputs, params: (nested) dicts of arrays; only their number kind counts, and whether a parameter is
    scalar or per unit. Parameters that are not used are left out. Floats are float64; integers (`s32.0/wrap`)
    and truth values stay what they are. Names are those of `declared_names`, op results are named after the
    variables they are assigned to. An input called like an output becomes `…_in`, an output called like a state
    `…_out`. Raises DiagnosticError naming the user's line.
    """
    leaves = leaves_of(state, inputs, params)
    try:
        vector3, vector5, scalar = (_trace_units(step, leaves, units, name) for units in (3, 5, None))
    except UnsupportedPrimitive as error:
        raise fail(E113, f"the step of `{name}` has {error} among its states or outputs", name,
                   expected="real numbers, integers or truth values") from error
    _require_same(vector3, vector5, "3 units", "5 units", name)
    _require_same(scalar, vector3, "one unit", "3 units", name)
    return _program(name, leaves, scalar)


@dataclasses.dataclass
class _Traced:
    """What one trace gave: ops, and the operands that become the new states and the outputs, by path."""

    writer: Writer
    state: dict[Path, Operand]
    outputs: dict[Path, Operand]
    types: dict[Path, Type]

    def results(self) -> list[Operand]:
        return [*self.state.values(), *self.outputs.values()]


def _trace_units(step: Step, leaves: list[Leaf], units: int | None, name: str) -> _Traced:
    returned: dict[str, list[Path]] = {}

    def flat(*values: Any) -> list[Any]:
        new_state, outputs = step(*(nested(leaves, values, role) for role in ("state", "input", "param")))
        pairs = {"state": list(flatten(new_state)), "output": list(flatten(outputs))}
        returned.update({role: [path for path, _ in found] for role, found in pairs.items()})
        return [jnp.asarray(value) for found in pairs.values() for _, value in found]

    with precision("float64"):
        closed = jaxpr_of(flat, [leaf.abstract(units) for leaf in leaves], name)
    writer = Writer({leaf.name: type_of_dtype(leaf.dtype) for leaf in leaves})
    results, dtypes = Reader(writer, units, name).read(closed, [leaf.name for leaf in leaves])
    paths = returned["state"] + returned["output"]
    types = {path: type_of_dtype(dtype) for path, dtype in zip(paths, dtypes, strict=True)}
    cut = len(returned["state"])
    new_state = dict(zip(paths[:cut], results[:cut], strict=True))
    outputs = {path: _named_number(writer, value, types[path])
               for path, value in zip(paths[cut:], results[cut:], strict=True)}
    return _Traced(writer, new_state, outputs, types)


def _named_number(writer: Writer, value: Operand, type_: Type) -> Operand:
    """A port emits a name or a truth value, not a number without a type."""
    return value if isinstance(value, str | bool) else writer.write("convert", [value], type_, Place())


def _require_same(left: _Traced, right: _Traced, left_name: str, right_name: str, name: str) -> None:
    hint = "the number of units must not matter: use a parameter or a projection"
    message = f"the step of `{name}` computes something else for {left_name} than for {right_name}"
    for one, other in zip(left.writer.ops, right.writer.ops, strict=False):
        if one != other:
            raise fail(E112, message, one.place, found=_shown(one), expected=_shown(other), hint=hint)
    if (left.state, left.outputs) != (right.state, right.outputs) or len(left.writer.ops) != len(right.writer.ops):
        raise fail(E112, message, name, hint=hint)


def _shown(op: Op) -> str:
    return f"{op.opcode} {', '.join(map(str, op.operands))}"


def _program(name: str, leaves: list[Leaf], traced: _Traced) -> Program:
    _require_states(name, leaves, traced)
    types = traced.writer.types
    ports = ["_".join(path) for path in traced.outputs]
    states = {leaf.name for leaf in leaves if leaf.role == "state"}
    fresh = traced.writer.names()
    fresh |= {leaf.name: f"{leaf.name}_in" for leaf in leaves if leaf.role == "input" and leaf.name in ports}

    def named(operand: Operand) -> Operand:
        return fresh.get(operand, operand) if isinstance(operand, str) else operand

    by_role = {role: [leaf for leaf in leaves if leaf.role == role] for role in ("state", "input", "param")}
    used = {item for op in traced.writer.ops for item in op.names} | set(map(str, traced.results()))
    return Program(
        name,
        inputs=tuple(Declaration(fresh.get(leaf.name, leaf.name), types[leaf.name]) for leaf in by_role["input"]),
        states=tuple(State(leaf.name, types[leaf.name], leaf.zero()) for leaf in by_role["state"]),
        params=tuple(Declaration(leaf.name, types[leaf.name]) for leaf in by_role["param"]
                     if leaf.name in used),
        ops=tuple(dataclasses.replace(op, result=fresh[op.result], operands=tuple(map(named, op.operands)))
                  for op in traced.writer.ops),
        updates=tuple((leaf.name, named(traced.state[leaf.path])) for leaf in by_role["state"]),
        emits=tuple(Emit(f"{port}_out" if port in states else port, named(value))
                    for port, value in zip(ports, traced.outputs.values(), strict=True)),
    )


def _require_states(name: str, leaves: list[Leaf], traced: _Traced) -> None:
    given = {leaf.path: leaf for leaf in leaves if leaf.role == "state"}
    faults = []
    for path in sorted(given.keys() | traced.state.keys()):
        before = str(type_of_dtype(given[path].dtype)) if path in given else "no such state"
        after = str(traced.types[path]) if path in traced.state else "not returned"
        if before != after:
            message = f"state `{'_'.join(path)}` of `{name}` goes in and comes out differently"
            hint = "return every state, in its own number type"
            faults += fail(E114, message, name, found=after, expected=before, hint=hint).diagnostics
    if faults:
        raise DiagnosticError(faults)
