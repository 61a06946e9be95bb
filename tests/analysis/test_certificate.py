"""Certificates hold for random networks, and every number in them matters."""

import copy
import json
import math

import numpy as np
import pytest

from compiler.arithmetic import EXACT, Fixed, fit, literal
from compiler.certificates.certificate import build
from compiler.certificates.checker import check
from compiler.checking.stimulus import random_inputs
from compiler.discovery import passes
from compiler.frontends.lower import lower
from compiler.ir.network import Network
from compiler.ir.program import TensorRef
from compiler.options import Options
from compiler.pipeline import MODEL_PASSES, QUANTIZATION_PASSES
from spark.nn.brain import Brain, ModuleSpecs, PortMap
from spark.nn.neurons import AdExNeuron, ALIFNeuron, LIFNeuron
from tests.passes.texts import one_program
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


def at(certificate, path):
    for key in path:
        certificate = certificate[key]
    return certificate


def changed(certificate, path, by):
    """A copy with one number moved."""
    other = copy.deepcopy(certificate)
    at(other, path[:-1])[path[-1]] += by
    return other


def passed(brain: Brain, **options):
    """A network and its certificate."""
    return certified(lower(brain).network, **options)


def certified(network: Network, **options):
    """A network after its passes, and its certificate."""
    given = Options(calibration=random_inputs(network, 8, 30), **options)
    for name in MODEL_PASSES:
        network = passes()[name].run(network, given)
    model = network
    for name in QUANTIZATION_PASSES:
        network = passes()[name].run(network, given)
    return network, json.loads(json.dumps(build(network, model=model)))


@pytest.fixture(scope="module")
def compiled():
    return passed(Brain(inputs={"input": 10}, outputs={"output": PortMap("out", "out_spikes")}, modules=[
        ModuleSpecs("hid", LIFNeuron(units=(4,)),
                    {"in_spikes": [PortMap("__call__", "input"), PortMap("hid", "out_spikes")]}),
        ModuleSpecs("out", ALIFNeuron(units=(3,)), {"in_spikes": [PortMap("hid", "out_spikes")]}),
    ]))


@pytest.fixture(scope="module")
def nonlinear():
    """An exponential neuron with states so narrow that every argument of exp is quickly tried."""
    return passed(Brain(inputs={"input": 8}, outputs={"output": PortMap("n", "out_spikes")}, modules=[
        ModuleSpecs("n", AdExNeuron(units=(2,), inhibitory_rate=0.0), {"in_spikes": [PortMap("__call__", "input")]}),
    ]), state_bits=13)


def is_true(network, certificate, path) -> bool:
    """Whether what a changed bound of a state says is so, by stepping the site from inside the box, and from its ends.

    Independent of both the analysis and the check: operations as the golden model executes them.
    """
    _, site_name, _, state, end, *unit = path
    site, units = next((site, units) for name, site, units in network.sites() if name == site_name)
    program, types = network.programs[site.program], network.programs[site.program].types()
    stated = certificate["sites"][site_name]
    generator = np.random.default_rng(0)
    inputs = {name: Fixed(_drawn(generator, entry, units), _fraction(types[name]))
              for name, entry in stated["inputs"].items()}
    states = {item.name: Fixed(_drawn(generator, stated["states"].get(item.name, {"low": 0, "high": 1}), units),
                               _fraction(item.type)) for item in program.states}
    if stated["slices"] is not None:
        states |= {name: Fixed(raw, _fraction(types[name]))
                   for name, raw in _drawn_in_slices(generator, stated["slices"], (4000, units)).items()}
    bounds = np.broadcast_to(at(certificate, path[:5]), (units,))
    found = stepped(network, site, inputs, states)[state].raw
    start = _start(network, site, program.state(state)).raw
    inside = (found <= bounds) & (start <= bounds) if end == "high" else (found >= bounds) & (start >= bounds)
    return bool(inside.all() if not unit else inside[:, unit[0]].all())


def stepped(network, site, inputs, states) -> dict[str, Fixed]:
    """The states after one step."""
    program, types = network.programs[site.program], network.programs[site.program].types()
    values = inputs | states | {item.name: _argument(network, site.arguments[item.name], item.type)
                                for item in program.params}
    for op in program.ops:
        operands = [values[item] if isinstance(item, str) else _argument(network, item, None) for item in op.operands]
        values[op.result] = fit(EXACT[op.opcode](*operands), op.type)
    return {state: fit(values[value], types[state]) for state, value in program.updates}


def _start(network, site, state) -> Fixed:
    return fit(_argument(network, site.initial.get(state.name, state.initial), None), state.type)


