"""The examples that learn: a rule of a user's own compiles, and stochastic rounding learns what few bits cannot."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from compiler.pipeline import compile_source
from compiler.settings import Settings

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_a_rule_of_a_users_own_learns_and_compiles():
    settings = Settings(chip="none")
    source = settings.load(str(EXAMPLES / "own_rule.py"))
    verdicts = {item.stage: item for item in compile_source(source, settings.options(source)).verdicts}
    assert {verdicts[name].equal for name in ("certificate", "source = model", "fixed = program")} == {"equal"}
    assert verdicts["fixed = program"].coverage["weights_changed"]["input_neuron"] == 1


@pytest.mark.slow
def test_stochastic_rounding_learns_nearer_to_floating_point_than_nearest_at_8_bits():
    sys.path.insert(0, str(EXAMPLES))
    found = importlib.import_module("stdp").trajectories()
    exact = found["float64"][-1]
    error = {name: float(np.abs(rows[-1] - exact).mean()) for name, rows in found.items()}
    assert error["24 bits"] < 0.03 and error["8 bits, stochastic"] < 0.7 * error["8 bits, nearest"]
    together = np.tile(np.arange(20) < 8, 2)
    assert exact[together].mean() > exact[~together].mean() + 0.05
