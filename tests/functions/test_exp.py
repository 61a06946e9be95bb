"""Nonlinear functions of state: the error over every argument, and what happens at the ends."""

import numpy as np
import pytest

from compiler.arithmetic import EXACT, Fixed, fit, literal
from compiler.diagnostics import Place
from compiler.formats import Format, parse_type
from compiler.functions import exp
from compiler.functions.builder import Builder
from compiler.ir.program import TensorRef


def evaluated(raw: np.ndarray, argument: Format, result: Format) -> np.ndarray:
    builder = Builder("e", {"x": argument}, Place())
    exp.expand(builder, ("x",), result)
    values = {"x": Fixed(raw, argument.fraction)}
    for op in builder.ops:
        operands = []
        for item in op.operands:
            if isinstance(item, TensorRef):
                table = builder.tables[item.name]
                operands.append(Fixed(table.data.astype(np.int64), table.type.fraction))  # pyright: ignore
            else:
                operands.append(values[item] if isinstance(item, str) else literal(item))
        values[op.result] = fit(EXACT[op.opcode](*operands), op.type)
    return values["e"].raw


@pytest.mark.parametrize("name, highest", [("s32.15", 10.0), ("s24.12", 7.0), ("s16.8", 4.8)])
def test_exp_is_within_one_step_of_the_truth_for_every_argument(name, highest):
    format_ = parse_type(name)
    assert isinstance(format_, Format)
    raw = np.arange(int(-14 * 2.0**format_.fraction), int(highest * 2.0**format_.fraction) + 1)
    truth = np.exp(raw.astype(np.longdouble) / 2.0**format_.fraction) * 2.0**format_.fraction
    assert float(np.abs(evaluated(raw, format_, format_) - truth).max()) <= 1.0


def test_exp_saturates_above_and_vanishes_below():
    format_ = parse_type("s32.15")
    assert isinstance(format_, Format)
    ends = np.array([format_.low, -20 << 15, 12 << 15, format_.high])
    assert evaluated(ends, format_, format_).tolist() == [0, 0, format_.high, format_.high]
