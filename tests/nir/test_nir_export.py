"""Export: the plain graph means what the source does, and with its side file nothing at all is lost."""

import json
from pathlib import Path

import nir
import numpy as np
import pytest

from compiler import chips, reference
from compiler.diagnostics import DiagnosticError
from compiler.frontends.lower import lower
from compiler.nir import exporting
from compiler.nir.importing import import_tree
from compiler.nir.side_file import side_path
from compiler.options import Options
from compiler.pipeline import compile_source
from compiler.settings import Settings
from compiler.source import Source, load_source
from compiler.source_options import SourceOptions
from tests.frontends.random_brains import random_brain, random_spikes
from tests.nir import euler, graphs

DATA = Path(__file__).parent.parent / "data" / "nir"
EXPORTABLE = (0, 106)
"""Random brains of leaky units without refractory time, with synaptic filters, delays, feedback, potentials."""


def of_graph(graph, **options):
    found = import_tree(graph.to_dict(), "graph.nir", SourceOptions(**options))
    return Source(Path("graph.nir"), "graph", "", found.lowered, module=found.assembly.brain)


def of_brain(seed):
    brain = random_brain(seed)
    return Source(Path("brain.py"), "model", "", lower(brain), module=brain)


def written(source, folder, level="model", **options):
    """The path of an export of a source."""
    if level == "model":
        made = exporting.export_source(source, Options())
    else:
        made = exporting.export_network(compile_source(source, Options(**options), checked=False).mapped)
    exporting.write(made, folder / "graph.nir")
    return folder / "graph.nir"


def kind_of(node):
    return type(node).__name__.lower()


def spikes(network, steps=40, batch=2, seed=0):
    rng = np.random.default_rng(seed)
    return {item.name: (rng.random((batch, steps, item.size)) < 0.4).astype(float) for item in network.inputs}


def records_of(network):
    states = ((name, state) for name, site, _ in network.sites() for state in network.programs[site.program].states)
    return [f"{name}.{state.name}" for name, state in states]


def assert_equal_runs(one, other, inputs):
    names = records_of(one.network)
    assert names == records_of(other.network)
    left, right = one.run(inputs, record=names), other.run(inputs, record=names)
    for name, rows in {**left.outputs, **left.records}.items():
        assert np.array_equal(rows, {**right.outputs, **right.records}[name]), name
    assert any(rows.any() for rows in left.outputs.values())


# -- model level ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"reset": "subtract", "dt": 0.05}, {"recurrent_start": "bias"},
                                     {"reset": "zero", "recurrent_delay": 3}], ids=str)
def test_a_graph_comes_back_with_every_state_as_it_was(tmp_path, options):
    source = of_graph(graphs.recurrent(1), round_delays=True, **options)
    assert_equal_runs(source, load_source(written(source, tmp_path)), spikes(source.network))


def test_a_graph_of_convolutions_comes_back_with_every_state_as_it_was(tmp_path):
    source = of_graph(graphs.convolutional(1), reset="subtract")
    assert_equal_runs(source, load_source(written(source, tmp_path)), spikes(source.network, 10))


def test_the_published_graphs_come_back_with_the_same_fields(tmp_path):
    for name in ("lif_norse.nir", "braille_noDelay_bias_zero.nir", "cnn_sinabs.nir"):
        path = written(load_source(DATA / name), tmp_path)
        given, found = nir.read(DATA / name), nir.read(path)
        for key, node in given.nodes.items():
            spelled = key.replace(".", "_")
            own = next(node for other, node in found.nodes.items() if other in (spelled, f"{kind_of(node)}_{key}"))
            for field, value in vars(node).items():
                if isinstance(value, np.ndarray):
                    assert np.array_equal(value, getattr(own, field)), (name, key, field)
        assert len(found.edges) == len(given.edges)


