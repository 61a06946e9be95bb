"""Division by what does not change is multiplication by its inverse.

Rewrite: div x, p with a parameter or number p -> mul x, p_inverse; folding constants then evaluates the inverse once.
  before  %e = div %x, slope
  after   %e_inverse = div 1.0, slope   %e = mul %x, %e_inverse
Levels: model. Preserves: every value to one rounding of the inverse.
"""

from __future__ import annotations

from dataclasses import replace

from compiler.formats import FloatType
from compiler.ir.network import Network
from compiler.ir.program import Op, Program
from compiler.options import Options
from compiler.passes import fold_constants

LEVELS = ("model",)


def run(network: Network, options: Options) -> Network:
    inverted = network.copy()
    inverted.programs = {name: _inverted(program) for name, program in network.programs.items()}
    return fold_constants.run(inverted, options)


def _inverted(program: Program) -> Program:
    params = {item.name for item in program.params}
    ops: list[Op] = []
    for op in program.ops:
        constant = op.opcode == "div" and (not isinstance(op.operands[1], str) or op.operands[1] in params)
        if not constant or not isinstance(op.type, FloatType):
            ops.append(op)
            continue
        inverse = f"{op.result}_inverse"
        ops.append(Op(inverse, "div", (1.0, op.operands[1]), op.type, op.place))
        ops.append(replace(op, opcode="mul", operands=(op.operands[0], inverse)))
    return replace(program, ops=tuple(ops))
