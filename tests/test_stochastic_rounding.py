"""Stochastic rounding: random bits that depend on seed, site, unit, step and sample alone, the same on every engine."""

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from compiler import chips, counter_hash, reference
from compiler.certificates import certificate, checker
from compiler.diagnostics import DiagnosticError
from compiler.formats import Format
from compiler.ir.network import Network
from compiler.ir.parse import parse
from compiler.ir.print import print_network
from compiler.ir.verify import verify
from spark.core import counter_random
from spark.nn.components.learning_rules import STDPRuleConfig
from targets.cores import emulator, microcode
from targets.jax_fixed.runtime import random_rounding
from tests.plasticity.small import compiled, fixed_of, learning, source_of, stimulus
from tests.strategies import random_inputs, random_network
from tests.targets.cores.mapping import arrays_of, mapped, records_of, written
from tests.targets.cores.mapping import differing as differing_arrays
from tests.targets.jax_fixed.programs import differing, generated, golden, joined, run

RELAXED = settings(max_examples=3, deadline=None,
                   suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])


def at_random(network: Network, seed: int) -> Network:
    """The network with most operations rounding at random, wherever its formats allow that."""
    changed = network.copy()
    changed.seed = seed
    for name, program in network.programs.items():
        held = {value for _, value in program.updates}
        ops = []
        for number, op in enumerate(program.ops):
            if isinstance(op.type, Format) and op.result not in held:
                overflow = "saturate" if op.type.overflow == "proved" else op.type.overflow
                type_ = dataclasses.replace(op.type, rounding="stochastic", site=number, overflow=overflow)
                op = dataclasses.replace(op, type=type_)
            ops.append(op)
        changed.programs[name] = dataclasses.replace(program, ops=tuple(ops))
    return changed


@RELAXED
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**31 - 1))
def test_random_networks_round_alike_on_all_engines(network_seed, seed):
    network = at_random(random_network(network_seed, populations=2, units=6), seed)
    assume(not verify(network))
    inputs = random_inputs(network, 1, batch=3, steps=7)
    expected = golden(network, inputs)
    program = generated(network)
    assert differing(expected, run(program, inputs, None, list(expected.records))) == []
    first = golden(network, {name: rows[:, :3] for name, rows in inputs.items()})
    rest = {name: rows[:, 3:] for name, rows in inputs.items()}
    assert differing(expected, joined(first, run(program, rest, first.state, list(expected.records)))) == []


@settings(RELAXED, max_examples=12)
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**31 - 1))
def test_cores_round_like_the_golden_model(network_seed, seed):
    network = at_random(random_network(network_seed, populations=2, units=6), seed)
    assume(not verify(network))
    chip = dataclasses.replace(chips.load("generic"), neurons=4, state_bits=32, event_bits=63, weight_bits=32)
    try:
        placed = mapped(network, chip)
    except DiagnosticError:
        assume(False)
        return
    inputs, record = random_inputs(network, 1, batch=3, steps=7), records_of(network)
    with tempfile.TemporaryDirectory() as name:
        found = emulator.run(written(placed, chip, Path(name)), inputs, {}, record)
    assert differing_arrays(arrays_of(reference.run(network, inputs, record=record)), found) == []


def test_the_three_hashes_are_one():
    expected = counter_hash.noise(12345, "hid", 5, 77, 3)
    begun = counter_random.start(12345, "hid")
    assert np.array_equal(expected[2], np.asarray(counter_random.random_bits(begun, 5, 77, 2)))
    assert np.array_equal(expected, np.asarray(random_rounding.drawn(int(begun), 5, np.int32(77), 3)))
    assert np.array_equal(expected, microcode.random_bits(12345, "hid", np.arange(5), 77, 3))


@pytest.mark.parametrize("dropped", [3, 30])
def test_values_round_up_as_often_as_what_is_lost_says(dropped):
    noise = counter_hash.noise(1, "site", 2000, 0, 20)
    for share in (0.0, 0.125, 0.5, 0.875):
        rest = np.full(noise.shape, int(share * (1 << dropped)))
        raised = counter_hash.raised(rest, dropped, noise, 4)
        assert abs(raised.mean() - share) < 4 * np.sqrt(0.25 / noise.size)


def test_another_seed_gives_other_weights_and_the_same_seed_the_same():
    module = learning(STDPRuleConfig(a_plus=1e-3, a_minus=1e-3))
    runs = []
    for seed in (1, 1, 2):
        network = fixed_of(module, rounding="stochastic", seed=seed, state_bits=12)
        assert network.seed == seed and parse(print_network(network), network.tensors) == network
        runs.append(golden(network, stimulus(network)).records["input_neuron.synapse.w"])
    assert np.array_equal(runs[0], runs[1]) and not np.array_equal(runs[0], runs[2])


def test_updates_below_the_last_bit_of_a_weight_are_learned_only_at_random():
    """Potentiation far below the last bit of 8-bit weights: rounding to nearest never moves them."""
    module = learning(STDPRuleConfig(a_plus=2e-3, a_minus=0.0, pre_tau=1.0))
    moved = {}
    for rounding in ("even", "stochastic"):
        network = fixed_of(module, rounding=rounding, seed=3, bits={"input_neuron.synapse": 8})
        rows = golden(network, stimulus(network, 8, 60)).records["input_neuron.synapse.w"]
        moved[rounding] = (rows[:, -1] - rows[:, 0]).mean()
    assert moved["even"] == 0 and moved["stochastic"] > 0.1


def test_a_compile_with_stochastic_rounding_is_checked_on_every_engine():
    module = learning(STDPRuleConfig())
    verdicts = {item.stage: item for item in compiled(module, rounding="stochastic", seed=5).verdicts}
    assert verdicts["certificate"].equal == "equal", verdicts["certificate"].detail
    assert verdicts["fixed = program"].equal == "equal", verdicts["fixed = program"].detail
    still = compiled(learning(None), rounding="stochastic", seed=5, chip=chips.load("generic"))
    verdicts = {item.stage: item for item in still.verdicts}
    assert {verdicts[name].equal for name in ("certificate", "fixed = program", "fixed = cores")} == {"equal"}
    assert source_of(module).module is module


def test_a_certificate_allows_one_step_up():
    network = fixed_of(learning(None), rounding="stochastic", seed=5)
    assert not checker.check(network, certificate.build(network))


def test_only_operations_round_at_random():
    network = fixed_of(learning(None), rounding="stochastic", seed=5)
    program = next(item for name, item in network.programs.items() if name.startswith("refractory"))
    state = dataclasses.replace(program.states[0], type=dataclasses.replace(
        program.states[0].type, rounding="stochastic", site=99))
    network.programs[program.name] = dataclasses.replace(program, states=(state, *program.states[1:]))
    assert any(item.code == "E281" and "rounds at random" in item.message for item in verify(network))


def test_a_chip_without_random_bits_is_said():
    with pytest.raises(DiagnosticError, match="E411"):
        compiled(learning(None), rounding="stochastic", chip=chips.load("tiny"))
