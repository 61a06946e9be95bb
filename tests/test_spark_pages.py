"""The pages of spark: every class is there, every example runs and prints what it says, every figure is drawn."""

import contextlib
import importlib
import io
import re
import sys
from pathlib import Path

import pytest

from spark.core.registry import neurons
from spark.equations import neuron

DOCS = Path(__file__).parent.parent / "docs"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", (DOCS / "equations.md").read_text(encoding="utf-8"), re.DOTALL)
TEXTS = [text for kind, text in BLOCKS if kind == "eq"]
PROGRAMS = [(text, after[1] if after[0] == "text" else None)
            for (kind, text), after in zip(BLOCKS, [*BLOCKS[1:], ("", "")], strict=True) if kind == "python"]


@pytest.fixture(scope="module")
def figures():
    sys.path.insert(0, str(DOCS))
    return importlib.import_module("figures")


@pytest.mark.parametrize("text", TEXTS)
def test_every_text_of_the_page_is_a_model_that_runs(text):
    soma = neuron(text)
    outputs, state = soma.run([[0.5] * soma.units[-1]] * 3 if len(soma.units) == 1 else [[[0.5] * 8] * 8] * 3)
    assert next(iter(outputs.values())).shape == (3, *soma.units)


@pytest.mark.parametrize("program, printed", PROGRAMS)
def test_every_program_of_the_page_runs_and_prints_what_it_says(program, printed):
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(program, "equations.md", "exec"), {})
    assert out.getvalue() == (printed or "")


def test_the_page_names_every_statement_function_and_integrator():
    page = (DOCS / "equations.md").read_text(encoding="utf-8")
    model = importlib.import_module("spark.equations.model")
    grammar = Path(model.__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    words = {*model.FUNCTIONS, *model.INTEGRATORS, *re.findall(r'^ +\| "(\w+)"', grammar, re.MULTILINE)}
    assert len(words) > 18 and [word for word in words if not re.search(rf"\b{word}\b", page)] == []


@pytest.mark.parametrize("name", [*neurons(), "STDPRule"])
def test_every_neuron_has_a_figure_on_its_page(name, figures):
    assert name in figures.figures() and (DOCS / "figures" / f"{name}.svg").read_text().startswith("<svg")
    page = "spark-learning-rules.md" if name == "STDPRule" else "spark-neurons.md"
    assert f"(figures/{name}.svg)" in (DOCS / page).read_text(encoding="utf-8")


def test_the_drawn_window_is_the_one_that_is_shown(figures):
    assert figures.window() == (DOCS / "figures" / "STDPRule.svg").read_text(encoding="utf-8")
