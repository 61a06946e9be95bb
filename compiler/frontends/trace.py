"""Traces a component's step into a dynamics program. The only file that touches jaxprs.

The step is traced three times in float64: for one unit with scalars, which gives the program, and for
populations of 3 and of 5 units, which must give the same program elementwise (semantics 9). Calls (`jit`,
custom derivatives) are inlined; `primitives` says what each primitive becomes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from compiler.diagnostics import DiagnosticError, Place, declare, fail
from compiler.formats import Type
from compiler.frontends import places
from compiler.frontends.primitives import (
    RULES,
    UnsupportedPrimitive,
    Writer,
    sees_other_units,
    spoken_rules,
    type_of_dtype,
)
from compiler.ir.program import Declaration, Emit, Op, Operand, Program, State
from spark.core.precision import precision

E111 = declare("E111", "a step uses an operation that no dynamics program has")
E112 = declare("E112", "a step lets units see each other")
E113 = declare("E113", "a step cannot be traced")
E114 = declare("E114", "a step does not return the states it was given")

Path = tuple[str, ...]
Step = Callable[..., tuple[Mapping[str, Any], Mapping[str, Any]]]
_BRANCHING = (jax.errors.TracerBoolConversionError, jax.errors.TracerIntegerConversionError)
_CALLS = ("jaxpr", "call_jaxpr", "fun_jaxpr")
_CONTROL = ("cond", "while", "scan")


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
    leaves = _leaves(state, inputs, params)
    try:
        vector3, vector5, scalar = (_trace_units(step, leaves, units, name) for units in (3, 5, None))
    except UnsupportedPrimitive as error:
        raise fail(E113, f"the step of `{name}` has {error} among its states or outputs", name,
                   expected="real numbers, integers or truth values") from error
    _require_same(vector3, vector5, "3 units", "5 units", name)
    _require_same(scalar, vector3, "one unit", "3 units", name)
    return _program(name, leaves, scalar)


def declared_names(
    state: Mapping[str, Any], inputs: Mapping[str, Any], params: Mapping[str, Any]
) -> dict[str, dict[Path, str]]:
    """Program name of every leaf, by role (`state`, `input`, `param`) and path.

    Nested keys are joined by `_`. A parameter called like a state or an input gets `_0` appended.
    """
    names: dict[str, dict[Path, str]] = {"state": {}, "input": {}, "param": {}}
    taken: set[str] = set()
    for role, tree in (("state", state), ("input", inputs), ("param", params)):
        for path, _ in flatten(tree):
            name = "_".join(path)
            while role == "param" and name in taken:
                name += "_0"
            if name in taken:
                raise fail(E114, f"an input and a state are both called `{name}`", name, hint="rename one of them")
            taken.add(name)
            names[role][path] = name
    return names


def flatten(tree: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Leaves of nested dicts with their paths, in order."""
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from flatten(value, (*path, str(key)))
        else:
            yield (*path, str(key)), value


@dataclasses.dataclass(frozen=True)
class _Leaf:
    role: str
    path: Path
    name: str
    dtype: Any
    per_unit: bool

    def abstract(self, units: int | None) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((units,) if units and self.per_unit else (), self.dtype)


def _leaves(state: Mapping[str, Any], inputs: Mapping[str, Any], params: Mapping[str, Any]) -> list[_Leaf]:
    names = declared_names(state, inputs, params)
    return [
        _Leaf(role, path, names[role][path], _traced_dtype(value), role != "param" or np.ndim(value) > 0)
        for role, tree in (("state", state), ("input", inputs), ("param", params))
        for path, value in flatten(tree)
    ]


def _traced_dtype(value: Any) -> Any:
    dtype = np.asarray(value).dtype if isinstance(value, bool | int | float) else value.dtype
    if jnp.issubdtype(dtype, jnp.floating):
        return np.dtype(np.float64)
    return np.dtype(np.int32) if jnp.issubdtype(dtype, jnp.integer) and dtype.itemsize == 8 else np.dtype(dtype)


