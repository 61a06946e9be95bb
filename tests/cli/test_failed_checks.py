"""A stage that does not equal the one before it ends a compile: told with the first difference, nothing written."""

import json
from dataclasses import replace

import pytest

from compiler import settings
from compiler.checking import checks
from compiler.checking.verdicts import Verdict
from compiler.diagnostics import DiagnosticError
from compiler.ir.network import Output
from compiler.ir.program import Emit
from compiler.results.readout import readout_of
from compiler.settings import Settings

DIFFERENCE = {"value": "hid.v", "sample": 3, "step": 7, "unit": 2, "expected": 41, "found": 42}


def test_a_difference_is_told_and_nothing_is_written(sparkc, small, monkeypatch, tmp_path):
    verdict = Verdict("fixed = program", "different", 100, 4, {}, DIFFERENCE, "")
    monkeypatch.setattr(checks, "run", lambda *arguments: [verdict])
    done = sparkc("compile", small, "--chip", "none", "-o", "out", "--json", "r.json")
    assert done.status == 1 and done.codes() == ["E390"] and "golden = program: different" in done.out
    assert all(words in done.err for words in ("value hid.v, sample 3, step 7, unit 2", "found:    42", "expected: 41"))
    assert not (tmp_path / "out").exists()
    assert json.loads((tmp_path / "r.json").read_text())["diagnostics"][0]["code"] == "E390"


@pytest.mark.parametrize(("readout", "port"), [("modal", "spikes"), ("count", "potential")])
def test_a_read_out_that_an_output_cannot_have_is_e165(small, readout, port):
    network = Settings().load(str(small)).lower()
    output = Output("output", "hid", port, readout)
    network.add(output)
    if port == "potential":
        program = network.programs[network.node("hid").site.program]
        network = _emitting_potential(network, program)
    with pytest.raises(DiagnosticError, match="E165"):
        readout_of(network, output)


def _emitting_potential(network, program):
    """The network with the potential of `hid` sent out under the name `potential`."""
    copy = network.copy()
    copy.programs[program.name] = replace(program, emits=(*program.emits, Emit("potential", "v")))
    return copy


def test_a_chip_of_another_family_is_e174(sparkc, small, monkeypatch):
    monkeypatch.setattr(settings, "chips_of", lambda target: ["abacus"])
    done = sparkc("compile", small, "--target", "jax_fixed", "--chip", "tiny")
    assert done.status == 1 and done.codes() == ["E174"] and "abacus" in done.err
