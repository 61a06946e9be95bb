"""What a run gives as files: records, physical units, states to continue from."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler import npz, reference
from compiler.diagnostics import DiagnosticError
from compiler.formats import BOOL, Format
from compiler.input_files import Stimulus
from compiler.ir.connections.dense import Dense
from compiler.ir.network import Input, Network, Output, Population, Projection, Tensor
from compiler.ir.program import Declaration, Emit, Op, Program, Site, State, TensorRef
from compiler.results import archive, recording
from compiler.results.recording import Recording, record_run
from tests.strategies import networks, random_inputs

S8 = Format(True, 8, 2)


def _network() -> Network:
    """Three units that add their input up and spike above 8; values count quarters, scaled per unit."""
    network = Network(level="fixed", dt=0.5)
    wide = Format(True, 16, 2, overflow="saturate")
    ops = (Op("sum", "add", ("v", "current"), wide), Op("spike", "gt", ("sum", 8.0), BOOL))
    program = Program("adder", (Declaration("current", wide),), (State("v", wide, 0.0),), (), ops,
                      (("v", "sum"),), (Emit("spikes", "spike"),))
    network.programs["adder"] = program
    network.tensors["w"] = Tensor(S8, np.array([[1, 2], [3, -4], [5, 6]], np.int8))
    network.tensors["scale"] = Tensor(Format(False, 8, 1), np.array([1, 2, 4], np.uint8))
    network.add(Input("in", (2,)))
    network.add(Population("hid", (3,), Site("adder", scale=TensorRef("scale"), scaled=("v", "current"))))
    network.add(Projection("in_hid", "in", "spikes", "hid", "current", (Dense(TensorRef("w")),), delay=1,
                           accumulator=wide))
    network.add(Output("output", "hid", "spikes"))
    return network


def _lists(arrays) -> dict[str, list]:
    return {name: value.tolist() for name, value in arrays.items()}


def _run(network: Network, record=()):
    inputs = {"in": np.array([[[1, 0], [1, 1], [0, 1], [1, 1]]])}
    return reference.run(network, inputs, None, record)


def test_physical_values_are_integers_times_the_format_times_the_scale_of_the_unit():
    network = _network()
    result = _run(network, ["hid.v", "hid.spikes"])
    raw = result.records["hid.v"]
    expected = raw * 0.25 * np.array([0.5, 1.0, 2.0])
    assert archive.physical(network, "hid.v", raw).tolist() == expected.tolist()
    assert archive.physical(network, "hid.spikes", result.records["hid.spikes"]).dtype == np.uint8


@pytest.mark.parametrize(("text", "units", "every"), [
    ("hid.v", slice(None), 1), ("hid.v[1:3]", slice(1, 3), 1), ("hid.v[:2]", slice(2), 1),
    ("hid.v[1:]", slice(1, 3), 1), ("hid.v@every=2", slice(None), 2), ("hid.v[0:1]@every=3", slice(1), 3),
])
def test_a_record_selects_units_and_steps(text, units, every):
    network = _network()
    [record] = archive.parse_records([text], network)
    rows = _run(network, ["hid.v"]).records["hid.v"]
    assert record.of(rows).tolist() == rows[:, ::every, units].tolist()


@pytest.mark.parametrize("text", [
    "hid.w", "out.v", "hid", "hid.v[2:1]", "hid.v[0:4]", "hid.v[3:]", "hid.v@every=0", "hid.v[1]",
])
def test_a_record_of_nothing_is_e155(text):
    with pytest.raises(DiagnosticError, match="E155"):
        archive.parse_records([text], _network())


def test_every_wrong_record_is_reported_and_the_nearest_name_proposed():
    with pytest.raises(DiagnosticError) as caught:
        archive.parse_records(["hid.vv", "hid.v", "hid.v[0:9]", "hid.v"], _network())
    assert len(caught.value.diagnostics) == 4 and "hid.v?" in caught.value.diagnostics[0].hint


def test_an_output_file_says_what_its_numbers_are():
    network = _network()
    records = archive.parse_records(["hid.v[0:2]@every=2"], network)
    arrays = archive.arrays(network, _run(network, ["hid.v"]), records, raw=True, batched=False)
    meta = json.loads(str(arrays["meta"]))
    assert list(arrays) == ["output", "hid.v", "meta"] and arrays["hid.v"].dtype == np.int32
    assert arrays["output"].shape == (4, 3) and arrays["hid.v"].shape == (2, 2)
    assert meta == {"dt": 0.5, "raw": True, "formats": {"output": "bool", "hid.v": "s16.2/saturate"},
                    "records": {"hid.v": {"start": 0, "stop": 2, "every": 2}}}


@settings(max_examples=20, deadline=None)
@given(networks(), st.integers(1, 5), st.integers(1, 4))
def test_a_recording_in_parts_equals_one_run(network, part, every):
    """Same arrays and state, whatever the parts, also where they do not divide the steps."""
    inputs = random_inputs(network, seed=1, steps=11)
    stimulus = Stimulus(inputs)
    records = [archive.Record(name, 0, None, every) for name in archive.recordable(network)]
    whole = reference.run(network, inputs, None, [item.name for item in records])
    with Recording(network, records, stimulus, raw=True) as recorded:
        recorded.part = part
        state = record_run(lambda *run: reference.run(network, *run), recorded, stimulus, None)
        assert _lists(recorded.arrays) == _lists(whole.outputs) | {
            item.name: whole.records[item.name][:, ::every].tolist() for item in records}
    assert _lists(state) == _lists(whole.state)


def test_a_long_recording_goes_to_disk_and_gives_the_same_file(tmp_path, monkeypatch):
    network = _network()
    stimulus = Stimulus({"in": np.random.default_rng(0).integers(0, 2, (2, 40, 2))})
    records = archive.parse_records(["hid.v@every=3"], network)
    for name, limit in (("memory.npz", 1 << 20), ("disk.npz", 1000)):
        monkeypatch.setattr(recording, "IN_MEMORY", limit)
        with Recording(network, records, stimulus, raw=False) as recorded:
            record_run(lambda *run: reference.run(network, *run), recorded, stimulus, None)
            assert isinstance(recorded.arrays["hid.v"], np.memmap) == (name == "disk.npz")
            recorded.save(tmp_path / name)
    assert (tmp_path / "memory.npz").read_bytes() == (tmp_path / "disk.npz").read_bytes()


@settings(max_examples=20, deadline=None)
@given(networks())
def test_a_state_comes_back_from_its_file(tmp_path_factory, network):
    path = tmp_path_factory.mktemp("state") / "s.npz"
    state = reference.run(network, random_inputs(network, seed=2)).state
    archive.write_state(path, state)
    read = archive.read_state(path, network, batch=2)
    assert _lists(read) == _lists(state)


@pytest.mark.parametrize("change", [
    {"hid.v": np.zeros((1, 4), np.int32)}, {"hid.v": np.zeros((1, 3))}, {"hid.v": np.full((1, 3), 1 << 20, np.int32)},
    {"other.v": np.zeros((1, 3), np.int32)},
])
def test_a_state_of_another_network_is_e156(tmp_path, change):
    network = _network()
    npz.write(tmp_path / "s.npz", _run(network).state | change)
    with pytest.raises(DiagnosticError, match="E156"):
        archive.read_state(tmp_path / "s.npz", network, batch=1)


def test_a_state_of_another_batch_is_e156(tmp_path):
    archive.write_state(tmp_path / "s.npz", _run(_network()).state)
    with pytest.raises(DiagnosticError, match="E156"):
        archive.read_state(tmp_path / "s.npz", _network(), batch=2)
