"""Inputs are checked against ports: rank, units, and the first value that a port cannot hold."""

import numpy as np
import pytest

from compiler.diagnostics import DiagnosticError
from compiler.formats import Format
from compiler.input_files import read_stimulus, stimulus
from compiler.ir.network import Input, Network, PortKind


def _network(*ports: Input) -> Network:
    network = Network()
    for port in ports or (Input("in", (4,)),):
        network.add(port)
    return network


def _port(kind: str, **rest) -> Input:
    return Input("in", (2,), PortKind(kind, **rest))


def _finding(arrays, network=None):
    with pytest.raises(DiagnosticError) as caught:
        stimulus(arrays, network or _network(), "x.npz")
    return caught.value.diagnostics[0]


@pytest.mark.parametrize("dtype", [bool, np.int8, np.uint64, np.float16, np.float64])
def test_any_numeric_type_will_do_where_its_values_fit(dtype):
    given = stimulus({"in": np.eye(4, dtype=dtype)}, _network())
    assert given.inputs["in"].tolist() == [np.eye(4).tolist()] and given.inputs["in"].dtype.kind == "i"


@pytest.mark.parametrize(("shape", "rows", "batched"), [
    ((5, 4), (1, 5, 4), False), ((3, 5, 4), (3, 5, 4), True),
])
def test_steps_come_first_a_batch_before_them(shape, rows, batched):
    given = stimulus({"in": np.zeros(shape)}, _network())
    assert given.inputs["in"].shape == rows and given.batched is batched


@pytest.mark.parametrize(("shape", "batched"), [
    ((5, 2, 3), False), ((7, 5, 2, 3), True), ((5, 6), False), ((7, 5, 6), True),
])
def test_units_stand_in_the_shape_of_the_port_or_flat(shape, batched):
    array = np.arange(np.prod(shape)).reshape(shape) % 2
    given = stimulus({"in": array}, _network(Input("in", (2, 3))))
    assert given.batched is batched and given.inputs["in"].ravel().tolist() == array.ravel().tolist()


def test_a_lone_input_may_be_called_input():
    assert list(stimulus({"input": np.eye(4)}, _network()).inputs) == ["in"]


def test_every_missing_input_is_named():
    network = _network(Input("left", (2,)), Input("right", (3,)))
    with pytest.raises(DiagnosticError) as caught:
        stimulus({"input": np.eye(2)}, network)
    assert [(item.code, item.place.path) for item in caught.value.diagnostics] == [("E160", "left"), ("E160", "right")]


@pytest.mark.parametrize("shape", [(4,), (5, 3), (2, 3, 5), (1, 2, 3, 4), (0, 4), (0, 3, 4)])
def test_a_shape_that_does_not_fit_is_e161(shape):
    finding = _finding({"in": np.zeros(shape)})
    assert finding.code == "E161" and finding.found == str(shape)


@pytest.mark.parametrize(("value", "text"), [(2, "2"), (-1, "-1"), (0.5, "0.5"), (np.nan, "nan"), (np.inf, "inf")])
def test_a_value_that_is_no_spike_is_named_by_its_index(value, text):
    array = np.zeros((2, 3, 4))
    array[1, 2, 3] = array[1, 2, 2] = value
    finding = _finding({"in": array})
    assert finding.code == "E162" and finding.found == f"{float(text)} at [1, 2, 2]" and "0..1" in finding.expected


def test_the_index_of_an_unbatched_array_has_no_batch():
    assert _finding({"in": np.full((3, 4), 2)}).found == "2 at [0, 0]"


@pytest.mark.parametrize(("port", "good", "bad"), [
    (_port("signed"), [-1, 1], -2), (_port("events", maximum=15), [0, 15], 16),
    (_port("current", type=Format(True, 8, 4)), [-8, 7.9375], 8.0),
])
def test_each_kind_of_port_has_its_bounds(port, good, bad):
    stimulus({"in": np.array([good])}, _network(port))
    assert _finding({"in": np.array([[good[0], bad]])}, _network(port)).code == "E162"


def test_a_current_is_rounded_to_the_format_of_its_port_ties_to_even():
    given = stimulus({"in": np.array([[0.25, 0.75]])}, _network(_port("current", type=Format(True, 8, 1))))
    assert given.inputs["in"].tolist() == [[[0, 2]]]


def test_a_current_of_the_model_level_stays_a_float():
    given = stimulus({"in": np.array([[0.1, -0.7]])}, _network(_port("current")))
    assert given.inputs["in"].tolist() == [[[0.1, -0.7]]]


def test_text_and_complex_numbers_are_no_input():
    assert _finding({"in": np.zeros((3, 4), complex)}).code == "E162"
    assert _finding({"in": np.full((3, 4), "a")}).code == "E162"


def test_inputs_of_one_run_agree_in_steps():
    network = _network(Input("a", (2,)), Input("b", (2,)))
    assert _finding({"a": np.zeros((3, 2)), "b": np.zeros((4, 2))}, network).code == "E163"


def test_labels_come_along(tmp_path):
    np.savez(tmp_path / "x.npz", input=np.zeros((3, 2, 4)), label=np.array([1, 2, 0]))
    given = read_stimulus(tmp_path / "x.npz", _network())
    assert given.label is not None and given.label.tolist() == [1, 2, 0] and (given.samples, given.steps) == (3, 2)
