"""What README and help texts say is run as printed, in a folder that holds the examples and recorded cases."""

import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from compiler import cli
from tests.cli.test_help import VERBS, examples

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def _lines() -> list[list[str]]:
    """Every command line of the README as words, without the environment's folder."""
    lines = (shlex.split(line, comments=True) for block in _blocks("sh") for line in block.splitlines())
    return [[word.removeprefix(".venv/bin/") for word in words] for words in lines if words]


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """A folder with the examples, a few recorded cases, and the artifact that the first command of the README makes."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "examples", folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    recorded = Path("tests", "data", "loihi")
    (folder / recorded).mkdir(parents=True)
    for name in ("edge_08", "refractory_02", "nir_lif01_loihi"):
        shutil.copy(ROOT / recorded / f"{name}.npz", folder / recorded)
    return folder


def _run(words: list[str]) -> None:
    if words[0] == "sparkc":
        assert cli.run(words[1:]) == 0, words
        return
    program = [sys.executable, *words[1:]] if words[0] == "python" else words
    done = subprocess.run(program, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_commands_of_the_readme_run_as_printed(clone, monkeypatch):
    """All but those that set up an environment and run the tests; in order, since later ones use what earlier made."""
    monkeypatch.chdir(clone)
    lines = [words for words in _lines() if words[0] != "python3" and "pytest" not in words]
    assert [words[:2] for words in lines][:2] == [["sparkc", "compile"], ["sparkc", "compare"]]
    for words in lines:
        _run(words)


def test_the_python_of_the_readme_runs_as_printed(clone, monkeypatch):
    monkeypatch.chdir(clone)
    for number, text in enumerate(_blocks("python")):
        path = clone / f"block{number}.py"
        path.write_text(text)
        found = runpy.run_path(str(path))
        if "result" in found:
            assert found["result"].outputs["output"].shape == (10, 48, 10)


def test_the_source_of_the_readme_is_a_source(clone, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    [text] = [text for text in _blocks("python") if "model = " in text]
    (tmp_path / "model.py").write_text(text)
    assert cli.run(["inspect", "model.py", "--level", "model"]) == 0


def test_continuous_integration_runs_the_test_command_of_the_readme():
    commands = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    setup, run = next(block for block in _blocks("sh") if "pytest" in block).splitlines()
    assert "pip install -e '.[test]'" in setup and "-e '.[test]'" in commands
    assert run.removeprefix(".venv/bin/python ") in commands


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("compile", "compare")])
def test_the_example_of_a_help_text_runs_as_printed(clone, monkeypatch, verb):
    """Those of compile and compare stand in the README too, with more work to do."""
    monkeypatch.chdir(clone)
    for words in examples(verb):
        _run(words)


def test_the_samples_are_the_first_held_out_digits(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    import digits_data

    samples = np.load(ROOT / "examples" / "digits_sample.npz")
    _, _, images, labels = digits_data.split()
    assert samples["input"].tolist() == digits_data.encode(images[:10]).tolist()
    assert samples["label"].tolist() == labels[:10].tolist()