def is_a_witness(network, certificate, path) -> bool:
    """Whether the drive leads to the value that a changed witness names; path: up to its end."""
    _, site_name, _, state, *_ = path
    site, units = next((site, units) for name, site, units in network.sites() if name == site_name)
    program, types = network.programs[site.program], network.programs[site.program].types()
    witness, stated = at(certificate, path[:6]), certificate["sites"][site_name]["inputs"]
    inputs = {end: {name: Fixed(np.broadcast_to(np.asarray(entry[end]), (units,)), _fraction(types[name]))
                    for name, entry in stated.items()} for end in ("low", "high")}
    states, end = {item.name: _start(network, site, item) for item in program.states}, witness["drive"]
    for step in range(witness["steps"]):
        if step in witness["turns"]:
            end = "low" if end == "high" else "high"
        states = stepped(network, site, inputs[end], states)
    return int(np.broadcast_to(states[state].raw, (units,))[witness["unit"]]) == witness["value"]


def is_in_slices(slices, states) -> np.ndarray:
    """Which points lie in one of the slices."""
    inside, ends = np.zeros(len(states[slices["states"][0]]), bool), (slices["low"], slices["high"])
    for row in range(len(slices["low"][slices["states"][0]])):
        inside |= np.all([(ends[0][name][row] <= states[name]) & (states[name] <= ends[1][name][row])
                          for name in slices["states"]], axis=0)
    return inside


def is_an_invariant(network, certificate, site_name) -> bool:
    """Whether a step from anywhere inside slices stays inside them, tried on random points."""
    site, units = next((site, units) for name, site, units in network.sites() if name == site_name)
    stated, generator = certificate["sites"][site_name], np.random.default_rng(0)
    types = network.programs[site.program].types()
    inputs = {name: Fixed(_drawn(generator, entry, units), _fraction(types[name]))
              for name, entry in stated["inputs"].items()}
    states = {name: Fixed(raw, _fraction(types[name]))
              for name, raw in _drawn_in_slices(generator, stated["slices"], (4000, units)).items()}
    after = {name: item.raw.reshape(-1) for name, item in stepped(network, site, inputs, states).items()}
    return bool(is_in_slices(stated["slices"], after).all())


def _drawn_in_slices(generator, slices, shape) -> dict[str, np.ndarray]:
    """Random points of slices, their ends more often than not."""
    names = slices["states"]
    rows = generator.integers(0, len(slices["low"][names[0]]), shape)
    found = {}
    for name in names:
        low, high = (np.array(slices[end][name])[rows] for end in ("low", "high"))
        anything = generator.integers(low, high, endpoint=True)
        found[name] = np.where(generator.random(shape) < 0.3, low, np.where(generator.random(shape) < 0.5, high,
                                                                          anything)).astype(np.int64)
    return found


def still_so(network, certificate, path) -> bool:
    """Whether a changed number says what is true: bounds, and places of a witness."""
    if path[0] == "sites" and path[2] == "slices":
        return is_an_invariant(network, certificate, path[1])
    if path[0] != "sites" or path[2] != "states":
        return False
    if path[4] == "witness" and path[6] in ("steps", "unit", "turns"):
        return is_a_witness(network, certificate, path)
    return path[4] in ("low", "high") and is_true(network, certificate, path)


def _drawn(generator, entry, units: int, rows: int = 4000) -> np.ndarray:
    """Every corner more often than not, else anything between."""
    low, high = (np.broadcast_to(np.asarray(entry[end]), (units,)) for end in ("low", "high"))
    anything = generator.integers(low, high, (rows, units), endpoint=True)
    return np.where(generator.random((rows, units)) < 0.3, low, np.where(generator.random((rows, units)) < 0.5, high,
                                                                        anything)).astype(np.int64)


def _fraction(type_) -> int:
    return getattr(type_, "fraction", 0)


def _argument(network, value, type_):
    if isinstance(value, TensorRef):
        tensor = network.tensor(value)
        return Fixed(tensor.data.astype(np.int64).reshape(-1), _fraction(tensor.type))
    return literal(value) if type_ is None else fit(literal(value), type_)


def unnoticed(network, certificate, change):
    """Changes of single numbers that the check accepts; all of them must still be true."""
    assert not check(network, certificate)
    paths = [path for path in numbers(certificate) if path != ("version",)]
    for path in paths:
        value = at(certificate, path)
        for by in change(value):
            if not check(network, changed(certificate, path, by)):
                yield path, by


def by_one(value):
    return (-1, 1) if isinstance(value, int) else (-1e-4, 1e-4)


def test_a_change_of_any_number_is_found_unless_what_it_says_is_still_so(compiled):
    network, certificate = compiled
    assert len(list(numbers(certificate))) > 80
    for path, by in unnoticed(network, certificate, by_one):
        wider = path[2] == "emits" and (path[4], by) in (("low", -1), ("high", 1))
        assert wider or still_so(network, changed(certificate, path, by), path), f"{path} moved by {by}"


