"""Bits chosen for each projection: what matters keeps them, and the compiled network stays within both budgets."""

import doctest
import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

import compiler
from compiler import pipeline, reference
from compiler.cli import sparkc
from compiler.diagnostics import DiagnosticError
from compiler.formats import BoolType
from compiler.input_files import integers_of
from compiler.mixed_precision import allocation, amounts, parse_memory, search, selection, sensitivity
from compiler.mixed_precision.parts import memory_of
from compiler.mixed_precision.samples import Samples
from compiler.quantization.decisions import Decisions
from compiler.results.archive import physical
from compiler.settings import Settings
from tests.mixed_precision.sources import SOURCE


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    file = tmp_path_factory.mktemp("mixed") / "net.py"
    file.write_text(SOURCE)
    return file


@pytest.fixture
def few(monkeypatch):
    """Fewer networks on the path: each is compiled."""
    monkeypatch.setattr(selection, "SHOWN", 3)
    monkeypatch.setattr(selection, "REFINED", 1)
    monkeypatch.setattr(sensitivity, "WEIGHT_WIDTHS", (2, 4))
    monkeypatch.setattr(sensitivity, "STATE_WIDTHS", (8, 12))


USUAL = Settings(chip="none")


def found_on(source, settings=USUAL, **budget):
    loaded = settings.load(str(source))
    return search(loaded, settings.options(loaded), **budget), loaded, settings.options(loaded)


def test_what_moves_the_scores_keeps_more_bits_within_the_loss_allowed(source, few):
    found, loaded, _ = found_on(source, accuracy_loss=2.0)
    useful, useless = "seen_out", "unseen_out"
    assert set(found.sensitivity) == {useful, useless, "out"}
    assert found.sensitivity[useful][2] > 10 * max(found.sensitivity[useless][2], 1e-12)
    assert all(item.bits[useful] >= item.bits[useless] for item in found.rows)
    assert any(item.bits[useful] > item.bits[useless] for item in found.rows)
    assert found.chosen.memory == min(item.memory for item in found.rows
                                      if item.right.value >= found.reference.value - 0.02 - 1e-9)
    assert found.labelled and found.chosen.right.value >= found.reference.value - 0.02 - 1e-9
    fixed = pipeline.quantized(loaded, found.options)
    for name in (useful, useless):
        assert fixed.tensor(fixed.projection(name).chain[0].weights).type.width == found.chosen.bits[name]
    assert fixed.programs[fixed.node("out").site.program].states[0].type.width <= found.chosen.bits["out"]


def test_a_budget_of_memory_is_kept_by_the_network_that_is_compiled(source, few):
    budget = 72 * 5 + 3 * 12
    found, loaded, _ = found_on(source, memory=budget)
    fixed = pipeline.quantized(loaded, found.options)
    total = sum(fixed.tensor(item.chain[0].weights).data.size * fixed.tensor(item.chain[0].weights).type.width
                for item in fixed.projections)
    for _, site, units in fixed.sites():
        for item in fixed.programs[site.program].states:
            total += units * (1 if isinstance(item.type, BoolType) else item.type.width)
    assert total == found.chosen.memory <= budget


def test_a_budget_that_nothing_meets_is_an_error_that_says_what_would(source, few):
    with pytest.raises(DiagnosticError, match="E342") as caught:
        found_on(source, memory=8)
    finding = caught.value.diagnostics[0]
    assert "points lost with" in finding.found and "seen_out=2" in finding.found and finding.expected == "at most 1 B"
    assert "more memory" in finding.hint


def test_the_command_prints_the_table_and_compiles_with_the_bits(source, few, tmp_path):
    result = CliRunner().invoke(sparkc, ["compile", str(source), "--accuracy-loss", "3", "--chip", "none",
                                       "-o", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "<- chosen" in result.output and "bits of weights and of states" in result.output
    assert "unseen_out" in result.output and (tmp_path / "out" / "report.json").read_text().count("pareto") == 1
    wrong = CliRunner().invoke(sparkc, ["compile", str(source), "--memory", "much"])
    assert wrong.exit_code == 2 and "64KiB" in wrong.output


def test_the_verb_chooses_as_the_command_does_and_what_it_writes_takes_the_memory_of_the_table(source, few, tmp_path):
    written = compiler.compile(source, tmp_path / "out", chip="none", memory="60B")
    found, _, _ = found_on(source, memory=480)
    assert written.report["bits"] == json.loads(json.dumps(found.as_json()))
    assert memory_of(written.network) == written.report["bits"]["chosen"]["memory_bits"] <= 480
    assert compiler.compile(source, chip="none", memory=60).report["bits"] == written.report["bits"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.count("chosen</td>") == 1 and all(row.words() in page for row in found.rows)


@pytest.mark.parametrize(("budget", "place"), [
    ({"memory": "much"}, "memory"), ({"accuracy_loss": -1}, "accuracy_loss")])
def test_the_verb_refuses_what_is_no_budget(source, budget, place):
    with pytest.raises(DiagnosticError, match="E171") as caught:
        compiler.compile(source, **budget)
    assert caught.value.diagnostics[0].place.path == place


def test_what_is_fixed_is_not_chosen(source, few):
    written = compiler.compile(source, chip="none", states=20, bits={"unseen_out": 7}, accuracy_loss=50.0)
    assert set(written.report["bits"]["sensitivity"]) == set(written.report["bits"]["chosen"]["bits"]) == {"seen_out"}
    assert written.network.tensor(written.network.projection("unseen_out").chain[0].weights).type.width == 7
    single, _, _ = found_on(source, Settings(chip="none", bits={"out.v": 20}), accuracy_loss=50.0)
    assert set(single.sensitivity) == {"seen_out", "unseen_out"}


def test_networks_are_measured_with_the_roundings_that_are_asked_for(source, few):
    for rounding, of_weights in (("even", "fitted"), ("floor", "nearest")):
        settings = Settings(chip="none", rounding=rounding, weight_rounding=of_weights)
        found, loaded, _ = found_on(source, settings, memory=72 * 3 + 3 * 8)
        assert (found.options.rounding, found.options.weight_rounding) == (rounding, of_weights)
        compilation = pipeline.compile_source(loaded, found.options, checked=False)
        samples = Samples(loaded, compilation.model, None)
        run = reference.run(compilation.fixed, integers_of(compilation.fixed, samples.inputs), record=[samples.record])
        rows = physical(compilation.fixed, samples.record, run.records[samples.record])
        assert samples.right(rows) == found.chosen.right and memory_of(compilation.fixed) == found.chosen.memory


def test_bits_that_are_held_are_not_chosen(source):
    loaded = USUAL.load(str(source))
    held = replace(USUAL.options(loaded), decided=Decisions())
    with pytest.raises(DiagnosticError, match="E344"):
        search(loaded, held, memory=8000)


def test_amounts_of_memory():
    assert parse_memory("1.5 MiB") == 1.5 * 1024 * 1024 * 8 and parse_memory("100") == 800
    for text in ("KiB", "12 pounds", "0B", "1.2.3KiB", "infB"):
        with pytest.raises(ValueError, match="memory"):
            parse_memory(text)
    assert all(doctest.testmod(module).failed == 0 for module in (amounts, allocation))


def test_samples_are_needed(tmp_path):
    file = tmp_path / "bare.py"
    file.write_text("from spark.nn.neurons import LIFNeuron\nmodel = LIFNeuron(units=(2,)).build(3)\n")
    with pytest.raises(DiagnosticError, match="E343"):
        found_on(file, memory=8000)
