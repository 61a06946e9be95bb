"""The core tables of any mapped network give what the golden model gives for the network before it was mapped."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from compiler import chips, reference
from compiler.diagnostics import DiagnosticError
from compiler.ir.network import Network
from targets import cores
from targets.cores import emulator
from tests.strategies import networks, random_inputs, random_network
from tests.targets.cores.mapping import arrays_of, differing, mapped, records_of, small_chips, written

RELAXED = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow]
)


def _mapped_or_skip(network: Network, chip) -> Network:
    try:
        return mapped(network, chip)
    except DiagnosticError as error:
        assume(any(item.code != "E420" for item in error.diagnostics))
        raise


@RELAXED
@given(networks(), small_chips(), st.integers(0, 1000), st.integers(1, 7))
def test_tables_give_outputs_states_and_histories_of_the_unretimed_network(network, chip, seed, cut):
    """Also in two halves with the state carried over."""
    inputs, record = random_inputs(network, seed), records_of(network)
    expected = arrays_of(reference.run(network, inputs, record=record))
    with tempfile.TemporaryDirectory() as name:
        folder = written(_mapped_or_skip(network, chip), chip, Path(name))
        whole = emulator.run(folder, inputs, {}, record)
        first = emulator.run(folder, {key: rows[:, :cut] for key, rows in inputs.items()}, {}, record)
        state = {key.removeprefix("state."): rows for key, rows in first.items() if key.startswith("state.")}
        second = emulator.run(folder, {key: rows[:, cut:] for key, rows in inputs.items()}, state, record)
    assert differing(expected, whole) == []
    joined = {
        key: second[key] if key.startswith("state.") else np.concatenate([first[key], second[key]], axis=1)
        for key in expected
    }
    assert differing(expected, joined) == []


@RELAXED
@given(networks(), small_chips(), st.integers(0, 1000))
def test_a_state_of_the_golden_model_continues_on_the_cores(network, chip, seed):
    inputs = random_inputs(network, seed)
    result = reference.run(network, {key: rows[:, :3] for key, rows in inputs.items()})
    rest = {key: rows[:, 3:] for key, rows in inputs.items()}
    expected = arrays_of(reference.run(network, rest, result.state))
    with tempfile.TemporaryDirectory() as name:
        folder = written(_mapped_or_skip(network, chip), chip, Path(name))
        assert differing(expected, emulator.run(folder, rest, result.state, [])) == []


def _fitting(seed: int) -> tuple[Network, Network]:
    """The next random network that `tiny` can run, fixed and mapped."""
    while True:
        network = random_network(seed)
        try:
            return network, mapped(network, chips.load("tiny"))
        except DiagnosticError:
            seed += 1


@pytest.mark.parametrize("seed", [0, 100])
def test_a_process_of_its_own_with_tables_and_input_only_gives_the_same(seed, tmp_path):
    network, placed = _fitting(seed)
    inputs, record = random_inputs(network, seed), records_of(network)
    written(placed, chips.load("tiny"), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cores"]
    found = cores.run(tmp_path, inputs, record=record)
    assert differing(arrays_of(reference.run(network, inputs, record=record)), arrays_of(found)) == []


def test_the_emulator_loads_no_graph_parser_or_golden_model():
    code = "import sys, targets.cores.emulator; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3]
    )
    loaded = set(done.stdout.split())
    assert not {name for name in loaded if name.startswith(("compiler.ir", "compiler.reference", "compiler.passes"))}
    assert not loaded & {"networkx", "lark", "jax", "compiler.arithmetic", "compiler.formats", "targets.cores.emission"}


def test_the_same_network_gives_the_same_bytes():
    network, placed = _fitting(7)
    again = mapped(network.copy(), chips.load("tiny"))
    assert cores.emit(placed, chips.load("tiny")) == cores.emit(again, chips.load("tiny"))
