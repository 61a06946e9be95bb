"""Networks that learn: one known fault at a time is blamed on its component, and weights have errors like any state."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from compiler import discovery, interpreter, reference
from compiler.explain.blame import blame
from compiler.explain.errors import errors_of
from compiler.explain.explanation import explain
from compiler.explain.site import Pair
from compiler.ir.network import Network, Projection, Tensor
from compiler.ir.program import TensorRef
from compiler.options import Options
from compiler.pipeline import SCALING_PASSES, compile_source
from compiler.settings import Settings
from spark.nn.components.learning_rules import STDPRuleConfig
from tests.explain.test_blame import runs_of
from tests.plasticity.small import learning, model_of, stimulus

FINE = {"state_bits": 30, "coefficient_bits": 24}
SITE, WEIGHTS = "input_neuron.synapse", "input_neuron.synapse.w"


@functools.cache
def lowered() -> Network:
    return model_of(learning(STDPRuleConfig(a_plus=0.05, a_minus=0.03, w_max=3.0)))


@functools.cache
def made(weight_bits: int | None = None) -> tuple[Pair, dict[str, np.ndarray]]:
    """With exact numbers and fixed, and inputs; every change of a weight is rounded to so many bits."""
    network = lowered()
    inputs = {name: rows.astype(np.float64) for name, rows in stimulus(network, 4, 60).items()}
    given = Options(calibration=inputs, bits={SITE: weight_bits} if weight_bits else {}, **FINE)
    scaled = fixed = network
    for name in (*SCALING_PASSES, "calibrate", "fit_weights", "quantize"):
        fixed = discovery.passes()[name].run(fixed, given)
        scaled = fixed if name == "co_scale" else scaled
    return Pair(scaled, fixed), inputs


def learned(network: Network) -> Projection:
    [found] = [item for item in network.projections if item.synapse is not None]
    return found


def changed_start(network: Network, factor: float) -> Network:
    """With other weights at the start."""
    other, item = network.copy(), learned(network)
    for reference_ in (item.chain[0].weights, item.synapse.initial["w"]):
        old = network.tensor(reference_)
        other.tensors[f"{reference_.name}.other"] = Tensor(old.type, (old.data * factor).astype(old.data.dtype))
    other.add(replace(item, chain=(replace(item.chain[0], weight=TensorRef(f"{item.chain[0].weights.name}.other")),),
                      synapse=replace(item.synapse, initial={
                          **item.synapse.initial, "w": TensorRef(f"{item.synapse.initial['w'].name}.other")})))
    return other


def changed_rate(network: Network, name: str, factor: float) -> Network:
    """With another coefficient of the rule."""
    other, item = network.copy(), learned(network)
    value = float(np.rint(network.real(item.synapse.arguments[name]) * factor * 2**20) * 2.0**-20)
    other.add(replace(item, synapse=replace(item.synapse, arguments={**item.synapse.arguments, name: value})))
    return other


def rate(network: Network) -> str:
    return next(name for name in learned(network).synapse.arguments if "plus" in name)


def faulty(culprit: str) -> tuple[Pair, dict[str, np.ndarray]]:
    if culprit == "states":
        return made(5)
    pair, inputs = made()
    fixed = changed_start(pair.fixed, 0.75) if culprit == "weights" else changed_rate(pair.fixed, "a_plus", 0.5)
    return replace(pair, fixed=fixed), inputs


@pytest.mark.parametrize("culprit", ["weights", "decays", "states"])
def test_blame_names_the_only_coarse_part_of_learning(culprit):
    pair, inputs = faulty(culprit)
    found = blame(pair, inputs, runs_of(pair, inputs), None)
    assert found.culprit == culprit
    [cost] = [item for item in found.components if item.name == culprit]
    assert cost.alone.decision_error == pytest.approx(found.total.decision_error, rel=0.25)
    assert cost.put_back.decision_error < 0.1 * found.total.decision_error


def test_errors_of_learned_weights_are_those_between_the_two_engines():
    pair, inputs = made(5)
    runs = runs_of(pair, inputs)
    [population] = errors_of(pair, runs, {}).values()
    left = interpreter.run(pair.scaled, inputs, record=[WEIGHTS]).records[WEIGHTS]
    right = reference.run(pair.fixed, {name: rows.astype(int) for name, rows in inputs.items()},
                          record=[WEIGHTS]).records[WEIGHTS]
    type_ = pair.fixed.programs[learned(pair.fixed).synapse.program].state("w").type
    difference = right - left * 2.0**type_.fraction
    state = population.states[WEIGHTS]
    assert state.lsb == type_.lsb
    assert state.closed_rms == pytest.approx(float(np.sqrt((difference**2).mean())))
    assert state.closed_max == pytest.approx(float(np.abs(difference).max()))
    assert 0 < state.forced_rms < state.closed_rms
    assert {f"{SITE}.x", f"{SITE}.y"} <= population.states.keys()


def test_an_example_that_learns_is_explained():
    settings = Settings(chip="none", bits={SITE: 8})
    source = settings.load("examples/own_rule.py")
    compilation = compile_source(source, settings.options(source), checked=False)
    inputs = {"input": (np.random.default_rng(0).random((3, 40, 8)) < 0.4).astype(float)}
    found = explain(compilation, inputs)
    assert found.pair is not None and found.blame is not None and found.blame.culprit == "states"
    assert WEIGHTS in found.as_json()["populations"]["neuron"]["states"]
