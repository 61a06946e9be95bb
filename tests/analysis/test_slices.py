"""Neurons that are reset: states bounded together, values cut off on the way, and what of it is said without harm."""

import copy
import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from compiler import reference
from compiler.analysis.network_ranges import ranges_of
from compiler.arithmetic import EXACT, Fixed, fit
from compiler.certificates.certificate import build
from compiler.certificates.checker import check
from compiler.formats import Format
from spark.nn.brain import Brain, ModuleSpecs, PortMap
from spark.nn.neurons import AdExNeuron, IzhikevichNeuron
from tests.analysis.resets import random_reset
from tests.analysis.test_certificate import (
    _argument,
    _fraction,
    changed,
    is_an_invariant,
    is_in_slices,
    passed,
)
from tests.strategies import random_inputs


@cache
def certified(seed: int):
    """A random neuron that is reset, and its certificate."""
    network = random_reset(seed)
    return network, json.loads(json.dumps(build(network)))


@pytest.fixture(scope="module")
def resonator():
    """Izhikevich's resonator, which intervals of single states do not hold."""
    soma = {"recovery_timescale": 0.1, "recovery_sensitivity": 0.26, "recovery_update": 2.0}
    given = {f"soma__{name}": value for name, value in soma.items()}
    return passed(Brain(inputs={"input": 8}, outputs={"output": PortMap("n", "out_spikes")}, modules=[
        ModuleSpecs("n", IzhikevichNeuron(units=(2,), **given), {"in_spikes": [PortMap("__call__", "input")]})]),
        state_bits=16)


@pytest.mark.parametrize("seed", range(9))
def test_no_value_of_a_neuron_that_is_reset_leaves_its_interval_nor_its_slice(seed):
    network, certificate = certified(seed)
    ranges = ranges_of(network)
    assert [str(item) for item in check(network, certificate)] == []
    outside = []

    def observe(site: str, name: str, raw: np.ndarray) -> None:
        interval = ranges[site].values[name]
        if (raw < interval.low).any() or (raw > interval.high).any():
            outside.append((site, name, int(raw.min()), int(raw.max()), interval))

    found = reference.run(network, random_inputs(network, seed, 40, 60), observer=observe, record=["p.v", "p.w"])
    assert not outside
    if certificate["sites"]["p"]["slices"] is not None:
        v, w = (np.asarray(found.records[f"p.{name}"]).reshape(-1) for name in ("v", "w"))
        assert is_in_slices(certificate["sites"]["p"]["slices"], {"v": v, "w": w}).all()


def test_fuzzed_networks_have_slices_and_both_kinds_of_cuts():
    told = [certified(seed)[1]["sites"]["p"] for seed in range(9)]
    assert sum(site["slices"] is not None for site in told) >= 4
    harms = {item["harmless"] for site in told for item in site["saturations"]}
    assert harms == {True, False}


@pytest.mark.parametrize("seed", [1, 2, 8])
def test_a_cut_said_to_be_harmless_changes_neither_a_spike_nor_a_state(seed):
    network, certificate = certified(seed)
    stated = certificate["sites"]["p"]
    assert stated["saturations"] and all(item["harmless"] for item in stated["saturations"])
    assert step_without_cuts(network, stated, rows=20_000) > 0


def test_a_cut_that_goes_on_into_a_state_is_not_called_harmless():
    network, certificate = certified(0)
    cuts = certificate["sites"]["p"]["saturations"]
    [index] = [at for at, item in enumerate(cuts) if item["value"] == "square"]
    assert not cuts[index]["harmless"]
    for truth in (True, False):
        other = copy.deepcopy(certificate)
        other["sites"]["p"]["saturations"][index] |= {"harmless": True, "compare": "fires", "is": truth}
        assert any("square" in str(item) for item in check(network, other))


def step_without_cuts(network, stated, rows: int) -> int:
    """Steps from random states and inputs inside the stated bounds, with every cut and with those of states only: the
    same spikes and states. Gives how often something was cut. Operations as the golden model executes them."""
    site = network.node("p").site
    program, rng = network.programs[site.program], np.random.default_rng(1)
    types = program.types()
    bounds = {**stated["inputs"], **{name: entry for name, entry in stated["states"].items()}}
    given = {name: Fixed(rng.integers(np.min(entry["low"]), np.max(entry["high"]), rows, endpoint=True),
                         _fraction(types[name])) for name, entry in bounds.items()}
    updates = {value for _, value in program.updates}
    cut, runs = 0, []
    for limited in (True, False):
        values = dict(given)
        for op in program.ops:
            type_ = op.type
            if not limited and op.result not in updates and isinstance(type_, Format):
                type_ = replace(type_, signed=True, width=62, overflow="proved")
            operands = [values[item] if isinstance(item, str) else _argument(network, item, None)
                        for item in op.operands]
            values[op.result] = fit(EXACT[op.opcode](*operands), type_)
            if not limited and type_ is not op.type and op.type.overflow == "saturate":
                cut += int((values[op.result].raw > op.type.high).sum() + (values[op.result].raw < op.type.low).sum())
        runs.append([values[name].raw for name in (*sorted(updates), "fires")])
    assert all((a == b).all() for a, b in zip(*runs, strict=True))
    return cut


