"""Random networks that learn: recurrent ones, several origins, signs, filters and delays of every kind, any rule.

Golden model, generated program and certificate agree on every state and every bit, also when a run is continued.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compiler.certificates import certificate, checker
from compiler.checking.source_check import verify as verify_source
from compiler.frontends.lower import lower
from compiler.ir.parse import parse
from compiler.ir.print import print_network
from compiler.ir.verify import verify
from spark.nn.brain import Brain, ModuleSpecs, PortMap
from spark.nn.components import delays, learning_rules, synapses
from spark.nn.neurons import ALIFNeuron, LIFNeuron
from targets import jax_fixed
from tests.plasticity.small import fixed_of, stimulus
from tests.targets.jax_fixed.programs import differing, golden, joined

RELAXED = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
INPUTS = 4


def random_rule(rng: np.random.Generator):
    taus = {"pre_tau": rng.uniform(2, 40), "post_tau": rng.uniform(2, 40), "w_max": rng.uniform(1, 20)}
    size = float(10 ** rng.uniform(-3, 0))
    kind = [learning_rules.HebbianRuleConfig, learning_rules.OjaRuleConfig, learning_rules.STDPRuleConfig,
            learning_rules.ThreeFactorHebbianRuleConfig, learning_rules.QuadrupletRuleConfig][rng.integers(5)]
    if kind is learning_rules.STDPRuleConfig:
        return kind(a_plus=size, a_minus=size * rng.uniform(0.5, 1.5), **taus)
    if kind is learning_rules.ThreeFactorHebbianRuleConfig:
        return kind(eta=size, eligibility_tau=rng.uniform(20, 500), **taus)
    return kind(eta=size, **taus)


def random_part(rng: np.random.Generator, units: int, sources: int, signed: bool):
    """A plastic neuron with everything drawn."""
    kernel = rng.uniform(0.1, 1.0, (units, sources)) * (rng.random((units, sources)) < 0.8)
    filters = [lambda: synapses.LinearSynapsesConfig(), lambda: synapses.TracedSynapsesConfig(tau=rng.uniform(2, 8)),
               lambda: synapses.TracedSynapsesConfig(tau=rng.uniform(2, 8, sources)),
               lambda: synapses.RDTracedSynapsesConfig()]
    filtered = int(rng.integers(4))
    kinds = [None, delays.NDelaysConfig(max_delay=3.0)] + ([delays.N2NDelaysConfig(max_delay=3.0)] * (filtered != 2))
    kind = (LIFNeuron, ALIFNeuron)[rng.integers(2)]
    return kind(units=(units,), seed=int(rng.integers(99)), inhibitory_rate=0.5 if signed else 0.0,
                synapses=filters[filtered](), synapses__kernel=kernel, synapses__scale=float(rng.uniform(2000, 6000)),
                delays=kinds[rng.integers(len(kinds))], learning_rule=random_rule(rng))


def random_brain(seed: int) -> Brain:
    """Two plastic populations in a row, which may listen to themselves and to what comes after them."""
    rng = np.random.default_rng(seed)
    sizes = {"a": int(rng.integers(2, 4)), "b": int(rng.integers(2, 4))}
    wires = {"a": [PortMap("__call__", "input")], "b": [PortMap("a", "out_spikes", int(rng.integers(3)))]}
    for name, origin in (("a", "a"), ("a", "b"), ("b", "b"), ("b", "__call__")):
        if rng.random() < 0.5:
            wires[name].append(PortMap(origin, "input" if origin == "__call__" else "out_spikes"))
    total = {name: sum(INPUTS if item.origin == "__call__" else sizes[item.origin] for item in items)
             for name, items in wires.items()}
    modules = []
    for name in sizes:
        ports = {"in_spikes": wires[name]}
        if rng.random() < 0.7:
            ports["modulation"] = [PortMap("__call__", "reward")]
        modules.append(ModuleSpecs(name, random_part(rng, sizes[name], total[name], bool(rng.integers(2))), ports))
    rewarded = any("modulation" in item.inputs for item in modules)
    return Brain(inputs={"input": INPUTS} | ({"reward": 1} if rewarded else {}), modules=modules,
                 outputs={name: PortMap(name, "out_spikes") for name in ("a", "b")})


def check(seed: int, rounding: str) -> None:
    brain = random_brain(seed)
    lowered = lower(brain)
    assert verify_source(brain, lowered, [stimulus(lowered.network, 2, 20)]).equal != "different"
    network = fixed_of(brain, rounding=rounding, seed=seed)
    assert not verify(network) and parse(print_network(network), network.tensors) == network
    assert not checker.check(network, certificate.build(network))
    inputs = stimulus(network, 2, 20)
    halves = [{name: rows[:, part] for name, rows in inputs.items()} for part in (slice(9), slice(9, None))]
    expected = golden(network, inputs)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, data in jax_fixed.emit(network).items():
            (folder / path).write_bytes(data)
        first = jax_fixed.run(folder, halves[0], None, list(expected.records))
        second = jax_fixed.run(folder, halves[1], first.state, list(expected.records))
    assert differing(expected, joined(first, second)) == []


def test_engines_agree_on_a_recurrent_network_that_learns():
    check(0, "stochastic")


@pytest.mark.slow
@RELAXED
@given(st.integers(0, 2**32 - 1), st.sampled_from(["zero", "stochastic"]))
def test_engines_agree_on_random_networks_that_learn(seed, rounding):
    check(seed, rounding)