@pytest.mark.parametrize("seed", EXPORTABLE)
def test_a_brain_comes_back_with_every_state_as_it_was(tmp_path, seed):
    source = of_brain(seed)
    back = load_source(written(source, tmp_path))
    # Its network is the source's, run by the interpreter of networks.
    assert back.network == source.network
    inputs = random_spikes(source.module, seed)
    for name, rows in source.run(inputs).outputs.items():
        assert np.allclose(back.run(inputs).outputs[name], rows, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("seed", EXPORTABLE)
def test_the_plain_graph_of_a_brain_computes_what_the_brain_does(tmp_path, seed):
    source = of_brain(seed)
    made = exporting.export_source(source, Options())
    shapes = {item.name: item.shape for item in source.network.inputs}
    inputs = random_spikes(source.module, seed, batch=1)
    how = set(made.side.resets.values())
    assert len(how) <= 1
    expected = source.run(inputs).outputs
    found = euler.run(made.graph, {name: rows[0].reshape(-1, *shapes[name]) for name, rows in inputs.items()},
                      dt=source.network.dt / 1000, reset="subtract" if "subtraction" in how else "file")
    for name, rows in expected.items():
        assert np.allclose(found[name].reshape(rows[0].shape), rows[0], rtol=1e-9, atol=1e-9)
        assert rows.any()


def test_what_plain_nir_does_not_carry_is_named():
    made = exporting.export_source(of_graph(graphs.recurrent(0), reset="subtract"), Options())
    told = "\n".join(made.side.not_carried)
    assert "time step, 0.1 ms" in told and "reset by subtraction, of a, b" in told
    brain = exporting.export_source(of_brain(106), Options())
    assert any(remark.startswith("delays became Delay nodes") for remark in brain.remarks)


@pytest.mark.parametrize("source", ["refractory", "adaptive"])
def test_dynamics_that_nir_does_not_have_are_named_with_their_population(source):
    from spark.nn.brain import Brain, ModuleSpecs, PortMap
    from spark.nn.neurons import ALIFNeuron, LIFNeuron

    neuron = {"refractory": LIFNeuron, "adaptive": ALIFNeuron}[source](units=(3,), inhibitory_rate=0.0)
    brain = Brain(inputs={"input": 4}, outputs={"output": PortMap("pool", "out_spikes")},
                  modules=[ModuleSpecs("pool", neuron, {"in_spikes": [PortMap("__call__", "input")]})])
    with pytest.raises(DiagnosticError) as caught:
        exporting.export_source(Source(Path("x.py"), "model", "", lower(brain), module=brain), Options())
    (found,) = caught.value.diagnostics
    assert (found.code, found.place.path) == ("E190", "pool") and "states v" in found.found


# -- fixed level ------------------------------------------------------------------------------------------------------



def even(seed):
    """The convolutional graph with the same parameters in all units of a layer."""
    graph = graphs.convolutional(seed)
    for values in [*vars(graph.nodes["n1"]).values(), *vars(graph.nodes["n2"]).values()]:
        if isinstance(values, np.ndarray):
            values[...] = values.mean()
    return graph


SOURCES = {
    "recurrent": lambda: of_graph(graphs.recurrent(2)), "convolutional": lambda: of_graph(even(1)),
    "subtract": lambda: of_graph(graphs.recurrent(3), reset="subtract"), "brain": lambda: of_brain(106),
    "start": lambda: of_graph(graphs.recurrent(1), recurrent_start="bias"),
}


@pytest.mark.parametrize("name", SOURCES)
def test_the_integers_of_an_artifact_come_back_and_map_to_the_same_cores(tmp_path, name):
    source, options = SOURCES[name](), Options(chip=chips.load("generic"), weight_bits=6)
    compiled = compile_source(source, options, checked=False)
    exporting.write(exporting.export_network(compiled.mapped), tmp_path / "graph.nir")
    back = load_source(tmp_path / "graph.nir")
    assert back.fixed == compiled.fixed
    again = compile_source(back, Options(chip=chips.load("generic")), checked=False)
    assert again.files == compiled.files


def test_a_bias_for_each_unit_behind_a_convolution_is_named():
    compiled = compile_source(of_graph(graphs.convolutional(1)), Options(), checked=False)
    with pytest.raises(DiagnosticError) as caught:
        exporting.export_network(compiled.mapped)
    assert [(item.code, item.place.path) for item in caught.value.diagnostics] == [("E190", "c1"), ("E190", "c2")]


def test_an_artifact_of_a_graph_that_brought_its_integers_along_is_checked_like_any_other(tmp_path):
    back = load_source(written(SOURCES["recurrent"](), tmp_path, "fixed"))
    compiled = compile_source(back, Options(chip=chips.load("generic")))
    verdicts = {item.stage: item.equal for item in compiled.verdicts}
    assert verdicts["source = model"] in ("equal", "not exercised") and verdicts["model → fixed"] == "measured"
    assert not any(item.failed for item in compiled.verdicts)


def test_the_plain_graph_of_integers_that_do_not_decay_spikes_exactly_as_they_do(tmp_path):
    """Integrate-and-fire units only add: whoever reads the plain graph gets the spikes of the golden model."""
    rng = np.random.default_rng(0)
    nodes = {
        "in": nir.Input(np.array([2, 6, 5])), "f": nir.Flatten({"input": np.array([3, 6, 5])}, 0, -1),
        "c": nir.Conv2d((6, 5), rng.normal(size=(3, 2, 3, 3)), 1, 1, 1, 1, rng.normal(size=3) / 8),
        "n": nir.IF(np.full((3, 6, 5), 0.7), np.full((3, 6, 5), 1.1), np.full((3, 6, 5), -0.2)),
        "w": nir.Affine(rng.normal(size=(4, 90)), rng.normal(size=4)), "out": nir.Output(np.array([4])),
        "m": nir.IF(rng.uniform(0.5, 1.5, 4), rng.uniform(0.8, 1.2, 4), np.zeros(4)),
    }
    names = ["in", "c", "n", "f", "w", "m", "out"]
    source = of_graph(nir.NIRGraph(nodes, list(zip(names, names[1:], strict=False)), type_check=False))
    for reset in ("file", "subtract"):
        source = of_graph(nir.NIRGraph(nodes, list(zip(names, names[1:], strict=False)), type_check=False), reset=reset)
        compiled = compile_source(source, Options(), checked=False)
        plain = exporting.export_network(compiled.mapped).graph
        inputs = (rng.random((60, 2, 6, 5)) < 0.3).astype(float)
        golden = reference.run(compiled.mapped, {"in": inputs.reshape(1, 60, -1).astype(np.int64)}).outputs["out"][0]
        assert np.array_equal(euler.run(plain, {"in": inputs}, reset=reset)["out"], golden)
        assert 0 < golden.mean() < 1


# -- side files -------------------------------------------------------------------------------------------------------


@pytest.fixture
def exported(tmp_path):
    return written(of_graph(graphs.recurrent(0)), tmp_path, "fixed")


def changed(path, change):
    side = json.loads(side_path(path).read_bytes())
    change(side)
    side_path(path).write_text(json.dumps(side))


def findings(path, **options):
    with pytest.raises(DiagnosticError) as caught:
        load_source(path, **options)
    return caught.value.diagnostics


def test_equal_exports_have_equal_bytes(tmp_path):
    contents = []
    for _ in range(2):
        path = written(of_graph(graphs.recurrent(0)), tmp_path, "fixed")
        contents.append((path.read_bytes(), side_path(path).read_bytes()))
    assert contents[0] == contents[1]


def test_a_side_file_tells_formats_scales_time_step_resets_and_delays(exported):
    side = json.loads(side_path(exported).read_bytes())
    assert side["version"] == 1 and side["dt"] == {"value": 0.1, "unit": "ms"}
    assert side["reset"]["nodes"] == {"a": "value", "b": "value"}
    assert side["values"]["a.v"]["format"].startswith("s") and len(side["values"]["a.v"]["scale"]) == 5
    assert side["weights"]["w1"]["format"] == ["s8.0"] and side["weights"]["w1"]["sum"].startswith("s")
    assert {"source": "rec", "target": "a", "as": "feedback", "steps": [1]} in side["delays"]


def test_a_side_file_beside_another_graph_is_refused(exported):
    nir.write(exported, graphs.recurrent(1))
    (found,) = findings(exported)
    assert (found.code, found.place.path) == ("E192", "graph.sha256")
    assert found.hint.startswith("remove graph.nir.json")


@pytest.mark.parametrize("change, where", [
    (lambda side: side.update(version=2), "version"), (lambda side: side.update(format="other"), "format"),
    (lambda side: side.pop("delays"), "delays"), (lambda side: side.update(dt=0.1), "dt"),
    (lambda side: side["dt"].update(value=-1), "dt"), (lambda side: side["dt"].update(value=0.2), "network"),
    (lambda side: side["reset"]["nodes"].update(a="sometimes"), "reset.nodes"),
    (lambda side: side.update(network=None), "network"), (lambda side: side.update(level="mapped"), "level"),
    (lambda side: side["inputs"].update({"in": 3}), "inputs"), (lambda side: side.update(network={}), "network"),
    (lambda side: side["network"].update(tensors="§"), "network.tensors"),
    (lambda side: side.update(recurrent_start="bias"), "recurrent_start"),
])
def test_every_fault_of_a_side_file_is_named(exported, change, where):
    changed(exported, change)
    assert [(item.code, item.place.path) for item in findings(exported)] == [("E191", where)]


def test_a_network_in_a_side_file_is_read_as_untrusted(exported):
    changed(exported, lambda side: side["network"].update(text=side["network"]["text"].replace("emit", "omit")))
    assert findings(exported)[0].code.startswith("E2")
    side_path(exported).write_bytes(b"{" * 100000)
    assert findings(exported)[0].code == "E191"


def test_options_that_the_side_file_has_decided_are_refused_all_at_once(exported):
    found = findings(exported, dt=0.2, reset="subtract")
    assert [(item.code, item.found) for item in found] == [("E194", "--dt 0.2"), ("E194", "--reset subtract")]


def test_widths_for_integers_that_came_along_are_refused(exported):
    with pytest.raises(DiagnosticError) as caught:
        Settings(weights=4, bits={"w1": 3}).options(load_source(exported))
    assert [(item.code, item.found) for item in caught.value.diagnostics] == [("E175", "--weights 4"),
                                                                             ("E175", "--bits w1=3")]


def test_without_its_side_file_a_graph_is_read_as_any_other(exported):
    side_path(exported).unlink()
    assert load_source(exported, reset="subtract").fixed is None


def test_a_plain_export_leaves_no_older_side_file(exported):
    made = exporting.export_source(of_graph(graphs.recurrent(1)), Options())
    assert exporting.write(made, exported, side=False) == [exported]
    assert not side_path(exported).exists()
