"""Everything that can be wrong with a NIR file ends in diagnostics that name node, field and both values."""

from pathlib import Path
from random import Random

import h5py
import numpy as np
import pytest

from compiler.diagnostics import DiagnosticError
from compiler.source import load_source
from tests.nir import graphs
from tests.nir.damage import findings, replaced, the_finding, with_edges

DATA = Path(__file__).parent.parent / "data" / "nir"


# -- files ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"no HDF5", b"\x89HDF\r\n\x1a\n", bytes(4096)])
def test_a_file_that_is_no_hdf5_is_told(tmp_path, content):
    path = tmp_path / "graph.nir"
    path.write_bytes(content)
    assert the_finding(path).code == "E130"


def test_damaged_files_give_diagnostics_or_a_graph(tmp_path):
    whole, rng = (DATA / "lif_norse.nir").read_bytes(), Random(0)
    path = tmp_path / "graph.nir"
    for _ in range(150):
        damaged = bytearray(whole[: rng.choice([len(whole), len(whole), rng.randrange(len(whole))])])
        for _ in range(rng.randint(1, 30) if damaged else 0):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged)
        try:
            load_source(path)
        except DiagnosticError as error:
            assert {item.code[:2] for item in error.diagnostics} <= {"E1"}


def link_soft(file):
    file["node/nodes/extra"] = h5py.SoftLink("/node/nodes/a")


def link_external(file):
    file["node/nodes/extra"] = h5py.ExternalLink("/etc/hostname", "/")


def link_itself(file):
    file["node/nodes/a/inside"] = file["node/nodes"]


def huge(file):
    del file["node/nodes/w1/weight"]
    file.create_dataset("node/nodes/w1/weight", shape=(1 << 22, 1 << 20), dtype="f8", chunks=(1, 1024))


def complex_numbers(file):
    replaced("w1/weight", np.zeros((5, 4), complex))(file)


def deep(file):
    group = file["node/nodes/a"]
    for _ in range(80):
        group = group.create_group("inside")


@pytest.mark.parametrize("change, told", [
    (link_soft, "SoftLink"), (link_external, "ExternalLink"), (link_itself, "a cycle of groups"),
    (huge, "shape (4194304, 1048576)"), (complex_numbers, "complex"), (deep, "more than 64 levels"),
])
def test_what_a_file_must_not_hold_is_refused_before_it_is_read(written, change, told):
    found = the_finding(written(change))
    assert found.code == "E130" and told in found.found and found.place.path.startswith("/node")


# -- graphs -----------------------------------------------------------------------------------------------------------


def without_node(file):
    del file["node"]


def without_nodes(file):
    del file["node/nodes"]
    with_edges([("in", "out")])(file)


@pytest.mark.parametrize("change, code", [
    (without_node, "E131"), (without_nodes, "E131"), (lambda file: file.__delitem__("node/type"), "E131"),
    (with_edges([("in", "w1", "a")]), "E131"),
])
def test_a_file_without_a_graph_is_told(written, change, code):
    assert code in {item.code for item in findings(written(change))}


@pytest.mark.parametrize("name, value, code, told", [
    ("a/type", "LIFF", "E133", "did you mean LIF?"),
    ("a/v_threshold", None, "E132", "a.v_threshold"),
    ("w1/bias", None, "E132", "w1.bias"),
    ("w1/weight", "text", "E132", "w1.weight"),
    ("w1/weight", np.zeros(4), "E132", "at least two axes"),
    ("w1/bias", np.zeros(7), "E132", "of shape (5,)"),
    ("w1/weight", np.full((5, 4), np.nan), "E132", "w1.weight"),
    ("in/shape", np.array([0]), "E132", "in.shape"),
    ("in/shape", np.array([1 << 20, 1 << 20]), "E132", "in.shape"),
    ("late/delay", np.array([1e-4, 2.5e-4, 0.0]), "E136", "2.5 steps of 0.1 ms at [1]"),
    ("late/delay", np.array([-1e-4, 0.0, 0.0]), "E136", "-1 steps"),
    ("late/delay", np.array([1.0, 0.0, 0.0]), "E136", "0 … 4095"),
])
def test_a_wrong_field_is_named(written, name, value, code, told):
    found = the_finding(written(replaced(name, value)))
    assert found.code == code
    assert told in str(found)


@pytest.mark.parametrize("name, value, field, shapes", [
    ("w1/weight", np.ones((5, 3)), "w1.weight", ("[4]", "(5, 3)")),
    ("s/scale", np.ones(4), "s.scale", ("[5]", "(4,)")),
    ("t/threshold", np.ones(3), "t.threshold", ("[4]", "[3]")),
    ("out/shape", np.array([7]), "out.shape", ("[3]", "[7]")),
])
def test_shapes_that_do_not_fit_are_named_with_node_field_and_both(written, name, value, field, shapes):
    found = next(item for item in findings(written(replaced(name, value))) if item.code == "E134")
    assert found.place.path == field
    assert all(shape in found.found + found.expected for shape in shapes)


