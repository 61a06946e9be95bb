"""How close a decision was: the distance of the comparison behind a spike from its threshold."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from compiler import interpreter
from compiler.accuracy import Divergence
from compiler.ir.network import Network, Population
from compiler.ir.ops import COMPARISONS
from compiler.ir.program import Op, Operand, Program, TensorRef


def margin_of(model: Network, inputs: Mapping[str, np.ndarray], divergence: Divergence) -> float | None:
    """|v − θ| in the float model at the sample, step and neuron of a divergence; None where nothing is compared."""
    population = model.node(divergence.population)
    assert isinstance(population, Population)
    program = model.programs[population.site.program]
    comparison = _comparison_behind(program, program.emits[0].value)
    if comparison is None:
        return None
    sample, stop = slice(divergence.sample, divergence.sample + 1), divergence.step + 1
    computed = {op.result for op in program.ops} | {item.name for item in program.inputs}
    names = [name for name in comparison.names if name in computed]
    rows = {name: array[sample, :stop] for name, array in inputs.items()}
    result = interpreter.run(model, rows, record=[f"{population.name}.{name}" for name in names])
    values = {name: result.records[f"{population.name}.{name}"][0, -1, divergence.neuron] for name in names}
    sides = [_value(model, population, operand, values, divergence.neuron) for operand in comparison.operands]
    if None in sides:
        return None
    return float(abs(sides[0] - sides[1]))  # pyright: ignore[reportOptionalOperand]


def _comparison_behind(program: Program, value: Operand) -> Op | None:
    """The nearest comparison that an operand depends on."""
    ops = {op.result: op for op in program.ops}
    waiting, seen = [value], set()
    while waiting:
        operand = waiting.pop(0)
        if not isinstance(operand, str) or operand not in ops or operand in seen:
            continue
        seen.add(operand)
        if ops[operand].opcode in COMPARISONS:
            return ops[operand]
        waiting += ops[operand].operands
    return None


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
