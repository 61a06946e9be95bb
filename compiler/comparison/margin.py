"""How close a decision was: the distance of the comparison behind a spike from its threshold."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from compiler import interpreter
from compiler.comparison.accuracy import Divergence
from compiler.ir.network import Network, Population
from compiler.ir.ops import COMPARISONS
from compiler.ir.program import Op, Operand, Program, TensorRef

LOGIC = frozenset({"and", "or", "xor", "not", "select", "convert"})


def margin_of(model: Network, inputs: Mapping[str, np.ndarray], divergence: Divergence) -> float | None:
    """|v − θ| in the float model at the sample, step and neuron of a divergence; None where nothing is compared.

    Where several comparisons decide about a spike, the one that was closest.
    """
    population = model.node(divergence.population)
    assert isinstance(population, Population)
    program = model.programs[population.site.program]
    comparisons = comparisons_behind(program, program.emits[0].value)
    sample, stop = slice(divergence.sample, divergence.sample + 1), divergence.step + 1
    computed = {op.result for op in program.ops} | {item.name for item in program.inputs}
    names = sorted(computed & {name for op in comparisons for name in op.names})
    rows = {name: array[sample, :stop] for name, array in inputs.items()}
    result = interpreter.run(model, rows, record=[f"{population.name}.{name}" for name in names])
    values = {name: float(result.records[f"{population.name}.{name}"][0, -1, divergence.neuron]) for name in names}
    sides = [[_value(model, population, item, values, divergence.neuron) for item in op.operands] for op in comparisons]
    return min((abs(a - b) for a, b in sides if a is not None and b is not None), default=None)


def comparisons_behind(program: Program, value: Operand) -> list[Op]:
    """The comparisons that an operand is made of by logic alone."""
    ops = {op.result: op for op in program.ops}
    waiting, found = [value], []
    while waiting:
        op = ops.get(operand) if isinstance(operand := waiting.pop(0), str) else None
        if op is not None and op.opcode in COMPARISONS:
            found.append(op)
        elif op is not None and op.opcode in LOGIC:
            waiting += op.operands
    return found


def _value(
    model: Network, population: Population, operand: Operand, values: Mapping[str, float], neuron: int
) -> float | None:
    """An operand's number at one neuron; None for a state, which is known only at the end of a step."""
    if isinstance(operand, str):
        if operand in values:
            return values[operand]
        if operand not in population.site.arguments:
            return None
        operand = population.site.arguments[operand]
    if isinstance(operand, TensorRef):
        array = model.real(operand)
        return float(array[neuron % array.size])
    return float(operand)
