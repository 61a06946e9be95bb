"""Limits: all that are broken are found at once, each with its population or projection, before and after mapping."""

from dataclasses import replace

import numpy as np
import pytest

from compiler import chips
from compiler.formats import Format
from compiler.ir.program import Site
from targets import cores
from tests.layered import STATE, connect, layered
from tests.strategies import random_network
from tests.targets.cores.mapping import LIMITLESS, mapped

TINY = chips.load("tiny")


def _codes(network, chip) -> list[tuple[str, str]]:
    return [(item.code, item.place.path) for item in cores.check(network, chip)]


def test_a_network_that_fits_breaks_nothing_before_and_after_mapping():
    network = layered([64, 128, 10])
    connect(network, "l0", "l0", delay=2)
    assert cores.check(network, TINY) == []
    assert cores.check(mapped(network, TINY), TINY) == []


def _with_slow_delay(network):
    connect(network, "input", "l0", delay=40)


def _with_wide_weights(network):
    connect(network, "input", "l0", weight_bits=20)


def _with_spread_delays(network):
    connect(network, "input", "l0", delay=np.array([[0] * 8, [20] * 8] * 2))


def _with_fast_cycle(network):
    connect(network, "l1", "l0", delay=1)


def _with_plasticity(network):
    network.add(replace(network.projection("input_l0"), synapse=Site("leaky", {"d": 0.5, "theta": 1.0})))


def _with_trace_of_two_clocks(network):
    made = connect(network, "input", "l0", delay=np.array([[0] * 8, [2] * 8] * 2))
    network.add(replace(made, pre=Site("leaky", {"d": 0.5, "theta": 1.0})))


@pytest.mark.parametrize(
    ("change", "chip", "expected"),
    [
        (_with_slow_delay, {}, [("E407", "input_l0_2")]),
        (_with_wide_weights, {}, [("E403", "input_l0_2")]),
        (_with_spread_delays, {"delay_bits": 4}, [("E412", "input_l0_2")]),
        (_with_fast_cycle, {}, [("E420", "l0_l1, l1_l0")]),
        (_with_plasticity, {}, [("E413", "input_l0.synapse")]),
        (_with_trace_of_two_clocks, {}, [("E413", "input_l0_2")]),
        (
            lambda network: None,
            {"state_bits": 20},
            [("E404", "l0.v"), ("E404", "l0.theta"), ("E404", "l1.v"), ("E404", "l1.theta")],
        ),
        (lambda network: None, {"accumulator_bits": 12}, [("E405", "l0.current"), ("E405", "l1.current")]),
        (lambda network: None, {"program_operations": 3}, [("E409", "leaky")]),
        (lambda network: None, {"fan_in": 7}, [("E408", "l0")]),
        (lambda network: None, {"roundings": ("floor",)}, [("E411", "leaky.decayed")]),
        (lambda network: None, {"neurons": 1, "width": 2, "height": 2}, [("E401", "l0"), ("E401", "l1")]),
        (lambda network: None, {"in_axons": 6}, [("E402", "l0")]),
        (lambda network: None, {"routes": 1}, [("E410", "input, l0")]),
    ],
)
def test_each_limit_has_its_code_and_names_what_breaks_it(change, chip, expected):
    network = layered([8, 4, 3])
    change(network)
    assert _codes(network, replace(TINY, **chip)) == expected


def test_every_broken_limit_is_found_at_once_with_used_and_available():
    network = layered([64, 32, 10], weight_bits=20)
    chip = replace(TINY, state_bits=8, fan_in=10, synapse_memory=1000, roundings=("floor",))
    found = cores.check(network, chip)
    assert {item.code for item in found} == {"E402", "E403", "E404", "E408", "E411"}
    assert all(item.found and item.expected and item.hint for item in found)
    message = next(str(item) for item in found if item.code == "E403")
    assert message == (
        "error[E403]: weights of projection input_l0 are too wide for tiny\n"
        "  --> input_l0\n"
        "  found:    20 bits\n"
        "  expected: at most 16 bits\n"
        "  hint: quantize to fewer bits (--weights), or take a larger chip (--chip)"
    )


def test_graded_events_wider_than_an_event_are_named():
    network = layered([8, 4, 3])
    program = network.programs["leaky"]
    network.programs["leaky"] = replace(program, emits=(replace(program.emits[0], value="u"),))
    assert ("E406", "l0.spikes") in _codes(network, replace(TINY, event_bits=STATE.width - 1))
    assert _codes(network, replace(TINY, event_bits=STATE.width)) == []


def test_a_mapped_network_is_held_against_the_chip_it_is_given():
    placed = mapped(layered([64, 40, 10]), TINY)
    small = replace(TINY, neurons=12, width=1)
    found = cores.check(placed, small)
    assert {item.code for item in found} == {"E414"}
    assert any("is over its neurons" in item.message for item in found)
    assert any("lies outside tiny" in item.message for item in found)


@pytest.mark.parametrize("seed", range(12))
def test_random_networks_are_judged_without_a_traceback(seed):
    network = random_network(seed)
    assert all(item.code.startswith("E4") for item in cores.check(network, TINY))
    assert {item.code for item in cores.check(network, replace(TINY, **LIMITLESS))} <= {"E420", "E404", "E405"}


def test_weights_of_a_multiplied_chain_are_measured_not_declared():
    """127 * 127 needs 15 bits, though both tensors have 8."""
    from compiler.ir.connections.dense import Dense
    from compiler.ir.network import Tensor
    from compiler.ir.program import TensorRef

    network = layered([1, 1])
    for name in ("one", "two"):
        network.tensors[name] = Tensor(Format(True, 8), np.array([[127]], np.int8))
    network.add(replace(network.projection("input_l0"), chain=(Dense(TensorRef("one")), Dense(TensorRef("two")))))
    assert _codes(network, replace(TINY, weight_bits=14)) == []
    assert _codes(network, replace(TINY, weight_bits=13)) == [("E403", "input_l0")]