@dataclasses.dataclass
class _Traced:
    """What one trace gave: ops, and the operands that become the new states and the outputs, by path."""

    writer: Writer
    state: dict[Path, Operand]
    outputs: dict[Path, Operand]
    types: dict[Path, Type]

    def results(self) -> list[Operand]:
        return [*self.state.values(), *self.outputs.values()]


def _trace_units(step: Step, leaves: list[_Leaf], units: int | None, name: str) -> _Traced:
    returned: dict[str, list[Path]] = {}

    def flat(*values: Any) -> list[Any]:
        new_state, outputs = step(*(_nested(leaves, values, role) for role in ("state", "input", "param")))
        pairs = {"state": list(flatten(new_state)), "output": list(flatten(outputs))}
        returned.update({role: [path for path, _ in found] for role, found in pairs.items()})
        return [jnp.asarray(value) for found in pairs.values() for _, value in found]

    with precision("float64"):
        closed = _jaxpr(flat, [leaf.abstract(units) for leaf in leaves], name)
    writer = Writer({leaf.name: type_of_dtype(leaf.dtype) for leaf in leaves})
    reader = _Reader(writer, units, name)
    results = reader.inline(closed.jaxpr, closed.consts, [leaf.name for leaf in leaves], Place(path=name))
    paths = returned["state"] + returned["output"]
    avals = [var.aval for var in closed.jaxpr.outvars]
    types = {path: type_of_dtype(aval.dtype) for path, aval in zip(paths, avals, strict=True)}
    cut = len(returned["state"])
    new_state = dict(zip(paths[:cut], results[:cut], strict=True))
    outputs = {path: _named_number(writer, value, types[path])
               for path, value in zip(paths[cut:], results[cut:], strict=True)}
    return _Traced(writer, new_state, outputs, types)


def _named_number(writer: Writer, value: Operand, type_: Type) -> Operand:
    """A port emits a name or a truth value, not a number without a type."""
    return value if isinstance(value, str | bool) else writer.write("convert", [value], type_, Place())


def _nested(leaves: list[_Leaf], values: tuple[Any, ...], role: str) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for leaf, value in zip(leaves, values, strict=True):
        if leaf.role == role:
            branch = tree
            for key in leaf.path[:-1]:
                branch = branch.setdefault(key, {})
            branch[leaf.path[-1]] = value
    return tree


def _jaxpr(flat: Callable[..., Any], arguments: list[jax.ShapeDtypeStruct], name: str) -> Any:
    try:
        return jax.make_jaxpr(flat)(*arguments)
    except Exception as error:
        where = places.place_of_error(error, name)
        if isinstance(error, _BRANCHING) or "truth value of an array" in str(error):
            raise fail(E113, f"the step of `{name}` branches in Python on a value that only exists at run time", where,
                       hint="use jnp.where(condition, a, b)") from error
        first = (str(error).splitlines() or [""])[0]
        raise fail(E113, f"the step of `{name}` cannot be traced", where, found=f"{type(error).__name__}: {first}",
                   hint="a step is a pure function of state, inputs and params, elementwise over units") from error


