"""Reads jaxprs into ops. The only file that touches them: they change between releases of JAX.

Calls (`jit`, custom derivatives) are inlined; `primitives` says what each primitive becomes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from compiler.diagnostics import Place, declare, fail
from compiler.frontends import places
from compiler.frontends.primitives import (
    RULES,
    UnsupportedPrimitive,
    Writer,
    sees_other_units,
    spoken_rules,
    type_of_dtype,
)
from compiler.ir.program import Operand

E111 = declare("E111", "a step uses an operation that no dynamics program has")
E112 = declare("E112", "a step lets units see each other")
E113 = declare("E113", "a step cannot be traced")

_BRANCHING = (jax.errors.TracerBoolConversionError, jax.errors.TracerIntegerConversionError)
_CALLS = ("jaxpr", "call_jaxpr", "fun_jaxpr")
_CONTROL = ("cond", "while", "scan")


def jaxpr_of(flat: Callable[..., Any], arguments: list[jax.ShapeDtypeStruct], name: str) -> Any:
    """The closed jaxpr of a function of flat arguments. Errors: E113 with the user's line."""
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


class Reader:
    """Walks jaxprs, inlining calls, and writes ops."""

    def __init__(self, writer: Writer, units: int | None, name: str):
        self.writer, self.name = writer, name
        self.shapes = {(), (units,)} if units else {()}

    def read(self, closed: Any, names: list[str]) -> tuple[list[Operand], list[Any]]:
        """Operands of the results of a closed jaxpr whose arguments have these names, and their dtypes."""
        results = self.inline(closed.jaxpr, closed.consts, list(names), Place(path=self.name))
        return results, [var.aval.dtype for var in closed.jaxpr.outvars]

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
