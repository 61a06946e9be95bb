"""Whether a program is linear in its inputs and states together: superposition and any factor pass through."""

from __future__ import annotations

from compiler.formats import FloatType
from compiler.ir.program import Op, Operand, Program

_LINEAR, _FREE = "linear", "free"


def is_linear(program: Program) -> bool:
    """Decided over the operations: every state update and emitted value is a linear combination.

    Then stepping a sum of inputs from a sum of states gives the sum of the results, and multiplying inputs and
    states by a factor per unit multiplies the results by it; both to rounding.
    """
    types = program.types()
    kinds: dict[str, str] = {item.name: _FREE for item in program.params}
    for item in (*program.inputs, *program.states):
        if not isinstance(types[item.name], FloatType):
            return False
        kinds[item.name] = _LINEAR
    for op in program.ops:
        kinds[op.result] = _kind(op, [_of(item, kinds) for item in op.operands], types)
    results = [value for _, value in program.updates] + [item.value for item in program.emits]
    return all(_linear(value, kinds) for value in results)


def _of(operand: Operand, kinds: dict[str, str]) -> str:
    return kinds[operand] if isinstance(operand, str) else _FREE


def _linear(operand: Operand, kinds: dict[str, str]) -> bool:
    return _of(operand, kinds) == _LINEAR or (not isinstance(operand, str) and operand == 0)


def _kind(op: Op, kinds: list[str], types) -> str:
    if all(kind == _FREE for kind in kinds):
        return _FREE
    if "neither" in kinds:
        return "neither"
    zero = [not isinstance(item, str) and item == 0 for item in op.operands]
    combined = all(kind == _LINEAR or empty for kind, empty in zip(kinds, zero, strict=True))
    same_type = isinstance(types[op.result], FloatType)
    if op.opcode in ("add", "sub", "neg", "convert") and combined and same_type:
        return _LINEAR
    if op.opcode == "mul" and sorted(kinds) == [_FREE, _LINEAR]:
        return _LINEAR
    if op.opcode == "div" and kinds == [_LINEAR, _FREE]:
        return _LINEAR
    arms = all(kind == _LINEAR or empty for kind, empty in zip(kinds[1:], zero[1:], strict=True))
    return _LINEAR if op.opcode == "select" and kinds[0] == _FREE and arms else "neither"


def passes_on(program: Program, port: str) -> bool:
    """Whether a program does nothing with what arrives at a port but emit it."""
    used = {name for op in program.ops for name in op.names} | {value for _, value in program.updates}
    return port not in used
