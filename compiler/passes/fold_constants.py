"""Evaluates once what does not change from step to step (binding times, semantics 10).

Rewrite: an op on literals -> the literal; an op on parameters and literals -> a derived parameter, evaluated
in float64 for each site, one value per unit where a parameter has one. Parameters that only such ops used
disappear. Programs stay shared: sites differ in their arguments.
  before  %div_1 = div %neg_1, tau   %decay = exp %div_1   %a = mul %decay, v      = @p(dt=1.0, tau=20.0)
  after   %a = mul decay, v                                                        = @p(decay=0.951229424500714)

Levels: model. Preserves: every value, bit for bit as the float interpreter computes it. Errors: E121 where a
constant is not finite. A derived parameter keeps the name the user gave it, else it is named for what it does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from compiler.diagnostics import Diagnostic, DiagnosticError, declare
from compiler.float_arithmetic import evaluate
from compiler.formats import BoolType, Format, Type, storage_dtype
from compiler.ir.network import Network, Tensor
from compiler.ir.ops import COMPARISONS, OPS
from compiler.ir.program import Argument, Declaration, Op, Operand, Program, Site, TensorRef
from compiler.ir.rewrite import (
    fresh_name,
    map_sites,
    prune_arguments,
    resolve,
    sites_of,
    substituted,
    without_unused,
)
from compiler.options import Options
from compiler.site_runner import SiteRunner

LEVELS = ("model",)

E121 = declare("E121", "a constant of a program is not a finite number")


def run(network: Network, options: Options) -> Network:
    """The network with constants folded and derived parameters evaluated."""
    folded = network.copy()
    for name in network.programs:
        _fold(folded, name)
    prune_arguments(folded)
    return folded


def _fold(network: Network, name: str) -> None:
    program, per_unit, literals = _split(network.programs[name])
    derived = _frontier(program, per_unit)
    names = _names(program, per_unit, derived)
    ops = [replace(op, operands=tuple(resolve(item, names) for item in op.operands)) for op in program.ops]
    params = tuple(Declaration(names[item], _param_type(per_unit[item].type)) for item in derived)
    complete = replace(substituted(program, ops, literals | names), params=(*program.params, *params))
    values = {site: _evaluate(network, item, units, program, per_unit, derived)
              for site, item, units in sites_of(network, name)}
    network.programs[name] = without_unused(complete)

    def extended(site: str, item: Site, _: int) -> Site:
        if site not in values:
            return item
        given = {names[key]: _argument(network, f"{site}.{names[key]}", value, per_unit[key].type)
                 for key, value in values[site].items()}
        return replace(item, arguments=item.arguments | given)

    map_sites(network, extended)


def _split(program: Program) -> tuple[Program, dict[str, Op], dict[str, Operand]]:
    """The program without constant and per-unit ops; per-unit ops by result; values of constant ops."""
    literals: dict[str, Operand] = {}
    per_unit: dict[str, Op] = {}
    per_step: list[Op] = []
    params = {item.name for item in program.params}
    for op in program.ops:
        op = replace(op, operands=tuple(resolve(item, literals) for item in op.operands))
        if any(isinstance(item, TensorRef) for item in op.operands):
            per_step.append(op)
        elif not op.names:
            literals[op.result] = _literal(op)
        elif all(item in params or item in per_unit for item in op.names):
            per_unit[op.result] = op
        else:
            per_step.append(op)
    return substituted(program, per_step, literals), per_unit, literals


def _literal(op: Op) -> Operand:
    value = evaluate(op.opcode, [np.asarray(item) for item in op.operands], op.type)
    if not np.isfinite(value):
        raise DiagnosticError(_not_finite(op, "", float(value)))
    return _plain(value, op.type)


def _plain(value: np.ndarray, type_: Type) -> float | int | bool:
    if isinstance(type_, BoolType):
        return bool(value)
    return int(value) if isinstance(type_, Format) else float(value)


def _frontier(program: Program, per_unit: Mapping[str, Op]) -> list[str]:
    """Per-unit results that something of every step uses, in order."""
    used = {item for item in program.uses() if isinstance(item, str)}
    return [name for name in per_unit if name in used]


def _evaluate(network: Network, site: Site, units: int, program: Program, per_unit: Mapping[str, Op],
              derived: list[str]) -> dict[str, np.ndarray]:
    values = dict(SiteRunner(network, replace(site, initial={}), units).arguments)
    found: list[Diagnostic] = []
    for name, op in per_unit.items():
        operands = [values[item] if isinstance(item, str) else np.asarray(item) for item in op.operands]
        values[name] = evaluate(op.opcode, operands, op.type)
    for name in derived:
        if not np.isfinite(values[name]).all():
            wrong = values[name][~np.isfinite(values[name])]
            found.append(_not_finite(per_unit[name], name, float(wrong.flat[0])))
    if found:
        raise DiagnosticError(found)
    return {name: values[name] for name in derived}


def _not_finite(op: Op, name: str, value: float) -> Diagnostic:
    what = f"`{name}` ({op.opcode})" if name else f"a {op.opcode} of constants"
    return Diagnostic(E121, f"{what} is not finite", op.place, found=str(value), expected="a finite number",
                      hint="look at the parameters it is computed from: a time constant of 0, an exponent too large?")


def _param_type(type_: Type) -> Type:
    """Rounding and overflow say nothing about a constant."""
    return Format(type_.signed, type_.width, type_.fraction) if isinstance(type_, Format) else type_


def _argument(network: Network, name: str, value: np.ndarray, type_: Type) -> Argument:
    if (value == value.flat[0]).all():
        return _plain(value.flat[0], type_)
    data = np.ascontiguousarray(value.reshape(-1), storage_dtype(_param_type(type_)))
    network.tensors[name] = Tensor(_param_type(type_), data)
    return TensorRef(name)


# -- names ----------------------------------------------------------------------------------------------------------


def _names(program: Program, per_unit: Mapping[str, Op], derived: list[str]) -> dict[str, str]:
    """Names of derived parameters: the user's, else `decay`, `gain`, `limit`, `offset` by what they do."""
    taken = set(program.types()) | set(per_unit)
    names: dict[str, str] = {}
    for name in derived:
        if not _is_numbered(name):
            names[name] = name
            continue
        names[name] = fresh_name(_role(program, per_unit, name), taken)
        taken.add(names[name])
    return names


def _is_numbered(name: str) -> bool:
    match = re.fullmatch(r"([a-z0-9]+)_\d+", name)
    return match is not None and match[1] in OPS


def _role(program: Program, per_unit: Mapping[str, Op], name: str) -> str:
    users = {op.opcode for op in program.ops if name in op.operands}
    if users & COMPARISONS or users <= {"min", "max"} and users:
        return "limit"
    if users <= {"mul", "div"} and users:
        return "decay" if _decays(per_unit, name) else "gain"
    return "offset" if users & {"add", "sub"} else "constant"


def _decays(per_unit: Mapping[str, Op], name: str) -> bool:
    """exp of something negated."""
    op = per_unit[name]
    if op.opcode != "exp":
        return False
    inner = [per_unit[item] for item in op.names if item in per_unit]
    return any(part.opcode == "neg" or any(per_unit[item].opcode == "neg" for item in part.names if item in per_unit)
               for part in inner)