def test_parameters_that_differ_in_shape_are_named(written):
    kind = type(graphs.recurrent(0).nodes["b"]).__name__
    found = the_finding(written(replaced("b/v_threshold", np.ones(4))))
    assert found.code == "E134" and found.place.path.startswith("b.") and kind in found.message
    assert {found.found, found.expected.split(",")[0]} == {"shape [3]", "shape [4]"}


def test_a_time_constant_shorter_than_half_a_step_is_told_with_the_remedy():
    found = findings(DATA / "lif_norse.nir", dt=6.0)[0]
    assert (found.code, found.place.path, found.hint) == ("E132", "1.tau", "take a smaller dt")


def test_a_time_step_in_the_wrong_unit_is_noted():
    notes = load_source(DATA / "lif_norse.nir", dt=1e-4).notes
    assert any("was --dt 0.0001s meant?" in note for note in notes)


@pytest.mark.parametrize("edges, told", [
    (lambda edges: [*edges, ("w1", "nowhere")], "nowhere"),
    (lambda edges: [*edges, ("w_1", "b")], "did you mean w1?"),
    (lambda edges: [*edges, edges[0]], "stands twice"),
])
def test_wrong_edges_are_named(written, edges, told):
    found = the_finding(written(with_edges(edges)))
    assert found.code == "E135" and told in str(found)


@pytest.mark.parametrize("edges, told", [
    (lambda edges: [edge for edge in edges if edge[1] != "out"], "no edge into it"),
    (lambda edges: [edge for edge in edges if edge[0] != "in"], "no edge into it"),
    (lambda edges: [*edges, ("b", "in")], "an edge into an Input, from b"),
    (lambda edges: [*edges, ("out", "b")], "an edge from an Output, to b"),
])
def test_loose_ends_are_named(written, edges, told):
    found = findings(written(with_edges(edges)))
    assert {item.code for item in found} == {"E137"} and told in "".join(map(str, found))


def test_biases_of_feedback_that_also_feed_forward_cannot_start_early(written):
    path = written(with_edges(lambda edges: [*edges, ("rec", "s")]), graphs.recurrent(1))
    load_source(path)
    found = the_finding(path, recurrent_start="bias")
    assert found.code == "E138" and "rec also leads to s" in found.found


@pytest.mark.parametrize("words", ["spike", "events", "events:0", "other=spikes"])
def test_unknown_words_for_what_an_input_carries_are_told(written, words):
    assert the_finding(written(), input_kind=words).code == "E139"


@pytest.mark.parametrize("words, kind, maximum", [
    ("events:15", "events", 15), ("in=current", "current", 1), ("signed", "signed", 1)])
def test_what_an_input_carries_can_be_said(written, words, kind, maximum):
    port = load_source(written(), input_kind=words).network.inputs[0].port
    assert (port.kind, port.maximum) == (kind, maximum)


# -- anything at all --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.array(["LIF", "IF"], dtype=object), np.zeros(0), 3.0], ids=["texts", "none", "3"])
def test_a_type_that_is_no_text_is_told(written, value):
    def change(file):
        del file["node/nodes/a/type"]
        kind = h5py.string_dtype() if np.asarray(value).dtype.kind == "O" else None
        file["node/nodes/a"].create_dataset("type", data=value, dtype=kind)

    found = the_finding(written(change))
    assert (found.code, found.place.path, found.found) == ("E133", "a", "no type")


def test_a_weight_that_is_one_number_is_told_where_the_edge_to_it_is_missing_too(written):
    def change(file):
        replaced("w1/weight", 3.0)(file)
        with_edges(lambda edges: [edge for edge in edges if edge[1] != "w1"])(file)

    assert {item.code for item in findings(written(change), repair=True)} <= {"E132", "E134", "E137"}


ODD = (np.nan, np.inf, -1, 0, 1e300, "text", np.zeros((0, 3)), np.zeros((2, 2, 2)), np.arange(3), True, 2**62,
       np.array([np.nan, 1, 2]), np.ones((1, 1)), 1j, -np.ones(5), np.full(3, 1e-12), np.uint64(2**63))


@pytest.mark.parametrize("seed", range(60))
def test_whatever_stands_in_a_file_it_gives_diagnostics_or_a_graph(written, seed):
    rng = Random(seed)
    graph = graphs.recurrent(seed % 3) if seed % 2 else graphs.convolutional(seed % 3)

    def change(file):
        names: list[str] = []
        file.visit(names.append)
        for name in rng.sample(names, rng.choice((1, 2, 4))):
            if name in file:
                parent, key = file[name].parent, name.rpartition("/")[2]
                del file[name]
                if rng.random() < 0.8:
                    parent[key] = rng.choice(ODD)

    try:
        load_source(written(change, graph), repair=bool(seed % 4), round_delays=True)
    except DiagnosticError as error:
        assert all(item.code.startswith("E1") for item in error.diagnostics)
