"""program.py on the command line: the bytes that `sparkc simulate` writes, and one plain line for every bad input."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from compiler import reference
from compiler.formats import parse_type
from compiler.input_files import read_stimulus
from compiler.ir.network import Input, PortKind, Projection, Tensor
from compiler.ir.program import Site, TensorRef
from compiler.results.archive import parse_records, read_state, write_state
from compiler.results.recording import Recording, record_run
from targets.jax_fixed.runtime import command_line
from tests.targets.jax_fixed.programs import generated, two_layers, weights, write


@pytest.fixture(scope="module")
def network():
    """Spikes and a current in, scales of one number and one per unit, membranes out."""
    from dataclasses import replace

    from compiler.ir.connections.one_to_one import OneToOne
    from compiler.ir.network import Output

    network = two_layers()
    network.tensors["scale"] = Tensor(parse_type("f64"), np.linspace(0.1, 0.3, 16))
    for name, scale in (("hid", TensorRef("scale")), ("out", 0.125)):
        site = network.node(name).site
        network.add(replace(network.node(name), site=Site(site.program, site.arguments, {}, scale, ("v", "potential"))))
    network.add(Input("drive", (16,), PortKind("current", type=parse_type("s8.2"))))
    link = OneToOne(weights(network, "gain", "s4.-2", np.arange(16, dtype=np.int8) % 5))
    network.add(Projection("drive_hid", "drive", "current", "hid", "current", (link,), 2))
    network.add(Output("membrane", "out", "potential"))
    return network


@pytest.fixture(scope="module")
def folder(network, tmp_path_factory) -> Path:
    return write(network, tmp_path_factory.mktemp("artifact"))


@pytest.fixture(scope="module")
def inputs() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    return {"input": rng.integers(0, 2, (2, 9, 20)).astype(bool), "drive": rng.normal(0, 8, (2, 9, 16))}


def call(folder: Path, *words: object) -> subprocess.CompletedProcess:
    """The program in an interpreter that sees nothing of this project."""
    command = [sys.executable, "-I", str(folder / "program.py"), *map(str, words)]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=300)


def written_by_sparkc(network, inputs: Path, records, raw: bool, output: Path, state=None) -> dict:
    """What `sparkc simulate --engine reference` writes. Gives the state at the end."""
    stimulus = read_stimulus(inputs, network)
    state = read_state(state, network, stimulus.samples) if state else None
    with Recording(network, parse_records(records, network), stimulus, raw) as recording:
        final = record_run(lambda x, s, r: reference.run(network, x, s, r), recording, stimulus, state)
        recording.save(output)
    return dict(final)


@pytest.mark.parametrize("raw", [False, True])
def test_output_and_state_files_are_the_bytes_that_sparkc_writes(network, folder, inputs, tmp_path, raw):
    np.savez(tmp_path / "x.npz", **inputs)
    records = ["hid.v", "out.current[1:4]@every=2", "hid.potential[3:]", "hid.spikes"]
    final = written_by_sparkc(network, tmp_path / "x.npz", records, raw, tmp_path / "expected.npz")
    write_state(tmp_path / "expected-state.npz", final)
    done = call(folder, "--input", tmp_path / "x.npz", "--output", tmp_path / "y.npz", "--record", *records,
                "--state-out", tmp_path / "state.npz", *(["--raw"] if raw else []))  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "y.npz").read_bytes() == (tmp_path / "expected.npz").read_bytes()
    assert (tmp_path / "state.npz").read_bytes() == (tmp_path / "expected-state.npz").read_bytes()


def test_two_runs_with_the_state_in_a_file_are_one_run(network, folder, inputs, tmp_path):
    for name, part in (("whole", slice(None)), ("first", slice(0, 4)), ("second", slice(4, None))):
        np.savez(tmp_path / f"{name}.npz", **{key: rows[0, part] for key, rows in inputs.items()})
    for name, words in (("whole", ()), ("first", ("--state-out", tmp_path / "s.npz")),
                        ("second", ("--state-in", tmp_path / "s.npz"))):  # fmt: skip
        done = call(folder, "--input", tmp_path / f"{name}.npz", "--output", tmp_path / f"{name}-y.npz", *words)
        assert done.returncode == 0, done.stderr
    whole, first, second = (np.load(tmp_path / f"{name}-y.npz") for name in ("whole", "first", "second"))
    for name in ("output", "membrane"):
        assert whole[name].ndim == 2
        assert np.array_equal(whole[name], np.concatenate([first[name], second[name]]))


def refusal(function, *arguments) -> str:
    with pytest.raises(SystemExit) as ended:
        function(*arguments)
    return str(ended.value)


FAULTS = {
    "two": ({"input": 2 * np.ones((3, 20))}, "input input: 2.0 at [0, 0]; a port of kind spikes holds integers 0 … 1"),
    "half": ({"input": np.full((3, 20), 0.5)}, "input input: 0.5 at [0, 0]; a port of kind spikes"),
    "nan": ({"drive": np.full((3, 16), np.nan)}, "input drive: nan at [0, 0]; a port of kind current holds -32 … 31"),
    "large": ({"drive": np.full((3, 16), 40.0)}, "input drive: 40.0 at [0, 0]"),
    "shape": ({"input": np.zeros((3, 21))}, "input input: shape (3, 21) is not [T, 20] or [B, T, 20]"),
    "text": ({"input": np.array(["a"])}, "input input: holds <U1, not numbers"),
    "empty": ({"input": np.zeros((0, 20))}, "input input: shape (0, 20) is not"),
    "steps": ({"input": np.zeros((4, 20))}, "inputs disagree in samples and steps"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_an_input_that_a_port_cannot_hold_is_refused_in_one_line(network, fault):
    program = generated(network)
    arrays, expected = FAULTS[fault]
    good = {"input": np.zeros((3, 20)), "drive": np.zeros((3, 16))}
    message = refusal(command_line.checked_inputs, good | arrays, program.INPUTS)
    assert message.startswith(f"error: {expected}") and "\n" not in message


def test_missing_inputs_records_and_states_are_refused_in_one_line(network, tmp_path):
    program = generated(network)
    assert refusal(command_line.checked_inputs, {"other": np.zeros(3)}, program.INPUTS).startswith(
        "error: no array for input input; the file holds other")
    found = [refusal(command_line.parsed_record, name, program.RECORDS) for name in ("hid.w", "hid.v[3:99]")]
    assert found[0].startswith("error: nothing to record is called hid.w")
    assert found[1] == "error: hid.v[3:99]: hid.v has units 0:16"
    start = program.initial_state(2)
    for name, state, expected in (
        ("lacking", {key: value for key, value in start.items() if key != "hid.v"}, "hid.v is missing"),
        ("batch", program.initial_state(3), "not integers (2, "),
        ("range", start | {"hid.v": np.full((2, 16), 1 << 30)}, "hid.v leaves its range -8388608 … 8388607"),
    ):
        np.savez(tmp_path / f"{name}.npz", **{key: np.asarray(value) for key, value in state.items()})
        found = refusal(command_line.checked_state, tmp_path / f"{name}.npz", start, program.STATE_RANGES)
        assert expected in found and "\n" not in found


def test_a_damaged_file_and_an_output_that_cannot_be_written_end_with_status_1(folder, inputs, tmp_path):
    (tmp_path / "bad.npz").write_bytes(b"not an archive")
    (tmp_path / "taken").write_text("a file")
    np.savez(tmp_path / "x.npz", **inputs)
    for words in (("--input", tmp_path / "bad.npz"), ("--input", tmp_path / "none.npz"),
                  ("--input", tmp_path / "x.npz", "--output", tmp_path / "taken" / "y.npz")):  # fmt: skip
        done = call(folder, *words)
        assert done.returncode == 1
        assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr


def test_pickled_arrays_are_not_opened(tmp_path):
    np.savez(tmp_path / "x.npz", input=np.array([{}], dtype=object))
    assert "cannot be read as arrays" in refusal(command_line.read_arrays, tmp_path / "x.npz")


def test_a_program_imports_nothing_but_jax_and_numpy(folder):
    tree = ast.parse((folder / "program.py").read_text())
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} - sys.stdlib_module_names == {"jax", "numpy"}
    assert "x64" not in (folder / "program.py").read_text()