@pytest.mark.slow
def test_a_change_of_any_number_about_a_nonlinear_neuron_is_found(nonlinear):
    network, certificate = nonlinear
    assert certificate["functions"][0]["opcode"] == "exp"
    for path, by in unnoticed(network, certificate, by_one):
        wider = path[0] == "functions" and (path[-1], by) in (("low", -1), ("high", 1))
        wider |= path[0] == "sites" and path[2] == "emits" and (path[4], by) in (("low", -1), ("high", 1))
        assert wider or still_so(network, changed(certificate, path, by), path), f"{path} moved by {by}"


def test_words_and_missing_entries_are_found_too(nonlinear):
    network, certificate = nonlinear
    for path, word in [(("functions", 0, "method"), "covered"), (("functions", 0, "opcode"), "expm1"),
                       (("functions", 0, "result"), "exponent"), (("functions", 0, "format"), "s8.0"),
                       (("functions", 0, "site"), "nowhere"), (("functions", 0, "arguments", 0, "name"), "w"),
                       (("sites", "n", "states", "v", "grade"), "certain"),
                       (("sites", "n", "states", "v", "format"), "s8.0"),
                       (("sites", "n", "states", "v", "witness", "high", "drive"), "sideways")]:
        other = copy.deepcopy(certificate)
        at(other, path[:-1])[path[-1]] = word
        assert check(network, other), f"{path} = {word}"
    for path in [("functions", 0, "bound"), ("functions", 0, "arguments"), ("sites", "n", "states", "v"),
                 ("sites", "n", "inputs"), ("sites", "n")]:
        other = copy.deepcopy(certificate)
        del at(other, path[:-1])[path[-1]]
        assert check(network, other), f"{path} left out"


def test_the_error_of_a_function_is_that_of_every_argument(nonlinear):
    """Against a plain loop: each argument through the operations alone, each compared with mathematics."""
    network, certificate = nonlinear
    entry = certificate["functions"][0]
    assert entry["method"] == "enumerated" and entry["bound"] <= 1
    argument = entry["arguments"][0]
    assert entry["points"] == argument["high"] - argument["low"] + 1
    program = network.programs[network.node("n").site.program]
    types, names = program.types(), [op.result for op in program.ops]
    slice_ = program.ops[names.index(argument["name"]) + 1 : names.index(entry["result"]) + 1]
    worst = 0.0
    for raw in range(argument["low"], argument["high"] + 1, 7):
        values = {argument["name"]: Fixed(np.array([raw]), types[argument["name"]].fraction)}
        for op in slice_:
            operands = [values.get(item) if isinstance(item, str) else _argument(network, item, None)
                        for item in op.operands]
            if all(item is not None for item in operands):
                values[op.result] = fit(EXACT[op.opcode](*operands), op.type)
        result = types[entry["result"]]
        truth = math.exp(raw * types[argument["name"]].lsb) / result.lsb
        worst = max(worst, abs(int(values[entry["result"]].raw[0]) - truth))
    assert 0.9 * entry["bound"] < worst <= entry["bound"]


def test_a_bound_below_its_witness_is_found(compiled):
    network, certificate = compiled
    for site, content in certificate["sites"].items():
        for state, entry in content["states"].items():
            for end, witness in entry["witness"].items():
                units = next(count for name, _, count in network.sites() if name == site)
                bounds = list(entry[end]) if isinstance(entry[end], list) else [entry[end]] * units
                if witness["value"] == 0:
                    continue
                bounds[witness["unit"]] = witness["value"] - (1 if end == "high" else -1)
                other = copy.deepcopy(certificate)
                other["sites"][site]["states"][state][end] = bounds
                assert check(network, other), f"{site}.{state} bounded below its witness"


def test_every_linear_state_is_proved_and_its_bound_is_nearly_attained(compiled):
    _, certificate = compiled
    for site in certificate["sites"].values():
        for entry in site["states"].values():
            assert entry["grade"] == "proved"
            farther = "high" if np.max(entry["high"]) >= -np.min(entry["low"]) else "low"
            assert entry["witness"][farther]["reached"] >= 0.25


@pytest.mark.parametrize("body", [
    "%a = mul 0.9, v : f64\n%t = tanh %a : f64\n%u = add %t, x : f64\nv' = %u\nemit y = %u",
    "%a = abs v : f64\n%t = sqrt %a : f64\n%c = mul 0.5, %t : f64\n%u = add %c, x : f64\nv' = %u\nemit y = %u",
])
def test_every_function_has_a_bound_that_the_check_finds_too(body):
    network = one_program(body)
    options = Options(calibration=random_inputs(network, 8, 30), state_bits=13)
    for name in MODEL_PASSES:
        network = passes()[name].run(network, options)
    model = network
    for name in QUANTIZATION_PASSES:
        network = passes()[name].run(network, options)
    certificate = json.loads(json.dumps(build(network, model=model)))
    assert check(network, certificate) == []
    [entry] = certificate["functions"]
    assert entry["opcode"] in body and entry["method"] == "enumerated" and 0.4 < entry["bound"] <= 1
