"""Every pass found by its file keeps the contract of `compiler.passes`."""

from __future__ import annotations

import contextlib
import inspect

import pytest

from compiler import discovery
from compiler.diagnostics import DiagnosticError
from compiler.ir.network import LEVELS
from compiler.options import Options
from tests.strategies import random_network

PASSES = discovery.passes()


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_says_what_it_rewrites_at_which_levels_and_what_it_preserves(name: str):
    text = inspect.getdoc(PASSES[name]) or ""
    for part in ("Rewrite:", "Levels:", "Preserves:"):
        assert part in text, f"{name} says nothing about {part}"
    assert text.splitlines()[0].endswith("."), f"the first line of {name} is no sentence"
    assert PASSES[name].LEVELS and set(PASSES[name].LEVELS) <= set(LEVELS)


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_takes_a_network_and_options(name: str):
    assert list(inspect.signature(PASSES[name].run).parameters) == ["network", "options"]


@pytest.mark.parametrize("name", [name for name, item in PASSES.items() if "model" in item.LEVELS])
@pytest.mark.parametrize("seed", range(4))
def test_a_pass_does_not_change_the_network_it_is_given(name: str, seed: int):
    network = random_network(seed, "model", without=("arbitrary", "lookup", "graded"))
    before = network.copy()
    with contextlib.suppress(DiagnosticError):
        PASSES[name].run(network, Options())
    assert network == before
