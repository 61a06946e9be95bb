"""Everything that can be wrong with a NIR file ends in diagnostics that name node, field and both values."""

from pathlib import Path
from random import Random

import h5py
import nir
import numpy as np
import pytest

from compiler.diagnostics import DiagnosticError
from compiler.nir.importing import import_tree
from compiler.source import load_source
from compiler.source_options import SourceOptions
from tests.nir import graphs

DATA = Path(__file__).parent.parent / "data" / "nir"


@pytest.fixture
def written(tmp_path):
    """Writes the recurrent test graph, changed by a function of the open file; gives its path."""
    def write(change=lambda file: None, graph=None):
        path = tmp_path / "graph.nir"
        nir.write(path, graph or graphs.recurrent(0))
        with h5py.File(path, "r+") as file:
            change(file)
        return path

    return write


def findings(path, **options):
    with pytest.raises(DiagnosticError) as caught:
        load_source(path, **options)
    assert all(item.place.file == str(path) for item in caught.value.diagnostics)
    return caught.value.diagnostics


def the_finding(path, **options):
    found = findings(path, **options)
    assert len(found) == 1, [str(item) for item in found]
    return found[0]


def replaced(name, value):
    """Puts another array in place of a field of a node."""
    def change(file):
        if f"node/nodes/{name}" in file:
            del file[f"node/nodes/{name}"]
        if value is not None:
            file[f"node/nodes/{name}"] = value

    return change


def edges_of(file):
    return [tuple(name.decode() for name in edge) for edge in file["node/edges"][()]]


def with_edges(edges):
    def change(file):
        found = edges(edges_of(file)) if callable(edges) else edges
        del file["node/edges"]
        file.create_dataset("node/edges", data=np.array(found, dtype=object), dtype=h5py.string_dtype())

    return change


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


# -- repairs ----------------------------------------------------------------------------------------------------------


def repaired(path, *told):
    """The source read with --repair; each text stands in a note, and without it the file is refused."""
    findings(path)
    source = load_source(path, repair=True)
    notes = [note for note in source.notes if note.startswith("repaired ")]
    assert len(notes) == len(told)
    assert all(text in note for text, note in zip(told, notes, strict=True)), notes
    return source


def test_rockpools_output_shape_is_named_and_repaired():
    path = DATA / "lif_rockpool.nir"
    found = the_finding(path)
    assert (found.code, found.place.path) == ("E134", "output.shape")
    assert (found.found, found.expected) == ("shape [1] from 1_LIFNeuronTorch", "shape [1, 1, 1]")
    source = repaired(path, "output.shape: shape [1, 1, 1] read as [1], as 1_LIFNeuronTorch gives")
    assert source.run({"input": np.ones((1, 50, 1))}).outputs["output"].any()


def test_parameters_of_one_number_hold_for_all_units(written):
    path = written(replaced("b/r", np.array([1.5])))
    source = repaired(path, "b.r: shape [1] read as [3]")
    assert source.module.modules["b"].config.resistance == 1.5


def test_neurons_of_one_number_take_the_shape_of_what_arrives(written):
    def change(file):
        for name in ("r", "tau", "v_leak", "v_threshold", "v_reset"):
            file[f"node/nodes/b/{name}"][...] = file[f"node/nodes/b/{name}"][0]
            value = file[f"node/nodes/b/{name}"][:1]
            del file[f"node/nodes/b/{name}"]
            file[f"node/nodes/b/{name}"] = value

    graph = graphs.recurrent(0)
    graph.nodes["b"] = graphs.neuron("LIF", (3,), np.random.default_rng(0))
    source = repaired(written(change, graph), "b.r: shape [1] read as [3], as skip gives")
    assert source.module.modules["b"].units == (3,)


def test_a_missing_flatten_is_added(tmp_path):
    rng = np.random.default_rng(0)
    nodes = {"in": nir.Input(np.array([2, 3])), "w": graphs.affine(4, 6, rng), "n": graphs.neuron("IF", (4,), rng),
             "out": nir.Output(np.array([4]))}
    path = tmp_path / "graph.nir"
    nir.write(path, nir.NIRGraph(nodes, [("in", "w"), ("w", "n"), ("n", "out")], type_check=False))
    source = repaired(path, "w: Flatten [2, 3] -> [6] added in front")
    assert source.network.inputs[0].shape == (2, 3)


@pytest.mark.parametrize("names", [("layer.a", "layer.rec"), ("a", "layer.rec")])
def test_names_of_edges_that_are_relative_to_another_graph_are_repaired(written, names):
    """As older exporters write them: the edges of a nested graph under the names the outer graph has for its nodes."""
    first, second = names

    def change(file):
        file.move("node/nodes/a", "node/kept_a")
        file.move("node/nodes/rec", "node/kept_rec")
        layer = file.create_group("node/nodes/layer")
        layer["type"] = "NIRGraph"
        layer["edges"] = np.array([(first, second), (second, first)], dtype=h5py.string_dtype())
        file.move("node/kept_a", "node/nodes/layer/nodes/a")
        file.move("node/kept_rec", "node/nodes/layer/nodes/rec")
        with_edges(lambda edges: [tuple("layer.a" if name == "a" else name for name in edge) for edge in edges
                                  if "rec" not in edge])(file)

    path = written(change)
    source = load_source(path, repair=True)
    assert sum("read as" in note for note in source.notes) >= 3
    plain = import_tree(graphs.recurrent(0).to_dict(), "", SourceOptions())
    inputs = (np.random.default_rng(0).random((30, 4)) < 0.5).astype(float)
    runs = [module.run(inputs)[0]["out"] for module in (source.module, plain.assembly.brain)]
    assert np.array_equal(*runs)
    assert {item.code for item in findings(path)} == {"E135"}


def test_edges_that_stand_twice_are_read_once_and_loose_ends_completed(written):
    repaired(written(with_edges(lambda edges: [*edges, edges[0]])), "stands twice, read once")

    def open_ended(file):
        for name in ("in", "out"):
            del file[f"node/nodes/{name}"]
        with_edges(lambda edges: [edge for edge in edges if "in" not in edge and "out" not in edge])(file)

    source = repaired(written(open_ended), "Input input_t added", "Input input_w1 added", "Output output_read added")
    assert {item.name for item in source.network.inputs} == {"input_t", "input_w1"}


def test_delays_are_rounded_when_asked(written):
    path = written(replaced("late/delay", np.array([1e-4, 2.4e-4, 0.0])))
    source = load_source(path, round_delays=True)
    assert source.module.modules["late"].steps.tolist() == [1, 2, 0]
    assert any("by at most 0.4 of one" in note for note in source.notes)


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
