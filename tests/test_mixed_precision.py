"""Bits chosen for each projection: what matters keeps them, and the compiled network stays within both budgets."""

import doctest

import pytest
from click.testing import CliRunner

from compiler import mixed_precision, pipeline
from compiler.cli import sparkc
from compiler.diagnostics import DiagnosticError
from compiler.formats import BoolType
from compiler.mixed_precision import chosen_options, parse_memory, search
from compiler.settings import Settings

SOURCE = '''
import numpy as np
from spark.nn.brain import Brain, ModuleSpecs, PortMap
from spark.nn.components.somas.leaky import LeakySomaConfig
from spark.nn.components.synapses.linear import LinearSynapsesConfig
from spark.nn.neurons import LIFNeuron

generator = np.random.default_rng(0)
labels = generator.integers(0, 3, 60)
rates = np.where(np.arange(12) // 4 == labels[:, None], 0.5, 0.1)
spikes = (generator.random((60, 16, 12)) < rates[:, None]).astype(np.uint8)
noise = (generator.random((60, 16, 12)) < 0.3).astype(np.uint8)
kernel = np.where(np.arange(12) // 4 == np.arange(3)[:, None], 1.0, -0.3) + generator.normal(0, 0.15, (3, 12))
kernel = np.concatenate([kernel, generator.normal(0, 1e-3, (3, 12))], axis=1)
data = {"seen": spikes, "unseen": noise, "label": labels}
calibration = {"seen": spikes, "unseen": noise}


def model():
    soma = LeakySomaConfig(potential_rest=-60.0, potential_reset=-60.0, threshold=-50.0, potential_tau=8.0)
    out = LIFNeuron(units=(3,), inhibitory_rate=0.0, soma=soma,
                    synapses=LinearSynapsesConfig(scale=400.0, kernel=kernel))
    return Brain(inputs={"seen": 12, "unseen": 12}, outputs={"output": PortMap("out", "out_spikes")}, modules=[
        ModuleSpecs("out", out, {"in_spikes": [PortMap("__call__", "seen"), PortMap("__call__", "unseen")]})])
'''


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    file = tmp_path_factory.mktemp("mixed") / "net.py"
    file.write_text(SOURCE)
    return file


@pytest.fixture
def few(monkeypatch):
    """Fewer networks on the path: each is compiled."""
    monkeypatch.setattr(mixed_precision, "SHOWN", 3)
    monkeypatch.setattr(mixed_precision, "REFINED", 1)
    monkeypatch.setattr(mixed_precision, "WIDTHS", (2, 4, 8))


def found_on(source, **budget):
    settings = Settings(chip="none")
    loaded = settings.load(str(source))
    return search(loaded, settings.options(loaded), **budget), loaded, settings.options(loaded)


def test_what_moves_the_scores_keeps_more_bits_within_the_loss_allowed(source, few):
    found, loaded, options = found_on(source, accuracy_loss=2.0)
    useful, useless = "seen_out", "unseen_out"
    assert set(found.sensitivity) == {useful, useless}
    assert found.sensitivity[useful][2] > 10 * max(found.sensitivity[useless][2], 1e-12)
    assert all(item.bits[useful] >= item.bits[useless] for item in found.rows)
    assert any(item.bits[useful] > item.bits[useless] for item in found.rows)
    assert found.chosen.memory == min(item.memory for item in found.rows
                                      if item.right.value >= found.reference.value - 0.02 - 1e-9)
    assert found.labelled and found.chosen.right.value >= found.reference.value - 0.02 - 1e-9
    fixed = pipeline.quantized(loaded, chosen_options(options, found.chosen.bits))
    for name, bits in found.chosen.bits.items():
        assert fixed.tensor(fixed.projection(name).chain[0].weights).type.width == bits


def test_a_budget_of_memory_is_kept_by_the_network_that_is_compiled(source, few):
    states = 3 * 24
    found, loaded, options = found_on(source, memory=72 * 5 + states)
    fixed = pipeline.quantized(loaded, chosen_options(options, found.chosen.bits))
    total = sum(fixed.tensor(item.chain[0].weights).data.size * fixed.tensor(item.chain[0].weights).type.width
                for item in fixed.projections)
    for _, site, units in fixed.sites():
        for item in fixed.programs[site.program].states:
            total += units * (1 if isinstance(item.type, BoolType) else item.type.width)
    assert total <= 72 * 5 + states
    assert sum(found.chosen.bits.values()) < 16


def test_a_budget_that_nothing_meets_is_an_error_that_says_what_would(source, few):
    with pytest.raises(DiagnosticError, match="E342") as caught:
        found_on(source, memory=8)
    assert "at least" in caught.value.diagnostics[0].found


def test_the_command_prints_the_table_and_compiles_with_the_bits(source, few, tmp_path):
    result = CliRunner().invoke(sparkc, ["compile", str(source), "--accuracy-loss", "3", "--chip", "none",
                                       "-o", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    assert "<- chosen" in result.output and "bits of weights" in result.output
    assert "unseen_out" in result.output and (tmp_path / "out" / "report.json").read_text().count("pareto") == 1
    wrong = CliRunner().invoke(sparkc, ["compile", str(source), "--memory", "much"])
    assert wrong.exit_code == 2 and "64KiB" in wrong.output


def test_amounts_of_memory():
    assert parse_memory("1.5 MiB") == 1.5 * 1024 * 1024 * 8 and parse_memory("100") == 800
    for text in ("KiB", "12 pounds", "0B"):
        with pytest.raises(ValueError, match="memory"):
            parse_memory(text)
    assert doctest.testmod(mixed_precision).failed == 0


def test_samples_are_needed(tmp_path):
    file = tmp_path / "bare.py"
    file.write_text("from spark.nn.neurons import LIFNeuron\nmodel = LIFNeuron(units=(2,)).build(3)\n")
    with pytest.raises(DiagnosticError, match="E343"):
        found_on(file, memory=8000)
