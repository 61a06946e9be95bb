"""The float interpreter against one that takes one unit and one synapse at a time."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler import interpreter
from compiler.analysis.schedule import update_order
from compiler.diagnostics import DiagnosticError
from compiler.float_arithmetic import evaluate
from compiler.formats import parse_type
from compiler.ir.network import Network
from tests.scalar_interpreter import Scalar
from tests.strategies import networks, random_inputs, random_network


def state_names(network: Network) -> list[str]:
    programs = network.programs
    return [f"{name}.{item.name}" for name, site, _ in network.sites() for item in programs[site.program].states]


@given(networks("model"), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=40)
def test_every_state_and_output_is_that_of_single_units(network: Network, seed: int):
    inputs = random_inputs(network, seed, batch=2, steps=6)
    result = interpreter.run(network, inputs, record=state_names(network))
    order = [item.name for item in update_order(network)]
    for sample in range(2):
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outputs, recorded = Scalar(network).run({name: rows[sample] for name, rows in inputs.items()}, order)
        for name, rows in outputs.items():
            np.testing.assert_allclose(result.outputs[name][sample], rows, rtol=1e-9, atol=1e-9, err_msg=name)
        for site, steps in recorded.items():
            for state in steps[0][0]:
                rows = np.array([[unit[state] for unit in units] for units in steps], float)
                found = result.records[f"{site}.{state}"][sample]
                np.testing.assert_allclose(found, rows, rtol=1e-9, atol=1e-9, err_msg=f"{site}.{state}")


@given(networks("model"), st.integers(1, 7))
@settings(deadline=None, max_examples=40)
def test_two_halves_with_the_state_carried_over_are_one_run(network: Network, cut: int):
    inputs, names = random_inputs(network, cut), state_names(network)
    whole = interpreter.run(network, inputs, record=names)
    first = interpreter.run(network, {name: rows[:, :cut] for name, rows in inputs.items()}, record=names)
    rest = {name: rows[:, cut:] for name, rows in inputs.items()}
    second = interpreter.run(network, rest, first.state, names)
    for name, rows in (whole.outputs | whole.records).items():
        parts = [(part.outputs | part.records)[name] for part in (first, second)]
        np.testing.assert_array_equal(np.concatenate(parts, axis=1), rows)
    assert second.state.keys() == whole.state.keys()
    for name, value in whole.state.items():
        np.testing.assert_array_equal(second.state[name], value, err_msg=name)


def test_a_sample_does_not_see_the_others():
    network = random_network(4, "model")
    inputs = random_inputs(network, 4, batch=3)
    whole = interpreter.run(network, inputs).outputs
    for sample in range(3):
        alone = interpreter.run(network, {name: rows[sample : sample + 1] for name, rows in inputs.items()}).outputs
        for name, rows in whole.items():
            np.testing.assert_allclose(alone[name][0], rows[sample], rtol=1e-12, atol=1e-12)


def test_inputs_are_not_changed():
    network = random_network(5, "model")
    inputs = random_inputs(network, 5)
    before = {name: rows.copy() for name, rows in inputs.items()}
    interpreter.run(network, inputs)
    for name, rows in before.items():
        np.testing.assert_array_equal(inputs[name], rows)


@pytest.mark.parametrize("opcode, operands, type_, expected", [
    ("div", (-7, 2), "s32.0/zero/wrap", -3), ("div", (7, -2), "s32.0/zero/wrap", -3), ("div", (7, 0), "s32.0/zero", 0),
    ("add", (2**31 - 1, 1), "s32.0/wrap", -(2**31)), ("add", (250, 10), "u8.0/wrap", 4),
    ("convert", (-2.75,), "s32.0/zero/saturate", -2), ("convert", (1e300,), "s32.0/zero/saturate", 2**31 - 1),
    ("convert", (float("nan"),), "s32.0/zero/saturate", 0), ("convert", (2.5,), "s32.0/even", 2),
    ("convert", (2.5,), "s32.0/away", 3), ("convert", (-0.5,), "s32.0", -1), ("round", (2.5,), "f64", 2.0),
    ("add", (1e8, 1.0), "f32", 1e8), ("select", (True, 1.5, 2.0), "f64", 1.5), ("convert", (True,), "f64", 1.0),
])
def test_operations_at_their_edges(opcode: str, operands: tuple, type_: str, expected: float):
    assert evaluate(opcode, [np.asarray(item) for item in operands], parse_type(type_)).item() == expected


def test_a_cycle_without_delay_is_an_error():
    network = random_network(7, "model", populations=2)
    name = network.populations[0].name
    looped = next(item for item in network.projections if item.target == name)
    network.add(replace(looped, name="loop", source=name, source_port=network.programs[
        network.node(name).site.program].emits[0].port, chain=(), delay=0, pre=None))  # type: ignore[union-attr]
    with pytest.raises(DiagnosticError, match="wait for each other within one step"):
        update_order(network)
