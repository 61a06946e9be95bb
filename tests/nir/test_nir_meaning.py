"""What a NIR graph computes: against recordings of other software, and against plain NumPy on random graphs."""

from pathlib import Path

import nir
import numpy as np
import pytest

from compiler.checking.source_check import verify
from compiler.nir.importing import import_tree
from compiler.nir.primitives import milliseconds
from compiler.nir.reading import Reading
from compiler.source import load_source
from compiler.source_options import SourceOptions
from tests.nir import euler, graphs

DATA = Path(__file__).parent.parent / "data" / "nir"
BRAILLE = {"zero": ("braille_noDelay_bias_zero.nir", {}), "subtract": ("braille_noDelay_noBias_subtract.nir",
                                                                      {"reset": "subtract"})}


def recorded(name):
    with np.load(DATA / f"{name}.npz") as file:
        return dict(file)


@pytest.mark.parametrize("case", ["lif_0", "lif_2"])
def test_one_neuron_spikes_as_in_norse(case):
    seen = recorded(case)
    found = load_source(DATA / "lif_norse.nir").run({"input": seen["input"][None]}, record=["lif_1.v"])
    assert np.array_equal(found.outputs["output"][0], seen["ref_out"])
    assert np.array_equal(found.outputs["output"][0], seen["norse_out"])
    assert np.abs(found.records["lif_1.v"][0] - seen["ref_v"]).max() < 1e-15


@pytest.mark.parametrize("kind", BRAILLE)
def test_a_recurrent_graph_spikes_as_in_norse_in_every_layer(kind):
    seen, (file, options) = recorded(f"braille_{kind}_0"), BRAILLE[kind]
    names = {"lif1_lif.spikes": "ref_hidden", "lif1_lif.v": "ref_v1", "lif1_lif.i": "ref_i1", "lif2.v": "ref_v2"}
    found = load_source(DATA / file, **options).run({"input": seen["input"][None]}, record=list(names))
    assert np.array_equal(found.outputs["output"][0], seen["ref_out"])
    assert np.array_equal(found.outputs["output"][0], seen["norse_out"])
    for record, key in names.items():
        assert np.abs(found.records[record][0][: len(seen[key])] - seen[key]).max() < 1e-12


def test_feedback_biases_from_the_first_step_give_the_published_raster_of_snntorch():
    seen, source = recorded("snntorch_hidden_0"), load_source(DATA / BRAILLE["zero"][0], recurrent_start="bias")
    found = source.run({"input": seen["input"][None]}, record=["lif1_lif.spikes"])
    assert np.array_equal(found.records["lif1_lif.spikes"][0], seen["hidden"])


@pytest.mark.parametrize("reset", ["file", "zero", "subtract"])
def test_a_convolutional_graph_spikes_as_in_norse(reset):
    seen = recorded("cnn_0")
    source = load_source(DATA / "cnn_sinabs.nir", reset=reset)
    found = source.run({"input": seen["input"].reshape(1, 50, -1)}, record=["if_1.spikes", "if_10.spikes"])
    assert np.array_equal(found.outputs["output"][0], seen["ref_subtract" if reset == "subtract" else "ref_zero"])
    if reset != "subtract":
        assert np.array_equal(found.outputs["output"][0], seen["norse"])
        assert np.array_equal(found.records["if_1.spikes"][0], seen["ref_zero_conv1"].reshape(50, -1))
        assert np.array_equal(found.records["if_10.spikes"][0], seen["ref_zero_fc1"])


# -- random graphs ----------------------------------------------------------------------------------------------------


def compared(graph, inputs, options):
    """The output of the modules and that of plain NumPy; the network is checked against the modules on the way."""
    found = import_tree(graph.to_dict(), "graph.nir", SourceOptions(**options))
    expected = euler.run(graph, inputs, reset=options.get("reset", "file"), delay=options.get("recurrent_delay", 1))
    outputs, _ = found.assembly.brain.run(inputs)
    batch = {name: rows.reshape(1, len(rows), -1).astype(float) for name, rows in inputs.items()}
    assert verify(found.assembly.brain, found.lowered, [batch]).first_difference is None
    return outputs["out"], expected["out"]


