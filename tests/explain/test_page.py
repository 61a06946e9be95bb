"""The page about a compile: well-formed, self-contained, escaped, the same each time, and it shows what happened."""

import re
import shutil
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compiler.comparison.comparison import compare_source
from compiler.explain.explanation import explain
from compiler.page.markup import tag
from compiler.page.pictures import pictures
from compiler.page.render import of_comparison, of_compile
from compiler.pipeline import compile_source
from compiler.settings import Settings

SMALL = Path(__file__).parent.parent / "cli" / "sources" / "small.py"
ODD = "a<b>&'\"c.py"


def data(samples: int = 6) -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {"input": random.random((samples, 20, 12)) < 0.3, "label": random.integers(0, 3, samples)}


@pytest.fixture(scope="module")
def compilation(tmp_path_factory):
    """A compile of a source whose name is made of what must be escaped."""
    path = tmp_path_factory.mktemp("odd") / ODD
    shutil.copy(SMALL, path)
    settings = Settings(chip="tiny", weights=4)
    source = settings.load(str(path))
    return compile_source(source, settings.options(source), checked=False)


@pytest.fixture(scope="module")
def page(compilation) -> str:
    return of_compile(compilation).decode()


def parsed(page: str) -> ElementTree.Element:
    doctype, _, rest = page.partition("\n")
    assert doctype == "<!DOCTYPE html>"
    return ElementTree.fromstring(rest)


def test_the_page_is_well_formed_and_has_every_section(page):
    found = {item.get("id") for item in parsed(page).iter("section")}
    assert found >= {"summary", "spikes", "errors", "weights", "formats", "constants", "cores"}


def test_the_page_needs_nothing_from_elsewhere(page):
    root = parsed(page)
    assert not any(item.get(name) for item in root.iter() for name in ("src", "href", "onload", "onclick"))
    assert not re.search(r"https?:|//|@import|url\(|<script|<link|<iframe", page)


def test_names_are_escaped(page):
    head = parsed(page).find("body/header/h1")
    assert head is not None and head.text == f"{ODD}:model"
    assert "a<b>" not in page and "a&lt;b&gt;&amp;" in page


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])))
def test_any_text_comes_back_from_markup(text):
    element = ElementTree.fromstring(tag("p", text, title=text))
    assert (element.text or "") == text and element.get("title") == text


def test_the_same_compile_gives_the_same_page(compilation, page):
    assert of_compile(compilation).decode() == page


def test_a_raster_has_a_stroke_for_every_spike_that_is_shown(compilation):
    found = explain(compilation, {"input": data()["input"].astype(float)}, blamed=False)
    shown = pictures(found, compilation.model)
    page = of_compile(compilation).decode()
    assert {item.population for item in shown} == {"hid", "out"}
    for item in shown:
        expected, fixed = item.spikes
        assert expected.shape == fixed.shape == (20, len(item.units))
        first = np.argwhere(expected != fixed)
        assert item.mark is None if not len(first) else item.mark <= first[0][0]
    paths = list(parsed(page).iter("path"))
    strokes = {name: sum(path.get("d").count("M") for path in paths if path.get("class") == f"tick {name}")
               for name in ("both", "lost", "added")}
    again = pictures(explain(compilation, compilation.options.calibration, blamed=False, most=64), compilation.model)
    assert strokes["both"] + strokes["lost"] == sum(int(item.spikes[0].sum()) for item in again)
    assert strokes["both"] + strokes["added"] == sum(int(item.spikes[1].sum()) for item in again)


def test_the_mark_stands_at_the_first_difference(compilation):
    found = explain(compilation, {"input": data()["input"].astype(float)}, blamed=False)
    expected, fixed = (run.emitted["hid.spikes"] != 0 for run in (found.runs.float_run, found.runs.closed))
    [hid] = [item for item in pictures(found, compilation.model) if item.population == "hid"]
    differs = np.argwhere((expected != fixed)[hid.sample])
    assert (hid.mark, hid.unit) == tuple(differs[0])
    assert found.populations["hid"].divergence.step == min(np.argwhere(expected != fixed)[:, 1])


def test_the_page_of_a_comparison_has_every_row_and_its_blame():
    source = Settings().load(str(SMALL))
    found = compare_source(source, Settings(chip="none"), data(), weights=[8, 3])
    page = of_comparison(found).decode()
    root = parsed(page)
    assert {item.get("id") for item in root.iter("section")} >= {"comparison", "blame", "summary"}
    for row in found.rows:
        assert f"{row.weights}-bit weights" in page
        assert str(row.accuracy) in page


def test_without_labels_everything_is_told_but_accuracy():
    source = Settings().load(str(SMALL))
    found = compare_source(source, Settings(chip="none", weights=3), {"input": data()["input"]})
    [row], told = found.rows, found.as_json()
    assert row.accuracy is None and found.reference is None
    assert (told["float"], told["rows"][0]["accuracy"]) == ({"accuracy": None, "n": 6, "interval": None}, None)
    assert row.agreement.n == 6 and row.explanation is not None and row.explanation.blame is not None
    text = "".join(parsed(of_comparison(found).decode()).itertext())
    assert "no labels" in text and "Accuracy not measured" in text


def test_a_chip_with_an_arithmetic_of_its_own_has_errors_of_its_registers_and_blame():
    source = Settings().load(str(SMALL))
    found = compare_source(source, Settings(chip="loihi1", target="loihi"), data(), targets=["loihi"])
    page = of_comparison(found).decode()
    root = parsed(page)
    assert {item.get("id") for item in root.iter("section")} >= {"comparison", "blame", "summary", "errors", "spikes"}
    shown = {"".join(cell.itertext()) for cell in root.iter("td")}
    assert {"hid.u", "hid.v"} <= shown


def test_integers_that_a_source_brings_along_are_told_from_outside(tmp_path):
    """Spikes and rates are compared, and states where both levels have them; nothing is blamed."""
    made = Settings(chip="none")
    source = made.load(str(SMALL))
    compilation = compile_source(source, made.options(source), checked=False)
    outside = replace(compilation, passes=[])
    found = explain(outside, {"input": data()["input"].astype(float)}, data()["label"])
    assert found.blame is None and found.pair is None
    assert all(item.rates is not None for item in found.populations.values())
