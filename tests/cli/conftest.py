"""A small source, its artifact, and the command line as a function."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from compiler import cli

SOURCES = Path(__file__).parent / "sources"


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    status: int
    out: str
    err: str

    def codes(self) -> list[str]:
        """Codes of the diagnostics, in order."""
        return [line.partition("[")[2].partition("]")[0] for line in self.err.splitlines()
                if line.startswith(("error[", "warning["))]


@pytest.fixture
def sparkc(capfd, monkeypatch, tmp_path) -> Callable[..., Done]:
    """Runs `sparkc WORDS…` in a folder of its own."""
    monkeypatch.chdir(tmp_path)

    def run(*words: object) -> Done:
        capfd.readouterr()
        status = cli.run([str(word) for word in words])
        return Done(status, *capfd.readouterr())

    return run


@pytest.fixture(scope="session")
def small() -> Path:
    """A source: 12 inputs, 8 hidden units with a loop, 3 outputs."""
    return SOURCES / "small.py"


@pytest.fixture(scope="session")
def built(small, tmp_path_factory) -> Path:
    """The artifact of the small source, on the chip `tiny`. To be read only."""
    folder = tmp_path_factory.mktemp("built") / "small"
    assert cli.run(["compile", str(small), "--chip", "tiny", "-o", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def inputs(tmp_path_factory) -> Path:
    """Five samples of 20 steps with labels."""
    path = tmp_path_factory.mktemp("inputs") / "x.npz"
    random = np.random.default_rng(0)
    np.savez(path, input=random.integers(0, 2, (5, 20, 12)), label=np.arange(5) % 3)
    return path
