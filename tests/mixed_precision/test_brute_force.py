"""The search against every allocation of a small net, each run by the golden model."""

import itertools
from dataclasses import replace

import pytest

from compiler import pipeline, reference
from compiler.input_files import integers_of
from compiler.mixed_precision import search, sensitivity
from compiler.mixed_precision.samples import Samples
from compiler.results.archive import physical
from compiler.settings import Settings
from tests.mixed_precision.sources import SKEWED

WEIGHTS, STATES = (2, 4), (6, 12)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    file = tmp_path_factory.mktemp("skewed") / "net.py"
    file.write_text(SKEWED)
    settings = Settings(chip="none", weight_rounding="nearest")
    source = settings.load(str(file))
    return source, settings.options(source)


@pytest.fixture(scope="module")
def every(loaded):
    """(memory in bits, share of right classes) of every allocation, by its bits."""
    source, options = loaded
    model = pipeline.lowered(source, options)
    samples = Samples(source, model, None)
    found = {}
    for seen, unseen, out in itertools.product((*WEIGHTS, 8), (*WEIGHTS, 8), (*STATES, 24)):
        bits = {"seen_out": seen, "unseen_out": unseen, "out": out}
        fixed = pipeline.quantized(source, replace(options, bits=bits), model)
        rows = reference.run(fixed, integers_of(fixed, samples.inputs), record=[samples.record]).records[samples.record]
        width = fixed.programs[fixed.node("out").site.program].states[0].type.width
        classes = physical(fixed, samples.record, rows).mean(axis=1).argmax(axis=-1)
        found[seen, unseen, width] = 36 * (seen + unseen) + 3 * width, float((classes == samples.label).mean())
    return found


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(sensitivity, "WEIGHT_WIDTHS", WEIGHTS)
    monkeypatch.setattr(sensitivity, "STATE_WIDTHS", STATES)


def key(choice):
    return choice.bits["seen_out"], choice.bits["unseen_out"], choice.bits["out"]


def test_every_row_of_the_table_is_what_the_golden_model_gives_with_these_bits(loaded, few, every):
    found = search(*loaded, accuracy_loss=1.25)
    assert len(found.rows) > 4
    for row in found.rows:
        memory, right = every[key(row)]
        assert (row.memory, row.right.value) == (memory, pytest.approx(right))


@pytest.mark.parametrize("loss", [0.0, 1.25])
def test_no_allocation_within_the_loss_is_much_smaller_than_the_one_chosen(loaded, few, every, loss):
    found = search(*loaded, accuracy_loss=loss)
    least = min(memory for memory, right in every.values() if right >= found.reference.value - loss / 100 - 1e-9)
    assert least <= found.chosen.memory <= 1.2 * least


def test_no_allocation_within_the_memory_is_much_better_than_the_one_chosen(loaded, few, every):
    for budget in (200, 300):
        found = search(*loaded, memory=budget)
        best = max(right for memory, right in every.values() if memory <= budget)
        assert found.chosen.memory <= budget
        assert best - 0.026 <= found.chosen.right.value <= best
