"""Reading networks in the IR's own text as sources."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from compiler import interpreter
from compiler.diagnostics import DiagnosticError
from compiler.ir.network import Network
from compiler.ir.print import print_network
from compiler.ir.tensors import to_bytes
from compiler.source import load_source
from tests.strategies import random_inputs, random_network


def written(folder: Path, network: Network, tensors: str = "net.npz") -> str:
    (folder / "net.snn").write_text(print_network(network))
    (folder / tensors).write_bytes(to_bytes(network.tensors))
    return str(folder / "net.snn")


@pytest.mark.parametrize("tensors", ["net.npz", "tensors.npz"])
@pytest.mark.parametrize("seed", range(3))
def test_a_network_comes_back_with_the_tensors_beside_it(tmp_path, seed: int, tensors: str):
    network = random_network(seed, "model")
    source = load_source(written(tmp_path, network, tensors))
    assert source.lower() == network and source.module is None and source.precision == "float64"


def test_its_reference_is_the_float_interpreter(tmp_path):
    network = random_network(3, "model")
    inputs = random_inputs(network, 3)
    found = load_source(written(tmp_path, network)).run(inputs).outputs
    for name, rows in interpreter.run(network, inputs).outputs.items():
        np.testing.assert_array_equal(found[name], rows)


def test_a_network_of_another_level_is_no_source(tmp_path):
    with pytest.raises(DiagnosticError, match="E119.*only networks at the model level are sources"):
        load_source(written(tmp_path, random_network(1, "fixed")))


def test_a_network_keeps_its_time_step(tmp_path):
    network = replace(random_network(1, "model"), dt=0.5)
    assert load_source(written(tmp_path, network), dt=0.5).lower().dt == 0.5
    with pytest.raises(DiagnosticError, match="E119.*a time step of its own"):
        load_source(str(tmp_path / "net.snn"), dt=1.0)


def test_missing_tensors_are_named(tmp_path):
    written(tmp_path, random_network(1, "model"))
    (tmp_path / "net.npz").unlink()
    with pytest.raises(DiagnosticError, match="E206"):
        load_source(str(tmp_path / "net.snn"))


def test_what_the_verifier_finds_is_raised(tmp_path):
    network = random_network(1, "model")
    written(tmp_path, network)
    text = (tmp_path / "net.snn").read_text()
    (tmp_path / "net.snn").write_text(text.replace(" gt ", " add ", 1))
    with pytest.raises(DiagnosticError):
        load_source(str(tmp_path / "net.snn"))
