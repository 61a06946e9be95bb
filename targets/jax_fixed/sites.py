"""One step of a dynamics program at one site as a Python function over [batch, units]."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from compiler import counter_hash
from compiler.formats import BoolType, Format, Type
from compiler.ir.exact import Range, range_of_type
from compiler.ir.program import Op, Operand, Program, Site, TensorRef
from targets.jax_fixed.expressions import converted, lower
from targets.jax_fixed.names import LOCAL, Names
from targets.jax_fixed.program_text import ProgramText
from targets.jax_fixed.values import Value, literal, named
from targets.jax_fixed.writer import bare


@dataclass(frozen=True)
class SiteText:
    """A site whose step function was written. states and emits: values by name, as the function returns them.

    noise: text of the hash of seed and site that its random bits begin with, "" where it rounds none at random.
    """

    name: str
    units: int
    function: str
    program: Program
    states: dict[str, Value]
    emits: dict[str, Value]
    noise: str = ""

    @property
    def first(self) -> Value:
        """The value of its first port."""
        return self.emits[self.program.emits[0].port]


def loaded(key: str, type_: Type) -> str:
    """Text that reads a state of this type from its array."""
    if isinstance(type_, BoolType):
        return f"{key} != 0"
    return key if not state_value("", type_).is_pair else f"pair_unsigned({key})"


def state_value(text: str, type_: Type) -> Value:
    """A state, of which only the format is known."""
    return Value(text, range_of_type(type_), truth=isinstance(type_, BoolType))


def stored(value: Value, units: int) -> str:
    """Text of a value as it is kept in arrays: uint8 for truth values, else int32."""
    text = f"narrow({value.text})" if value.is_pair else value.text
    text = text if value.batched else f"spread({text}, batch, {units})"
    return f"{text}.astype(jnp.uint8)" if value.truth else text


def write_site(out: ProgramText, name: str, site: Site, units: int, ranges: Mapping[str, Range]) -> SiteText:
    """Write constants and the step function of a site. ranges: of what arrives at its inputs."""
    program = out.network.programs[site.program]
    values = _parameters(out, name, site, program) | _tables(out, program)
    scope = out.names.inner(without=LOCAL)
    scope.fresh("noise")
    function = out.names.fresh(f"{name}_step")
    for item in program.inputs:
        truth = isinstance(item.type, BoolType)
        values[item.name] = Value(scope.fresh(item.name), ranges[item.name], truth)
    for item in program.states:
        values[item.name] = state_value(scope.fresh(item.name), item.type)
    noise = _noise(out.network.seed, name) if any(map(_at_random, program.ops)) else ""
    arguments = [values[item.name].text for item in (*program.inputs, *program.states)] + ["noise"] * bool(noise)
    with out.code.function(f"{function}({', '.join(arguments)})", _documentation(out, name, program, units, values)):
        states, emits = _write_body(out, name, program, scope, values)
    return SiteText(name, units, function, program, states, emits, noise)


def _at_random(op: Op) -> bool:
    return isinstance(op.type, Format) and op.type.rounding == "stochastic"


def _noise(seed: int, site: str) -> str:
    """The counter hash of seed and site (`compiler.counter_hash`): what does not change in a run."""
    begun = counter_hash.mix(np.array([(seed & 0xFFFFFFFF) ^ zlib.crc32(site.encode())], np.uint32))
    return hex(int(begun[0]))


def _parameters(out: ProgramText, name: str, site: Site, program: Program) -> dict[str, Value]:
    return {
        item.name: out.argument(
            site.arguments[item.name], item.type, f"{name}_{item.name}", f"{item.name}: {item.type}"
        )
        for item in program.params
    }


def _tables(out: ProgramText, program: Program) -> dict[str, Value]:
    """Tables of the program's lookups, under their text in the IR."""
    used = {str(item): item for op in program.ops for item in op.operands if isinstance(item, TensorRef)}
    return {text: out.table(reference) for text, reference in used.items()}


def _documentation(
    out: ProgramText, name: str, program: Program, units: int, values: Mapping[str, Value]
) -> list[str]:
    lines = [f"One step of {name}: {units} units of program @{program.name}.", ""]
    for kind, items in (("arrives at", program.inputs), ("state", program.states)):
        for item in items:
            range_ = out.shown_range(name, item.name, values[item.name].range)
            lines.append(f"{kind} {item.name}: {item.type}, {range_}")
    returned = [*(f"new {item.name}" for item in program.states), *(f"emitted {item.port}" for item in program.emits)]
    return [*lines, f"Returns: {', '.join(returned)}."]


def _write_body(out: ProgramText, name: str, program: Program, scope: Names, values: dict[str, Value]):
    for op in program.ops:
        value = lower(op.opcode, [_operand(item, values) for item in op.operands], op.type)
        local = scope.fresh(op.result)
        note = "" if value.truth else f", {out.shown_range(name, op.result, value.range)}"
        out.code.line(f"{local} = {bare(value.text)}", f"{_ir_text(op)}{note}")
        values[op.result] = named(value, local)
    types = program.types()
    states = {key: converted(_operand(item, values), types[key]) for key, item in program.updates}
    emits = {item.port: _operand(item.value, values) for item in program.emits}
    returned = [bare(item.text) for item in (*states.values(), *emits.values())]
    out.code.line(f"return {', '.join(returned)}" + ("," if len(returned) == 1 else ""))
    return states, emits


def _operand(operand: Operand, values: Mapping[str, Value]) -> Value:
    if isinstance(operand, TensorRef | str):
        return values[str(operand)]
    return literal(operand)


def _ir_text(op: Op) -> str:
    return f"{op.opcode} {', '.join(str(item) for item in op.operands)} : {op.type}"


def emitted_range(value: Value, type_: Type) -> Range:
    """What a port emits: what the program's ranges say, on the grid of its type."""
    return Range(0, 1) if value.truth or not isinstance(type_, Format) else value.range
