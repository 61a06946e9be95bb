"""What a pass must leave as it is on random networks."""

from __future__ import annotations

import numpy as np

from compiler import interpreter
from compiler.checking.checks import every_record
from compiler.ir.network import Network
from tests.passes.texts import Pass, applied
from tests.strategies import random_inputs


def require_every_value(run: Pass, net: Network, seed: int) -> None:
    """Every record and output stays, bit for bit, at every step."""
    after = applied(run, net)
    inputs, names = random_inputs(net, seed), every_record(net)
    before_run, after_run = (interpreter.run(item, inputs, record=names) for item in (net, after))
    for name, rows in (before_run.records | before_run.outputs).items():
        np.testing.assert_array_equal((after_run.records | after_run.outputs)[name], rows, err_msg=name)


def require_one_step(run: Pass, net: Network, seed: int) -> None:
    """The outputs of one step stay, to rounding."""
    inputs = random_inputs(net, seed, steps=1)
    left, right = (interpreter.run(item, inputs) for item in (net, applied(run, net)))
    for name, rows in left.outputs.items():
        np.testing.assert_allclose(right.outputs[name], rows, rtol=1e-9, atol=1e-9, err_msg=name)