def test_states_of_a_neuron_with_a_quadratic_upstroke_are_proved_together(resonator):
    network, certificate = resonator
    site = certificate["sites"]["n"]
    assert site["slices"] is not None and check(network, certificate) == []
    assert {name: entry["grade"] for name, entry in site["states"].items()} == {"v": "proved", "u": "proved"}
    for entry in site["states"].values():
        assert max(item["reached"] for item in entry["witness"].values()) >= 0.25


def slice_numbers(certificate):
    slices = certificate["sites"]["n"]["slices"]
    return [("sites", "n", "slices", end, name, row) for end in ("low", "high") for name in slices["states"]
            for row in range(len(slices[end][name]))]


@pytest.mark.parametrize("share", [pytest.param(1, marks=pytest.mark.slow), 13])
def test_a_changed_end_of_a_slice_is_found_unless_it_is_still_an_invariant(resonator, share):
    network, certificate = resonator
    found = 0
    for path in slice_numbers(certificate)[::share]:
        for by in (-1, 1):
            other = changed(certificate, path, by)
            if check(network, other):
                found += 1
            else:
                assert is_an_invariant(network, other, "n"), f"{path} moved by {by}"
    assert found


def test_slices_that_are_cut_short_swapped_or_left_out_are_found(resonator):
    network, certificate = resonator
    for change in (lambda item: item["low"]["v"].pop(), lambda item: item["states"].reverse(),
                   lambda item: item["high"]["u"].reverse(), lambda item: item["states"].append("nothing"),
                   lambda item: [ends[name].__delitem__(0) for ends in (item["low"], item["high"]) for name in "uv"]):
        other = copy.deepcopy(certificate)
        change(other["sites"]["n"]["slices"])
        assert check(network, other)
    other = copy.deepcopy(certificate)
    other["sites"]["n"]["slices"] = None
    assert check(network, other)


def test_the_upstroke_of_an_exponential_neuron_is_cut_off_without_harm():
    network, certificate = passed(Brain(inputs={"input": 8}, outputs={"output": PortMap("n", "out_spikes")}, modules=[
        ModuleSpecs("n", AdExNeuron(units=(2,), inhibitory_rate=0.0, soma__spike_slope=1.0, soma__threshold=20.0),
                    {"in_spikes": [PortMap("__call__", "input")]})]), state_bits=14)
    site = certificate["sites"]["n"]
    assert check(network, certificate) == []
    assert site["states"]["v"]["grade"] == "proved"
    cuts = site["saturations"]
    assert cuts and all(item["harmless"] and item["is"] for item in cuts)
    for key, wrong in (("compare", "exp_1_over"), ("is", False), ("end", "low"), ("value", "w"), ("value", "nothing")):
        other = copy.deepcopy(certificate)
        other["sites"]["n"]["saturations"][0][key] = wrong
        assert check(network, other), f"{key} = {wrong}"
    for index in range(len(cuts)):
        other = copy.deepcopy(certificate)
        del other["sites"]["n"]["saturations"][index]
        assert check(network, other)


def test_a_coarser_last_bit_is_taken_where_it_proves_every_state_but_not_where_the_fraction_was_asked_for():
    brain = Brain(inputs={"input": 32}, outputs={"output": PortMap("n", "out_spikes")}, modules=[
        ModuleSpecs("n", IzhikevichNeuron(units=(24,), seed=3, inhibitory_rate=0.25),
                    {"in_spikes": [PortMap("__call__", "input")]})])
    states = passed(brain)[1]["sites"]["n"]["states"]
    assert {entry["grade"] for entry in states.values()} == {"proved"}
    asked = passed(brain, state_fraction=15)[1]["sites"]["n"]["states"]
    assert asked["v"]["format"] == "s24.15/zero/saturate" and asked["v"]["grade"] == "saturates"
    assert asked["v"]["witness"]["low"]["value"] == -(1 << 23), "no drive shows that it is cut off"
