"""Rules of operations: they exist at the level, take operands of the right number and kind, give the right kind."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostics import Diagnostic, Place, declare
from compiler.formats import BoolType, FloatType, Format, Type
from compiler.ir.network import Network
from compiler.ir.ops import OPS, OpSpec
from compiler.ir.program import Op, Operand, Program, TensorRef
from compiler.ir.rules.base import INTEGER_LEVELS, TYPES, ProgramEntry, listed, program_place, rule

E220 = declare("E220", "no such operation")
E221 = declare("E221", "an operation has too many or too few operands")
E222 = declare("E222", "an operand is of the wrong kind")
E223 = declare("E223", "an operation's result is of the wrong kind")
E224 = declare("E224", "integers cannot execute an operation")
E230 = declare("E230", "a type does not belong to the level")
E231 = declare("E231", "a state's update has another type than the state")


def op_place(program: Program, op: Op) -> Place:
    """The user's line where it is known."""
    return op.place if op.place.file else program_place(program, f"%{op.result}")


def known_ops(program: Program) -> Iterator[tuple[Op, OpSpec]]:
    """The operations that exist and have as many operands as they take."""
    for op in program.ops:
        if op.opcode in OPS and len(op.operands) == OPS[op.opcode].arity:
            yield op, OPS[op.opcode]


def kind_of(operand: Operand, types: dict[str, Type], network: Network) -> str:
    """`bool`, `number` or `table`."""
    if isinstance(operand, TensorRef):
        return "table"
    type_ = types[operand] if isinstance(operand, str) else operand
    return "bool" if isinstance(type_, BoolType | bool) else "number"


@rule("program", stage=TYPES)
def operations_exist(network: Network, entry: ProgramEntry) -> Iterator[Diagnostic]:
    for op in entry.program.ops:
        if op.opcode not in OPS:
            yield Diagnostic(E220, f"there is no operation {op.opcode}", op_place(entry.program, op), op.opcode,
                             f"one of {listed(sorted(OPS))}")


@rule("program", stage=TYPES)
def operations_have_their_number_of_operands(network: Network, entry: ProgramEntry) -> Iterator[Diagnostic]:
    for op in entry.program.ops:
        if op.opcode in OPS and len(op.operands) != OPS[op.opcode].arity:
            yield Diagnostic(E221, f"{op.opcode} takes another number of operands", op_place(entry.program, op),
                             str(len(op.operands)), str(OPS[op.opcode].arity), OPS[op.opcode].meaning)


@rule("program", stage=TYPES)
def operands_are_of_the_right_kind(network: Network, entry: ProgramEntry) -> Iterator[Diagnostic]:
    types = entry.program.types()
    for op, spec in known_ops(entry.program):
        kinds = [kind_of(item, types, network) for item in op.operands]
        if kinds not in _allowed_kinds(spec):
            expected = " or ".join(listed(item) for item in _allowed_kinds(spec))
            yield Diagnostic(E222, f"{op.opcode} of the wrong kinds of operands", op_place(entry.program, op),
                             listed(kinds), expected, spec.meaning)


def _allowed_kinds(spec: OpSpec) -> list[list[str]]:
    kinds = ["number", "bool"]
    if spec.operands == "any":
        return [[kind] * spec.arity for kind in kinds]
    if spec.operands == "select":
        return [["bool", kind, kind] for kind in kinds]
    return [["number", "table"]] if spec.operands == "lookup" else [[spec.operands] * spec.arity]


@rule("program", stage=TYPES)
def tables_are_lists_of_numbers(network: Network, entry: ProgramEntry) -> Iterator[Diagnostic]:
    for op in entry.program.ops:
        for table in (network.tensor(item) for item in op.operands if isinstance(item, TensorRef)):
            wrong = isinstance(table.type, BoolType) or not belongs(table.type, network.level)
            if wrong or table.data.ndim != 1 or table.data.size == 0:
                yield Diagnostic(E222, "a table is not a list of numbers of the level", op_place(entry.program, op),
                                 f"{table.type}{list(table.data.shape)}", "one dimension, at least one entry")


@rule("program", stage=TYPES)
def results_are_of_the_right_kind(network: Network, entry: ProgramEntry) -> Iterator[Diagnostic]:
    types = entry.program.types()
    for op, spec in known_ops(entry.program):
        branches = kind_of(op.operands[-1], types, network)
        expected = branches if spec.operands == "select" else spec.result
        if isinstance(op.type, BoolType) != (expected == "bool"):
            yield Diagnostic(E223, f"{op.opcode} gives a {expected}", op_place(entry.program, op), str(op.type),
                             "bool" if expected == "bool" else "a number type",
                             "compare with `ne x, 0` to make a truth value of a number")


@rule("program", stage=TYPES, levels=INTEGER_LEVELS)
def integers_can_execute_the_operations(network: Network, entry: ProgramEntry) -> Iterator[Diagnostic]:
    for op, spec in known_ops(entry.program):
        if not spec.fixed:
            yield Diagnostic(E224, f"{op.opcode} has no integer form", op_place(entry.program, op), op.opcode,
                             f"one of {listed(sorted(name for name, item in OPS.items() if item.fixed))}",
                             "the quantizing pass replaces it by a table")


@rule("program", stage=TYPES)
def types_belong_to_the_level(network: Network, entry: ProgramEntry) -> Iterator[Diagnostic]:
    """No floats above model level; at model level integers are whole numbers."""
    for name, type_ in entry.program.types().items():
        if not belongs(type_, network.level):
            expected = "f64, f32, bool or whole numbers" if network.level == "model" else "bool or a number format"
            yield Diagnostic(E230, f"{name} has no type of level {network.level}", program_place(entry.program, name),
                             str(type_), expected)


def belongs(type_: Type, level: str) -> bool:
    """Whether values of a type may stand in a program of the level."""
    if level == "model":
        return not isinstance(type_, Format) or type_.fraction == 0
    return not isinstance(type_, FloatType)


@rule("program", stage=TYPES)
def updates_have_the_type_of_their_state(network: Network, entry: ProgramEntry) -> Iterator[Diagnostic]:
    """The same bits: modes may differ, as nothing is rounded on the way into a state."""
    types = entry.program.types()
    for name, value in entry.program.updates:
        state = types[name]
        if isinstance(value, TensorRef) or not same_bits(state, types[value] if isinstance(value, str) else value):
            found = f"{value}: {types[value]}" if isinstance(value, str) else str(value)
            yield Diagnostic(E231, f"the update of {name} is of another type", program_place(entry.program, f"{name}'"),
                             found, str(state), "add a `convert` to the state's type")


def same_bits(state: Type, value: Type | float | int | bool) -> bool:
    """Whether a value, or every value of a type, goes into a state or parameter as it is."""
    if isinstance(state, Format) and isinstance(value, Format):
        return (state.signed, state.width, state.fraction) == (value.signed, value.width, value.fraction)
    if isinstance(state, BoolType) or isinstance(value, BoolType | bool):
        return isinstance(state, BoolType) and isinstance(value, BoolType | bool)
    if isinstance(value, int | float):
        return True
    return isinstance(state, FloatType) and isinstance(value, FloatType)
