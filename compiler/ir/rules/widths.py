"""Rules of widths and values inside programs: what is kept fits 32 bits, what is exact fits 62."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from compiler.diagnostics import Diagnostic, declare
from compiler.formats import BoolType, Format, Type
from compiler.ir.exact import EXACT_BITS, Range, exact_bits, exact_range, range_of_number, range_of_type
from compiler.ir.network import Network
from compiler.ir.program import Op, Operand, Program, TensorRef
from compiler.ir.rules.base import INTEGER_LEVELS, NUMBERS, ProgramEntry, program_place, rule
from compiler.ir.rules.operations import op_place

E232 = declare("E232", "a value is too wide to be kept in 32 bits")
E233 = declare("E233", "an exact result is too wide")
E234 = declare("E234", "a number is not finite")
E235 = declare("E235", "a number is not a value of its type")
E281 = declare("E281", "two roundings share one stream of random bits")

KEPT_BITS = 32


def fits_int32(type_: Type) -> bool:
    """Whether every raw value is an int32: up to s32 or u31."""
    return not isinstance(type_, Format) or type_.width + (not type_.signed) <= KEPT_BITS


def is_value_of(value: object, type_: Type) -> bool:
    """Whether a literal is exactly a value of a type (any finite number is, of a float type)."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(type_, BoolType) or isinstance(value, bool):
        return isinstance(type_, BoolType) and isinstance(value, bool)
    if not isinstance(value, int | float) or not math.isfinite(value):
        return False
    if not isinstance(type_, Format):
        return True
    raw = Fraction(value) * Fraction(2) ** type_.fraction
    return raw.denominator == 1 and type_.low <= raw <= type_.high


@rule("program", stage=NUMBERS, levels=INTEGER_LEVELS)
def values_fit_32_bits(network: Network, entry: ProgramEntry) -> Iterator[Diagnostic]:
    for name, type_ in entry.program.types().items():
        if not fits_int32(type_):
            yield Diagnostic(E232, f"{name} does not fit an int32", program_place(entry.program, name), str(type_),
                             "at most s32 or u31", "round to fewer bits in the operation that gives it")


@rule("program", stage=NUMBERS, levels=INTEGER_LEVELS)
def exact_results_fit_62_bits(network: Network, entry: ProgramEntry) -> Iterator[Diagnostic]:
    """Before it is rounded, on the finer of its own grid and the result's; and no more than 62 bits are dropped."""
    program = entry.program
    for op in program.ops:
        if any(isinstance(item, float) and not math.isfinite(item) for item in op.operands):
            continue
        bits = _bits_of(program, op, network)
        if bits > EXACT_BITS:
            yield Diagnostic(E233, f"the exact {op.opcode} does not fit {EXACT_BITS} bits", op_place(program, op),
                             f"{bits} bits", f"at most {EXACT_BITS}", "narrow the operands first")


def _bits_of(program: Program, op: Op, network: Network) -> int:
    types = program.types()
    if op.opcode in ("and", "or", "xor", "not") or isinstance(op.type, BoolType) and op.opcode == "select":
        return 1
    exact = exact_range(op.opcode, [_range_of(item, types, network) for item in op.operands])
    if not isinstance(op.type, Format):
        return exact.width
    return max(exact_bits(exact, op.type.fraction), exact.fraction - op.type.fraction)


def _range_of(operand: Operand, types: dict[str, Type], network: Network) -> Range:
    if isinstance(operand, str):
        return range_of_type(types[operand])
    if isinstance(operand, TensorRef):
        return range_of_type(network.tensor(operand).type)
    return range_of_number(operand)


@rule("program", stage=NUMBERS)
def literals_are_numbers(network: Network, entry: ProgramEntry) -> Iterator[Diagnostic]:
    """No nan anywhere; an infinite bound may stand at model level only."""
    for op in entry.program.ops:
        for value in op.operands:
            if isinstance(value, float) and (math.isnan(value) or math.isinf(value) and network.level != "model"):
                yield Diagnostic(E234, f"an operand of {op.opcode} is not finite", op_place(entry.program, op),
                                 str(value), "a finite number")


@rule("program", stage=NUMBERS)
def starts_and_updates_are_values_of_their_state(network: Network, entry: ProgramEntry) -> Iterator[Diagnostic]:
    program = entry.program
    literals = [(item.name, item.initial) for item in program.states]
    literals += [(name, value) for name, value in program.updates if not isinstance(value, str)]
    for name, value in literals:
        if not is_value_of(value, program.state(name).type):
            yield Diagnostic(E235, f"{name} cannot have this value", program_place(program, name), str(value),
                             f"a value of {program.state(name).type}", "round it to the format first")


@rule("program", stage=NUMBERS, levels=INTEGER_LEVELS)
def only_operations_round_at_random(network: Network, entry: ProgramEntry) -> Iterator[Diagnostic]:
    program = entry.program
    for item in (*program.inputs, *program.states, *program.params):
        if isinstance(item.type, Format) and item.type.site >= 0:
            yield Diagnostic(E281, f"{item.name} rounds at random", program_place(program, item.name), str(item.type),
                             "a rounding site at an operation", "let a `convert` round, and hold what it gives")


@rule("program", stage=NUMBERS, levels=INTEGER_LEVELS)
def random_roundings_have_sites_of_their_own(network: Network, entry: ProgramEntry) -> Iterator[Diagnostic]:
    sites = [(op.type.site, op) for op in entry.program.ops if isinstance(op.type, Format) and op.type.site >= 0]
    for site, count in Counter(site for site, _ in sites).items():
        if count > 1:
            last = [op for number, op in sites if number == site][-1]
            yield Diagnostic(E281, f"rounding site {site} stands {count} times", op_place(entry.program, last),
                             f"stochastic{site} in {count} operations", "one operation for each site",
                             "number it anew")
