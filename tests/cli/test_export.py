"""`sparkc export`: what it writes and prints, and the way back."""

import json
from pathlib import Path

import nir
import numpy as np
import pytest

GRAPH = Path(__file__).parent.parent / "data" / "nir" / "lif_norse.nir"


@pytest.fixture
def integers(sparkc):
    """A graph of an artifact and its side file."""
    assert sparkc("compile", GRAPH, "--chip", "tiny", "-o", "first").status == 0
    done = sparkc("export", "first", "fixed.nir")
    assert done.status == 0, done.err
    return done


def test_a_graph_and_its_side_file_are_written_and_what_is_lost_is_told(sparkc, tmp_path):
    done = sparkc("export", GRAPH, "out/lif.nir", "--reset", "subtract", "--json", "told.json")
    assert done.status == 0, done.err
    for words in ("does not carry the time step, 0.1 ms", "reset by subtraction, of lif_1", "wrote out/lif.nir\n",
                  "wrote out/lif.nir.json"):
        assert words in done.out
    told = json.loads((tmp_path / "told.json").read_text())
    assert told.keys() == {"level", "written", "nodes", "not_carried", "remarks"} and told["nodes"]["lif_1"] == "LIF"
    assert set(nir.read(tmp_path / "out" / "lif.nir").nodes) == set(told["nodes"])
    assert sparkc("export", GRAPH, "out/lif.nir", "--plain").out.endswith("wrote out/lif.nir\n")
    assert not (tmp_path / "out" / "lif.nir.json").exists()


def test_an_exported_artifact_compiles_to_the_same_tables(sparkc, integers, tmp_path):
    assert "number formats" in integers.out
    done = sparkc("compile", "fixed.nir", "--chip", "tiny", "-o", "second")
    assert done.status == 0 and "the integers of fixed.nir.json" in done.err
    for path in [*(tmp_path / "first").rglob("cores/*"), *(tmp_path / "first" / name for name in (
            "network.snn", "tensors.npz", "program.py", "certificate.json"))]:
        assert path.read_bytes() == (tmp_path / "second" / path.relative_to(tmp_path / "first")).read_bytes()


def test_an_exported_artifact_is_compared_like_any_source(sparkc, integers, tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "x.npz", input=(rng.random((6, 200, 1)) < 0.3).astype(np.uint8), label=np.zeros(6, int))
    done = sparkc("compare", "fixed.nir", "--data", "x.npz", "--targets", "jax_fixed,cores")
    assert done.status == 0, done.err
    assert "jax_fixed  8" in done.out and "cores      8" in done.out


@pytest.mark.parametrize("words, code", [
    (("{small}", "out.nir"), "E190"), (("{small}", "out.onnx"), "E193"),
    (("first", "out.nir", "--level", "model"), "E193"),
])
def test_what_cannot_be_exported_is_told_and_nothing_is_written(sparkc, small, integers, tmp_path, words, code):
    done = sparkc("export", *(word.format(small=small) for word in words))
    assert done.status == 1 and set(done.codes()) == {code}
    assert not list(tmp_path.glob("out*"))
