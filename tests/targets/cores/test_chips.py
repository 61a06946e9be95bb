"""Chip files: every limit with its source; unknown, missing and contradictory entries named all at once."""

import re

import pytest

from compiler import chips
from compiler.diagnostics import DiagnosticError

TEXT = chips.known()["tiny"].read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(chips.known()))
def test_every_number_of_a_chip_names_its_source(name):
    chip = chips.load(name)
    assert chip.name == name and chip.family and chip.description
    assert {key.partition(".")[2] for key in chip.sources} <= chips.LIMITS.keys() | chip.facts.keys()
    needed = {key for key, meta in chips.LIMITS.items() if meta["default"] is None}
    assert needed <= {key.partition(".")[2] for key in chip.sources}
    assert all(source.strip() for source in chip.sources.values())


def _faults(tmp_path, text: str) -> list[str]:
    path = tmp_path / "family" / "chips" / "odd.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DiagnosticError) as caught:
        chips.read(path)
    assert {item.code for item in caught.value.diagnostics} == {"E431"}
    return [f"{item.place.path}: {item.message} | {item.hint}" for item in caught.value.diagnostics]


def test_a_file_is_read_as_it_is_written(tmp_path):
    path = tmp_path / "family" / "chips" / "mine.toml"
    path.parent.mkdir(parents=True)
    path.write_text(TEXT, encoding="utf-8")
    chip = chips.read(path)
    assert (chip.name, chip.family, chip.neurons, chip.cores) == ("mine", "family", 16, 64)


def test_all_faults_are_reported_at_once(tmp_path):
    text = TEXT.replace("neurons =", "neuron =").replace("[router]", "[routers]")
    text = text.replace("delay_slots = { value = 32", "delay_slots = { value = 1")
    assert _faults(tmp_path, text) == [
        "core.neuron: unknown key | did you mean neurons?",
        "routers: unknown key | did you mean router?",
        "core.neurons: missing key | units of populations on a core",
        "router.routes: missing key | different multicast trees through one router",
        "time.delay_slots: no delay slot is left after delivery | ",
    ]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("value = 8,", "value = 0,", "at least 1"),
        ("value = 8,", 'value = "8",', "at least 1"),
        ("value = 8,", "value = true,", "at least 1"),
        ("value = 3.0", "value = -1", "an energy"),
        ('"floor"', '"upwards"', "roundings are some of"),
        ("value = 6,", "value = 5,", "name every accumulator"),
        ("word_bits = { value = 32", "word_bits = { value = 24", "one of 8, 16, 32, 64"),
        ("weight_bits = { value = 16", "weight_bits = { value = 60", "wider than 57 bits"),
        (re.search(r'source = "[^"]*"', TEXT).group(), 'source = " "', "without its source"),  # type: ignore[union-attr]
        ("{ value = 8, ", "{ values = 8, ", "a value with its source"),
        ("description", "describe", "unknown key"),
    ],
)
def test_a_wrong_entry_is_named(tmp_path, old, new, fault):
    assert any(fault in item for item in _faults(tmp_path, TEXT.replace(old, new, 1)))


@pytest.mark.parametrize("text", ["[mesh", "description = 3", ""])
def test_text_that_is_no_chip_is_refused(tmp_path, text):
    assert _faults(tmp_path, text)


def test_an_unknown_chip_names_those_there_are():
    with pytest.raises(DiagnosticError, match=r"E430.*'generik'(?s:.*)did you mean generic\?"):
        chips.load("generik")