@pytest.mark.parametrize("reset", ["file", "zero", "subtract"])
@pytest.mark.parametrize("seed", range(4))
def test_a_recurrent_graph_computes_what_plain_numpy_does(seed, reset):
    rng = np.random.default_rng(seed)
    inputs = {"in": (rng.random((40, 4)) < 0.4).astype(float)}
    found, expected = compared(graphs.recurrent(seed), inputs, {"reset": reset, "recurrent_delay": 1 + seed % 3})
    assert np.abs(found - expected).max() < 1e-9
    assert np.abs(expected).max() > 0


@pytest.mark.parametrize("seed", range(8))
def test_a_convolutional_graph_computes_what_plain_numpy_does(seed):
    rng = np.random.default_rng(seed)
    inputs = {"in": (rng.random((12, 2, 9, 8)) < 0.5).astype(float)}
    found, expected = compared(graphs.convolutional(seed), inputs, {})
    assert np.array_equal(found, expected)
    assert 0 < expected.mean() < 1


def test_a_convolution_over_one_axis_computes_what_plain_numpy_does():
    rng = np.random.default_rng(0)
    nodes = {
        "in": nir.Input(np.array([4, 11])), "out": nir.Output(np.array([30])),
        "c": nir.Conv1d(11, rng.normal(size=(6, 2, 3)), 2, 1, 2, 2, rng.normal(size=6)),
        "li": graphs.neuron("LI", (6, 5), rng), "f": nir.Flatten({"input": np.array([6, 5])}, 0, 1),
    }
    graph = nir.NIRGraph(nodes, [("in", "c"), ("c", "li"), ("li", "f"), ("f", "out")], type_check=False)
    found, expected = compared(graph, {"in": (rng.random((9, 4, 11)) < 0.5).astype(float)}, {})
    assert np.abs(found - expected).max() < 1e-12


# -- nesting ----------------------------------------------------------------------------------------------------------


def nested(seed):
    """The recurrent layer as a graph of its own, in a graph of its own."""
    flat = graphs.recurrent(seed)
    inner = nir.NIRGraph(
        {"x": nir.Input(np.array([5])), "a": flat.nodes["a"], "rec": flat.nodes["rec"], "y": nir.Output(np.array([5]))},
        [("x", "a"), ("a", "rec"), ("rec", "a"), ("a", "y")])
    nodes = {name: node for name, node in flat.nodes.items() if name not in ("a", "rec")} | {"layer": inner}
    edges = [tuple("layer" if name == "a" else name for name in edge) for edge in flat.edges if "rec" not in edge]
    return flat, nir.NIRGraph(nodes, edges)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_nested_graph_computes_what_the_flat_one_does(seed):
    flat, deep = nested(seed)
    inputs = (np.random.default_rng(seed).random((30, 4)) < 0.4).astype(float)
    runs = [import_tree(graph.to_dict()).assembly.brain.run(inputs)[0]["out"] for graph in (flat, deep)]
    assert np.array_equal(*runs)


# -- numbers ----------------------------------------------------------------------------------------------------------


def test_time_constants_in_ms_keep_the_ratio_to_the_time_step_that_seconds_give():
    rng, reading = np.random.default_rng(0), Reading(dt=0.1)
    tau = rng.uniform(2e-4, 1, 4000).astype(np.float32).astype(float)
    found, expected = reading.dt / milliseconds(tau, reading), reading.seconds / tau
    assert np.abs(found / expected - 1).max() < 2.3e-16
    assert (found == expected).mean() > 0.95 > (reading.dt / (tau * 1000) == expected).mean() - 0.01


def test_every_choice_that_a_file_leaves_open_is_told():
    notes = "\n".join(load_source(DATA / "braille_noDelay_bias_zero.nir").notes)
    for told in ("time step 0.1 ms, assumed", "reset to v_reset", "feedback lif1.w_rec -> lif1.lif: 1 step later",
                 "input input carries spikes, assumed"):
        assert told in notes
    chosen = load_source(DATA / "braille_noDelay_bias_zero.nir", dt=0.1, reset="file", input_kind="spikes").notes
    assert not any("assumed" in note or "--reset" in note for note in chosen)