class _Reader:
    """Walks jaxprs, inlining calls, and writes ops."""

    def __init__(self, writer: Writer, units: int | None, name: str):
        self.writer, self.name = writer, name
        self.shapes = {(), (units,)} if units else {()}

    def inline(self, jaxpr: Any, consts: Any, arguments: list[Operand], caller: Place) -> list[Operand]:
        """Operands of a jaxpr's results. Equations nobody needs are skipped."""
        known: dict[Any, Operand] = dict(zip(jaxpr.invars, arguments, strict=True))
        outside = dict(zip(jaxpr.constvars, consts, strict=True))

        def read(atom: Any, where: Place) -> Operand:
            if hasattr(atom, "val"):
                return self._constant(atom.val, where)
            return known[atom] if atom in known else self._constant(outside[atom], where)

        for equation in _needed(jaxpr):
            where, assigned = self._where(equation, caller)
            results = self._equation(equation, [read(atom, where) for atom in equation.invars], where)
            if assigned and len(results) == 1:
                self.writer.hint(results[0], assigned, where)
            known.update(zip(equation.outvars, results, strict=True))
        return [read(atom, caller) for atom in jaxpr.outvars]

    def _constant(self, value: Any, where: Place) -> Operand:
        array = np.asarray(value)
        if array.ndim:
            raise fail(E112, f"the step of `{self.name}` uses an array of shape {array.shape} from outside", where,
                       hint="make it a parameter: params reach the step one value per unit")
        return array.item()

    def _equation(self, equation: Any, operands: list[Operand], where: Place) -> list[Operand]:
        inner = next((equation.params[key] for key in _CALLS if key in equation.params), None)
        if inner is None or equation.primitive.name in _CONTROL:
            return [self._write(equation, operands, where)]
        return self.inline(getattr(inner, "jaxpr", inner), getattr(inner, "consts", ()), operands, where)

    def _write(self, equation: Any, operands: list[Operand], where: Place) -> Operand:
        primitive, aval = equation.primitive.name, equation.outvars[0].aval
        if sees_other_units(primitive) or aval.shape not in self.shapes:
            raise fail(E112, f"units must not see each other: `{primitive}` in the step of `{self.name}`", where,
                       found=f"{primitive}: {_shapes(equation.invars)} -> {aval.str_short()}",
                       expected="elementwise operations", hint="use a projection")
        if primitive not in RULES:
            raise fail(E111, f"the step of `{self.name}` uses `{primitive}`, which no dynamics program has", where,
                       found=primitive, expected=f"one of {spoken_rules()}",
                       hint="write it with these operations")
        try:
            return RULES[primitive](self.writer, operands, type_of_dtype(aval.dtype), equation.params, where)
        except UnsupportedPrimitive as error:
            raise fail(E111, f"the step of `{self.name}` uses `{primitive}` in a way no dynamics program has", where,
                       found=str(error), hint=error.hint) from error

    def _where(self, equation: Any, caller: Place) -> tuple[Place, str]:
        """The user's line, and the variable there that takes the result."""
        traceback = equation.source_info.traceback
        found = places.user_frame(zip(*traceback.raw_frames(), strict=True)) if traceback else None
        if found is None:
            return caller, ""
        return places.place(*found), places.assigned_name(*found)


def _shapes(atoms: Any) -> str:
    return ", ".join(atom.aval.str_short() for atom in atoms)


def _needed(jaxpr: Any) -> list[Any]:
    """Equations that a result depends on, in order."""
    alive, kept = {atom for atom in jaxpr.outvars if not hasattr(atom, "val")}, []
    for equation in reversed(jaxpr.eqns):
        if alive.intersection(equation.outvars):
            alive.update(atom for atom in equation.invars if not hasattr(atom, "val"))
            kept.append(equation)
    return kept[::-1]


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


def _program(name: str, leaves: list[_Leaf], traced: _Traced) -> Program:
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
        states=tuple(State(leaf.name, types[leaf.name], _zero(leaf)) for leaf in by_role["state"]),
        params=tuple(Declaration(leaf.name, types[leaf.name]) for leaf in by_role["param"]
                     if leaf.name in used),
        ops=tuple(dataclasses.replace(op, result=fresh[op.result], operands=tuple(map(named, op.operands)))
                  for op in traced.writer.ops),
        updates=tuple((leaf.name, named(traced.state[leaf.path])) for leaf in by_role["state"]),
        emits=tuple(Emit(f"{port}_out" if port in states else port, named(value))
                    for port, value in zip(ports, traced.outputs.values(), strict=True)),
    )


def _zero(leaf: _Leaf) -> float | int | bool:
    return np.zeros((), leaf.dtype).item()


def _require_states(name: str, leaves: list[_Leaf], traced: _Traced) -> None:
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
