"""Recorded cases of the chip and its emulators: every engine gives what was recorded, value by value."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from compiler import npz, reference
from compiler.checking import conformance
from compiler.cli import sparkc
from compiler.diagnostics import DiagnosticError
from compiler.ir.parse import parse
from compiler.ir.print import print_network
from targets.loihi.cases import read_case

FOLDER = Path(__file__).parents[2] / "data" / "loihi"
FILES = sorted(FOLDER.glob("*.npz"))
TWO_ENGINES = ("edge_08", "delay_02", "refractory_02")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_golden_model_gives_what_was_recorded(path):
    case = read_case(path)
    records = [name for names in case.expected for name in conformance.parts(names)]
    result = reference.run(case.network, case.inputs, record=records)
    found = conformance.compared(case, "reference", result, {
        name: case.network.tensors[f"{name}.weights"].data.astype(np.int64)
        for names in case.weights for name in conformance.parts(names)})
    assert found.first_difference is None and found.values > 0


@pytest.mark.parametrize("name", TWO_ENGINES)
def test_program_and_cores_give_what_was_recorded(name):
    outcomes = list(conformance.outcomes("loihi", read_case(FOLDER / f"{name}.npz")))
    assert [item.engine for item in outcomes] == list(conformance.ENGINES)
    assert all(item.equal for item in outcomes), [item.first_difference for item in outcomes]


@pytest.mark.parametrize("path", FILES[:4], ids=lambda path: path.stem)
def test_a_case_is_an_ordinary_network(path):
    network = read_case(path).network
    assert parse(print_network(network), network.tensors) == network


def test_the_command_prints_a_table_and_writes_every_case(tmp_path):
    (tmp_path / "edge_08.npz").write_bytes((FOLDER / "edge_08.npz").read_bytes())
    done = CliRunner().invoke(sparkc, ["conform", "loihi", str(tmp_path), "--json", str(tmp_path / "out.json")])
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["all_equal"] and [item["engine"] for item in found["cases"]] == list(conformance.ENGINES)
    assert set(found["cases"][0]) == {"id", "engine", "values", "equal", "first_difference"}
    assert "3 of 3 runs equal" in done.output


def test_a_recorded_value_that_differs_is_named_and_fails(tmp_path):
    arrays = npz.read(FOLDER / "edge_08.npz")
    arrays["out.v"][7, 3] += 1
    npz.write(tmp_path / "odd.npz", arrays)
    done = CliRunner().invoke(sparkc, ["conform", "loihi", str(tmp_path), "--json", str(tmp_path / "out.json")])
    found = json.loads((tmp_path / "out.json").read_text())
    assert done.exit_code == 1 and not found["all_equal"]
    first = found["cases"][0]["first_difference"]
    assert (first["value"], first["step"], first["unit"]) == ("out.v", 7, 3)
    assert first["expected"] == first["found"] + 1


def _broken(tmp_path, change) -> DiagnosticError:
    arrays = npz.read(FOLDER / "edge_08.npz")
    meta = json.loads(str(arrays["meta"]))
    change(arrays, meta)
    arrays["meta"] = np.array(json.dumps(meta))
    npz.write(tmp_path / "odd.npz", arrays)
    with pytest.raises(DiagnosticError) as caught:
        read_case(tmp_path / "odd.npz")
    return caught.value


@pytest.mark.parametrize(("change", "place"), [
    (lambda arrays, meta: meta["populations"][0].update(model="izhikevich"), "meta.populations[0].model"),
    (lambda arrays, meta: meta["populations"][0].update(du=4096), "meta.populations[0].du"),
    (lambda arrays, meta: meta["populations"][0].update(du="1"), "meta.populations[0].du"),
    (lambda arrays, meta: meta["populations"][0].update(n=-1), "meta.populations[0].n"),
    (lambda arrays, meta: meta["projections"][0].update(pre="nobody"), "meta.projections[0].pre"),
    (lambda arrays, meta: meta["projections"][0].update(name="w in"), "meta.projections[0].name"),
    (lambda arrays, meta: meta["projections"][0].update(sign_mode="odd"), "meta.projections[0].sign_mode"),
    (lambda arrays, meta: meta["projections"][0].update(weight_exp=2.5), "meta.projections[0].weight_exp"),
    (lambda arrays, meta: meta.update(projections={}), "meta.projections"),
    (lambda arrays, meta: arrays.pop("in.spikes"), "in.spikes"),
    (lambda arrays, meta: meta["inputs"].append({"name": "out", "n": 8}), "meta.populations[0].name"),
    (lambda arrays, meta: meta["projections"].append(meta["projections"][0]), "meta.projections[1].name"),
    (lambda arrays, meta: arrays.update({"out.u0": np.full(8, 1 << 33)}), "out.u0"),
    (lambda arrays, meta: [arrays.pop(name) for name in ("out.u", "out.v", "out.spikes", "w_in.a")], ""),
    (lambda arrays, meta: arrays.update({"out.v": arrays["out.v"][:5]}), "out.v"),
    (lambda arrays, meta: arrays.update({"w_in.weights": arrays["w_in.weights"] + 0.5}), "w_in.weights"),
])
def test_a_case_that_does_not_fit_is_refused(tmp_path, change, place):
    found = _broken(tmp_path, change).diagnostics[0]
    assert (found.code, found.place.path) == ("E140", place)


def test_words_numbers_and_names_may_be_given_in_other_ways(tmp_path):
    """Defaults left out or null, whole numbers as floats, names that other parts of the network would have."""
    arrays = npz.read(FOLDER / "ternary_02.npz")
    meta = json.loads(str(arrays["meta"]))
    meta["projections"][0] |= {"sign_mode": "MIXED", "num_weight_bits": None, "pre": "out_out"}
    meta["inputs"][0]["name"] = "out_out"
    arrays |= {"meta": np.array(json.dumps(meta)), "out_out.spikes": arrays["in.spikes"],
               "w_in.weights": arrays["w_in.weights"].astype(np.float32)}
    npz.write(tmp_path / "case.npz", arrays)
    case = read_case(tmp_path / "case.npz")
    result = reference.run(case.network, case.inputs, record=list(case.expected))
    assert conformance.compared(replace(case, weights={}), "reference", result, {}).first_difference is None


def test_a_file_that_does_not_describe_itself_is_refused(tmp_path):
    npz.write(tmp_path / "odd.npz", {"meta": np.array("{"), "x": np.zeros(3)})
    with pytest.raises(DiagnosticError, match="E140"):
        read_case(tmp_path / "odd.npz")


def test_a_folder_without_cases_and_a_target_without_them_are_said(tmp_path):
    with pytest.raises(DiagnosticError, match="E146"):
        conformance.case_files("loihi", tmp_path)
    with pytest.raises(DiagnosticError, match=r"E145(?s:.*)expected: loihi"):
        conformance.case_files("jax_fixed", tmp_path)
