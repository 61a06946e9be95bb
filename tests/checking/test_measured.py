"""The verdict `model → fixed`: what share of the spikes moved, told of spikes and not of steps."""

import numpy as np

import compiler
from compiler.checking.measured import _spikes


def test_a_spike_that_moves_by_one_step_is_a_whole_spike():
    """One of two spikes in a hundred steps moves: half of the spikes, though only two steps of a hundred differ."""
    a, b = np.zeros((1, 100, 1)), np.zeros((1, 100, 1))
    a[0, [10, 50]], b[0, [10, 51]] = 1, 1
    found = _spikes(a, b)
    assert found["moved"] == 0.5 and found["spike_disagreement"] == 0.02 and found["spike_count_error"] == 0


def test_spikes_that_are_lost_all_count_and_silence_counts_nothing():
    a, b = np.ones((2, 5, 3)), np.zeros((2, 5, 3))
    assert _spikes(a, b)["moved"] == 1.0 and _spikes(b, b)["moved"] == 0.0


def test_values_are_told_as_values_and_not_as_spikes(tmp_path):
    path = tmp_path / "model.py"
    path.write_text("from spark.nn.brain import Sequential\nfrom spark.nn.neurons import LINeuron\n"
                    "model = Sequential([LINeuron(units=(3,))], input_shape=4)\n")
    artifact = compiler.compile(path, chip="none", weights=4)
    verdict = next(item for item in artifact.report["verdicts"] if item["stage"] == "model → fixed")
    assert "spikes" not in verdict["detail"]
    assert verdict["detail"].startswith("values differ by at most")
    assert 0 < verdict["coverage"]["values"]["layer_0.potential"] < 0.2
