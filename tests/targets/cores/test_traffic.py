"""Traffic: what the emulator counts on the tables against what the cost analysis expects from the graph."""

import numpy as np
import pytest

from compiler import chips, reference
from compiler.analysis.cost import resources
from targets.cores import emulator, launch
from tests.layered import connect, layered, spikes
from tests.targets.cores.mapping import mapped, written

TINY = chips.load("tiny")


def _digits():
    network = layered([64, 128, 10])
    connect(network, "l0", "l0", delay=1, share=0.1, seed=5)
    connect(network, "input", "l1", delay=3, seed=6)
    return network


def test_counts_are_what_the_graph_and_the_golden_spikes_say(tmp_path):
    """Units of a port spike equally often here on average only, so each one's rate is set to the same: all or none."""
    import json

    network = layered([64, 48, 40])
    placed = mapped(network, TINY)
    inputs = {"input": np.ones((2, 6, 64), np.int32)}
    found = json.loads(str(emulator.run(written(placed, TINY, tmp_path), inputs, {}, [])["traffic"]))
    silent = reference.run(placed, inputs, record=["l0.spikes"]).records["l0.spikes"]
    rates = {"input.spikes": 1.0, "l0.spikes": 0.0}
    expected = resources(placed, TINY, rates)["traffic"]
    by_unit = silent.sum(axis=(0, 1))
    assert found["events"]["input.spikes"] == 2 * 6 * 64
    assert found["events"]["l0.spikes"] == by_unit.sum()
    hidden = resources(placed, TINY, {"input.spikes": 0.0, "l0.spikes": 1.0})["traffic"]
    destinations = hidden["packets"] / 48
    assert found["packets"] == 12 * expected["packets"] + by_unit.sum() * destinations
    assert found["synaptic_events"] == 12 * expected["synaptic_events"] + by_unit.sum() * 40
    assert found["steps"] == 6 and found["samples"] == 2


def test_hops_of_inputs_are_those_of_the_trees(tmp_path):
    import json

    placed = mapped(layered([64, 48]), TINY)
    inputs = {"input": np.ones((1, 4, 64), np.int32)}
    found = json.loads(str(emulator.run(written(placed, TINY, tmp_path), inputs, {}, [])["traffic"]))
    expected = resources(placed, TINY, {})["traffic"]
    assert found["hops"] == 4 * expected["multicast_hops"]
    assert found["unicast_hops"] == 4 * expected["unicast_hops"]
    assert found["busiest_link"]["events_per_step"] == pytest.approx(expected["busiest_link"])


def test_two_halves_count_what_one_run_counts(tmp_path):
    folder = written(mapped(_digits(), TINY), TINY, tmp_path)
    inputs = spikes(_digits(), 2, 8)["input"]
    _, whole = launch.run_counted(folder, {"input": inputs})
    first, left = launch.run_counted(folder, {"input": inputs[:, :5]})
    _, right = launch.run_counted(folder, {"input": inputs[:, 5:]}, first.state)
    for name in ("packets", "hops", "unicast_hops", "synaptic_events"):
        assert whole[name] == left[name] + right[name]


def test_bounds_are_below_what_they_bound():
    found = resources(mapped(_digits(), TINY), TINY)
    assert 1 <= found["cores"]["bound"] <= found["cores"]["used"] <= found["cores"]["available"]
    traffic = found["traffic"]
    assert traffic["packets_bound"] <= traffic["packets"]
    assert traffic["multicast_hops_bound"] <= traffic["multicast_hops"] <= traffic["unicast_hops"]
    assert traffic["busiest_link_bound"] <= traffic["busiest_link"]
    assert found["cores"]["used"] > 8
