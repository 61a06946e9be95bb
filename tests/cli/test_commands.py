"""The verbs on a small source: what they print, write and give back."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import compiler
from compiler import cli


def _json(path) -> dict:
    return json.loads(path.read_text())


def test_compile_prints_what_a_person_asks_for(sparkc, small):
    done = sparkc("compile", small, "--chip", "tiny", "-o", "out")
    assert done.status == 0, done.err
    for words in ("populations", "hid  8 units", "proved [", "constants", "hid.theta", "τ 20 ms", "resources",
                  "golden = program = cores: equal", "source = model: equal", "% of units active", "wrote out"):
        assert words in done.out


def test_compile_writes_the_documented_keys(sparkc, small, tmp_path):
    assert sparkc("compile", small, "--chip", "none", "-o", "out", "--json", "report.json").status == 0
    report = _json(tmp_path / "report.json")
    assert report.keys() >= {"verdicts", "populations", "resources", "warnings", "seconds"}
    assert all(item.keys() >= {"stage", "equal", "values", "coverage"} for item in report["verdicts"])
    assert {item["equal"] for item in report["verdicts"]} == {"equal", "measured"}


def test_two_compiles_give_the_same_bytes(small, tmp_path):
    """In two processes with different hash seeds, into different folders."""
    for name, seed in (("a", "1"), ("b", "2")):
        words = [sys.executable, "-m", "compiler.cli", "compile", str(small), "--chip", "tiny", "-o"]
        environment = os.environ | {"PYTHONHASHSEED": seed}
        subprocess.run([*words, str(tmp_path / name)], check=True, capture_output=True, env=environment)
    contents = [{path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
                for folder in (tmp_path / "a", tmp_path / "b")]
    assert contents[0] == contents[1]


def test_nothing_in_an_artifact_names_its_folder_or_this_machine(built):
    text = b"".join(path.read_bytes() for path in built.rglob("*") if path.is_file())
    assert str(built.parent).encode() not in text and os.uname().nodename.encode() not in text


def test_every_engine_writes_the_same_bytes(sparkc, built, inputs, tmp_path):
    written = set()
    for raw in ([], ["--raw"]):
        for engine in ("program", "reference", "cores"):
            done = sparkc("simulate", built, "--engine", engine, "--input", inputs, "--output", f"{engine}.npz",
                          "--record", "hid.v", "out.n[0:2]@every=3", "hid.spikes", *raw)
            assert done.status == 0, done.err
        written.add((tmp_path / "program.npz").read_bytes())
        assert {(tmp_path / f"{engine}.npz").read_bytes() for engine in ("reference", "cores")} <= written
    assert len(written) == 2


def test_the_generated_program_writes_the_same_bytes_without_sparkc(sparkc, built, inputs, tmp_path):
    assert sparkc("simulate", built, "--input", inputs, "--output", "a.npz", "--record", "hid.v").status == 0
    code = (
        "import sys, runpy\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('compiler', 'spark', 'targets'): raise ImportError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        f"sys.argv = ['program.py', '--input', {str(inputs)!r}, '--output', 'b.npz', '--record', 'hid.v']\n"
        f"runpy.run_path({str(built / 'program.py')!r}, run_name='__main__')"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=tmp_path)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("engine", ["program", "reference", "cores"])
def test_two_halves_with_the_state_carried_over_equal_one_run(sparkc, built, inputs, tmp_path, engine):
    rows = np.load(inputs)["input"]
    np.savez(tmp_path / "first.npz", input=rows[:, :7])
    np.savez(tmp_path / "second.npz", input=rows[:, 7:])
    runs = [(inputs, "whole.npz"), ("first.npz", "a.npz", "--state-out", "s.npz"),
            ("second.npz", "b.npz", "--state-in", "s.npz")]
    for given, output, *state in runs:
        done = sparkc("simulate", built, "--engine", engine, "--record", "hid.v", "--raw", "--input", given,
                      "--output", output, *state)
        assert done.status == 0, done.err
    whole, a, b = (np.load(tmp_path / name) for name in ("whole.npz", "a.npz", "b.npz"))
    for name in ("output", "hid.v"):
        assert np.concatenate([a[name], b[name]], axis=1).tolist() == whole[name].tolist()


def test_a_state_of_one_engine_continues_on_another(sparkc, built, inputs, tmp_path):
    states = []
    for engine in ("program", "reference", "cores"):
        assert sparkc("simulate", built, "--input", inputs, "--engine", engine, "--state-out", "s.npz").status == 0
        states.append((tmp_path / "s.npz").read_bytes())
    assert len(set(states)) == 1


def test_a_source_runs_in_floating_point_near_its_artifact(sparkc, small, built, inputs, tmp_path):
    assert sparkc("simulate", small, "--input", inputs, "--output", "float.npz", "--record", "hid.v").status == 0
    assert sparkc("simulate", built, "--input", inputs, "--output", "fixed.npz", "--record", "hid.v").status == 0
    float_, fixed = np.load(tmp_path / "float.npz"), np.load(tmp_path / "fixed.npz")
    assert float_["hid.v"].dtype == np.float64
    assert np.abs(float_["hid.v"][:, :3] - fixed["hid.v"][:, :3]).max() < 0.5


def test_an_unbatched_input_gives_unbatched_outputs(sparkc, built, inputs, tmp_path):
    np.savez(tmp_path / "one.npz", input=np.load(inputs)["input"][0])
    assert sparkc("simulate", built, "--input", "one.npz", "--output", "y.npz").status == 0
    assert np.load(tmp_path / "y.npz")["output"].shape == (20, 3)


def test_compare_has_a_row_for_every_width_and_target(sparkc, small, inputs, tmp_path):
    done = sparkc("compare", small, "--data", inputs, "--weights", "8,4", "--targets", "jax_fixed,cores",
                  "--chip", "tiny", "--json", "c.json")
    assert done.status == 0, done.err
    found = _json(tmp_path / "c.json")
    assert [(row["target"], row["weights"]) for row in found["rows"]] == [
        ("jax_fixed", 8), ("cores", 8), ("jax_fixed", 4), ("cores", 4)]
    assert found["float"]["n"] == 5 and found["rows"][0].keys() >= {
        "state", "accuracy", "agreement", "spike_count_error", "first_divergence", "seconds"}
    by_width = [{key: row[key] for key in row if key not in ("target", "seconds")} for row in found["rows"]]
    assert by_width[0] == by_width[1] and by_width[2] == by_width[3]


def test_compare_explains_in_words_in_json_and_on_a_page(sparkc, small, inputs, tmp_path):
    done = sparkc("compare", small, "--data", inputs, "--weights", "3", "--json", "c.json", "--report", "page.html")
    assert done.status == 0, done.err
    for words in ("teacher-forced", "grey zone", "blame", "most of it: weights", "unexplained", "hid.theta"):
        assert words in done.out
    [row] = _json(tmp_path / "c.json")["rows"]
    hid = row["explained"]["populations"]["hid"]
    assert hid["states"]["hid.v"].keys() == {"lsb", "closed_loop", "teacher_forced"}
    assert hid.keys() == {"states", "saturated", "harmless", "grey_zone", "firing_rate", "spike_count_error",
                          "first_divergence", "constants"}
    blame = row["explained"]["blame"]
    assert blame["culprit"] == "weights" and blame["components"]["delays"]["exact"]
    assert "What is to blame" in (tmp_path / "page.html").read_text()
    done = sparkc("compare", small, "--data", inputs, "--explain", "0", "--json", "c.json")
    assert "blame" not in done.out and _json(tmp_path / "c.json")["rows"][0]["explained"] == {}


def test_inspect_prints_a_network_that_is_a_source(sparkc, small, inputs, tmp_path):
    done = sparkc("inspect", small, "--level", "model", "--json", "i.json")
    assert done.status == 0 and done.out.startswith("snn 1")
    assert _json(tmp_path / "i.json")["network"] == done.out


def test_inspect_of_an_artifact_prints_its_report_and_its_network(sparkc, built):
    assert "populations" in sparkc("inspect", built).out
    assert sparkc("inspect", built, "--level", "mapped").out == (built / "network.snn").read_text()


def test_check_tells_what_a_certificate_proves(sparkc, built, tmp_path):
    done = sparkc("check", "--certificate", built, "--json", "c.json")
    assert done.status == 0, done.err
    assert "hid.v" in done.out and "proved" in done.out and "the certificate holds" in done.out
    assert _json(tmp_path / "c.json")["holds"]
    alone = tmp_path / "alone.json"
    certificate = _json(built / "certificate.json")
    certificate["sites"]["hid"]["states"]["v"]["slack"] += 1
    alone.write_text(json.dumps(certificate))
    done = sparkc("check", built, "--certificate", alone, "--json", "c.json")
    assert done.status == 1 and done.codes() == ["E321"] and "hid.v.slack" in done.err
    assert not _json(tmp_path / "c.json")["holds"]


def test_check_tells_what_fits_where(sparkc, small, tmp_path):
    done = sparkc("check", small, "--json", "f.json")
    assert done.status == 0, done.err
    fits = {item["chip"]: item["fits"] for item in _json(tmp_path / "f.json")["fits"]}
    assert fits["generic"] and fits["tiny"]


@pytest.mark.parametrize("kind", ["neurons", "passes", "targets", "chips", "errors"])
def test_list_prints_names_with_a_sentence(sparkc, kind, tmp_path):
    done = sparkc("list", kind, "--json", "l.json")
    entries = _json(tmp_path / "l.json")[kind]
    assert done.status == 0 and entries
    assert all(item["name"] in done.out and item["summary"] for item in entries)


def test_dump_after_prints_the_network_and_check_compares_passes(sparkc, small):
    done = sparkc("compile", small, "--chip", "none", "-o", "out", "--dump-after", "quantize", "--check")
    assert done.status == 0, done.err
    assert "// after quantize\nsnn 1  level=fixed" in done.out


def test_settings_come_from_a_file_and_the_command_line_overrides_it(sparkc, small, tmp_path):
    (tmp_path / "s.toml").write_text('weights = 5\nchip = "none"\n[bits]\nhid_out = 4\n')
    done = sparkc("compile", small, "-o", "out", "--config", "s.toml", "--weights", "6", "--json", "r.json")
    assert done.status == 0, done.err
    widths = {item["name"]: item["weights"][0]["format"] for item in _json(tmp_path / "r.json")["projections"]}
    assert widths == {"input_hid": "s6.0", "hid_hid": "s6.0", "hid_out": "s4.0"}


def test_python_has_the_same_verbs(small, inputs, tmp_path):
    artifact = compiler.compile(small, tmp_path / "out", chip="none")
    rows = np.load(inputs)["input"]
    whole = artifact.run(rows, record=["hid.v"])
    first = artifact.run(rows[:, :9], engine="reference")
    second = compiler.load(tmp_path / "out").run(rows[:, 9:], state=first.state, record=["hid.v"])
    halves = np.concatenate([first.outputs["output"], second.outputs["output"]], 1)
    assert halves.tolist() == whole.outputs["output"].tolist()
    assert compiler.compare(small, inputs, weights=[4]).rows[0].weights == 4


def test_an_artifact_without_a_folder_lives_as_long_as_it_is_used(small):
    artifact = compiler.compile(small, chip="none")
    folder = artifact.folder
    assert artifact.run(np.ones((3, 12))).outputs["output"].shape == (1, 3, 3)
    del artifact
    assert not folder.exists()


def test_json_goes_to_standard_output_on_demand(sparkc):
    done = sparkc("list", "chips", "--json", "-")
    assert '"chips": [' in done.out


def test_a_closed_pipe_is_no_fault(small):
    words = f"{sys.executable} -m compiler.cli list errors | head -1"
    done = subprocess.run(["bash", "-c", words], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("E") and done.stderr == ""


def test_our_own_fault_is_status_70_with_a_dump(sparkc, monkeypatch, tmp_path, small):
    def broken(*arguments, **settings):
        raise RuntimeError("a fault on purpose")

    monkeypatch.setattr("compiler.source.load_source", broken)
    done = sparkc("compile", small, "-o", "out")
    assert done.status == cli.OWN_FAULT and done.err.count("\n") == 1 and "Traceback" not in done.err
    [dump] = tmp_path.glob("sparkc-fault-*.json")
    told = _json(dump)
    assert str(dump) in done.err and "a fault on purpose" in "".join(told["traceback"])
    assert told["files"][0]["text"] == small.read_text() and told["arguments"][0] == "compile"


def test_compare_needs_no_data_and_says_what_may_help(sparkc, small):
    done = sparkc("compare", small, "--weights", "2", "--coefficients", "12", "--json", "c.json")
    assert (done.status, done.codes()) == (0, [])
    found = json.loads(Path("c.json").read_text())
    assert "on a random stimulus" in done.out and found["origin"] == "a random stimulus"
    assert found["float"]["accuracy"] is None and found["rows"][0]["agreement"] <= 1
    blame = found["rows"][0]["explained"]["blame"]
    assert blame["culprit"] == "weights" and f"what may help: {blame['remedy']}" in done.out
    assert "--weights" in blame["remedy"]
