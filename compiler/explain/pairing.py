"""Which integer operations of a fixed program stand for which operation of the model, and what can be blamed."""

from __future__ import annotations

from dataclasses import dataclass

from compiler.ir.ops import OPS
from compiler.ir.program import Op, Program

COMPONENTS = {
    "weights": "weights",
    "decays": "decays and other coefficients",
    "thresholds": "thresholds, resets, biases",
    "states": "state width and rounding",
    "tables": "function tables",
    "delays": "delays",
    "order": "reset order, update rule",
}
"""What quantizing changes, by name, in words. `order`: the order of operations in a step, the reset's place in it, what
a chip's own update rule does other than the model."""


@dataclass(frozen=True)
class PairedOp:
    """An operation of the model and the integer operations that stand for it, the last with the same result.

    component: what is blamed for the difference where several integer operations stand for one: a factor made of
    shifts, a function made of tables, or a value that is wrapped or cut to stay in its register.
    """

    model: Op
    fixed: tuple[Op, ...]

    @property
    def component(self) -> str | None:
        if len(self.fixed) == 1 and self.fixed[0].opcode == self.model.opcode:
            return None
        if not OPS[self.model.opcode].fixed:
            return "tables"
        return "decays" if self.model.opcode == "mul" else "states"


@dataclass(frozen=True)
class PairedProgram:
    """Two programs side by side; conversions: integer operations that only bring updates to their state's format."""

    model: Program
    fixed: Program
    ops: tuple[PairedOp, ...]
    conversions: tuple[Op, ...]


def paired(model: Program, fixed: Program) -> PairedProgram | None:
    """Both programs operation by operation; None where the fixed one was not made from the model's operations.

    The result of every operation of the model stands in the fixed program, in the same order; what stands between
    two of them belongs to the later one.
    """
    names = [[item.name for item in (*program.inputs, *program.states, *program.params)] for program in (model, fixed)]
    if names[0] != names[1] or [item.port for item in model.emits] != [item.port for item in fixed.emits]:
        return None
    ops, start = [], 0
    for op in model.ops:
        stop = next((index for index, item in enumerate(fixed.ops[start:], start) if item.result == op.result), None)
        if stop is None:
            return None
        ops.append(PairedOp(op, fixed.ops[start : stop + 1]))
        start = stop + 1
    rest = fixed.ops[start:]
    return None if any(op.opcode != "convert" for op in rest) else PairedProgram(model, fixed, tuple(ops), rest)
