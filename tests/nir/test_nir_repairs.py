"""Inconsistent NIR files that are read in their one sensible way where that is asked for."""

from pathlib import Path

import h5py
import nir
import numpy as np
import pytest

from compiler.nir.importing import import_tree
from compiler.source import load_source
from compiler.source_options import SourceOptions
from tests.nir import graphs
from tests.nir.damage import findings, replaced, the_finding, with_edges

DATA = Path(__file__).parent.parent / "data" / "nir"


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
