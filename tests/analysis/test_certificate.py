"""Certificates hold for random networks, and every number in them matters."""

import copy
import json

import pytest

from compiler.certificate import build
from compiler.certificate_check import check
from compiler.discovery import passes
from compiler.frontends.lower import lower
from compiler.options import Options
from compiler.pipeline import MODEL_PASSES, QUANTIZATION_PASSES
from compiler.stimulus import random_inputs
from spark.nn.brain import Brain, ModuleSpecs, PortMap
from spark.nn.neurons import ALIFNeuron, LIFNeuron
from tests.strategies import random_network


@pytest.mark.parametrize("seed", range(25))
def test_the_certificate_of_a_random_network_holds(seed):
    network = random_network(seed, "fixed")
    certificate = json.loads(json.dumps(build(network)))
    assert [str(item) for item in check(network, certificate)] == []


def numbers(item, path=()):
    """Path of every number of nested dicts and lists."""
    if isinstance(item, dict):
        for key, value in item.items():
            yield from numbers(value, (*path, key))
    elif isinstance(item, list):
        for index, value in enumerate(item):
            yield from numbers(value, (*path, index))
    elif isinstance(item, int | float) and not isinstance(item, bool):
        yield path


def changed(certificate, path, by):
    """A copy with one number moved."""
    other = copy.deepcopy(certificate)
    place = other
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] += by
    return other


def moves(path, value) -> list:
    """Changes that disagree with what is recomputed. Bounds of states are claims of containment only (the test below),
    and the place of a witness may be another one with the same value."""
    bound = "low" in path or "high" in path
    if bound and ("states" in path or "emits" in path):
        return []
    return [] if path[-1] in ("steps", "unit") else [-1, 1]


@pytest.fixture(scope="module")
def compiled():
    brain = Brain(inputs={"input": 12}, outputs={"output": PortMap("out", "out_spikes")}, modules=[
        ModuleSpecs("hid", LIFNeuron(units=(6,)),
                    {"in_spikes": [PortMap("__call__", "input"), PortMap("hid", "out_spikes")]}),
        ModuleSpecs("out", ALIFNeuron(units=(4,)), {"in_spikes": [PortMap("hid", "out_spikes")]}),
    ])
    network = lower(brain).network
    options = Options(calibration=random_inputs(network, 8, 30))
    for name in (*MODEL_PASSES, *QUANTIZATION_PASSES):
        network = passes()[name].run(network, options)
    return network, build(network)


def test_a_change_of_any_number_is_found(compiled):
    network, certificate = compiled
    assert not check(network, certificate)
    paths = [path for path in numbers(certificate) if path != ("version",)]
    assert len(paths) > 50
    for path in paths:
        value = certificate
        for key in path:
            value = value[key]
        for by in moves(path, value):
            step = int(by) if isinstance(value, int) else by
            assert check(network, changed(certificate, path, step)), f"{path} moved by {step} was not noticed"


def test_a_bound_below_its_witness_is_found(compiled):
    network, certificate = compiled
    for site, content in certificate["sites"].items():
        for state, entry in content["states"].items():
            witness = entry["witness"]
            bounds = entry[witness["end"]]
            units = next(count for name, _, count in network.sites() if name == site)
            bounds = list(bounds) if isinstance(bounds, list) else [bounds] * units
            if witness["value"] == 0:
                continue
            bounds[witness["unit"]] = witness["value"] - (1 if witness["end"] == "high" else -1)
            other = copy.deepcopy(certificate)
            other["sites"][site]["states"][state][witness["end"]] = bounds
            assert check(network, other), f"{site}.{state} bounded below its witness"


def test_every_linear_state_is_proved_and_its_bound_is_nearly_attained(compiled):
    _, certificate = compiled
    for site in certificate["sites"].values():
        for entry in site["states"].values():
            assert entry["grade"] == "proved"
            assert entry["witness"]["reached"] >= 0.25
