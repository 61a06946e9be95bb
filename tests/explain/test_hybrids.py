"""Hybrids stand between two engines that exist without them: the golden model and the float interpreter."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from compiler import discovery, interpreter, reference
from compiler.explain import engine
from compiler.explain.pairing import COMPONENTS
from compiler.explain.preparation import differing
from compiler.explain.site import Pair
from compiler.formats import Format
from compiler.frontends.lower import lower
from compiler.input_files import as_port
from compiler.ir.network import Network
from compiler.options import Options
from compiler.passes import calibrate, co_scale, quantize
from compiler.pipeline import MODEL_PASSES, QUANTIZATION_PASSES
from spark.nn.brain import Brain, ModuleSpecs, PortMap
from spark.nn.neurons import AdExNeuron, LIFNeuron
from tests.plasticity.small import stimulus
from tests.plasticity.test_random_networks import random_brain
from tests.strategies import random_inputs, random_network

SEEDS = (2, 3, 4, 7, 8, 9, 10, 13, 14, 15, 21)
"""Random networks that can be quantized: no values in a cycle, no sums too wide."""


LEARNING = (1, 2, 3, 8)
"""Random networks that learn: recurrent ones, signs, filters and delays of every kind, any rule."""

KINDS = (*(f"nearest {seed}" for seed in SEEDS), *(f"stochastic {seed}" for seed in SEEDS[::5]),
         *(f"learning {seed}" for seed in LEARNING), *(f"learning stochastic {seed}" for seed in LEARNING[::2]),
         "nonlinear stochastic", "shifts stochastic")


@functools.cache
def quantized(kind: str) -> tuple[Pair, dict[str, np.ndarray]]:
    """A network co-scaled and fixed (every second random one with narrow, saturating states), with inputs."""
    words = kind.split()
    options = Options(rounding="stochastic" if "stochastic" in words else "zero", seed=7)
    if words[0] in ("learning", "nonlinear", "shifts"):
        return _lowered(words, options)
    seed = int(words[-1])
    network = random_network(seed, "model", without=("arbitrary",))
    inputs = random_inputs(network, seed, 3, 16)
    options = replace(options, calibration=inputs, weight_bits=3 + seed % 6, state_bits=(24, 10)[seed % 2])
    scaled = co_scale.run(network, options)
    return Pair(scaled, quantize.run(calibrate.run(scaled, options), options)), inputs


def _lowered(words: list[str], options: Options) -> tuple[Pair, dict[str, np.ndarray]]:
    """A network of neurons that learn, have functions to be tabled, or decay by shifts."""
    network = lower(random_brain(int(words[-1])) if words[0] == "learning" else driven(
        AdExNeuron if words[0] == "nonlinear" else LIFNeuron)).network
    inputs = {name: rows.astype(np.float64) for name, rows in stimulus(network, 2, 20).items()}
    options = replace(options, calibration=inputs, weight_bits=5, state_bits=14 if words[0] == "learning" else 24,
                      decay="shifts" if words[0] == "shifts" else "multiplier")
    scaled = passed(network, (*MODEL_PASSES, "invert_divisors", "co_scale"), options)
    fixed = passed(network, (*MODEL_PASSES, *QUANTIZATION_PASSES), options)
    return Pair(scaled, fixed), inputs


def passed(network: Network, names, options: Options) -> Network:
    for name in names:
        network = discovery.passes()[name].run(network, options)
    return network


def driven(neuron: type) -> Brain:
    part = neuron(units=(5,), inhibitory_rate=0.0, seed=0, synapses__scale=3000.0)
    return Brain(inputs={"input": 8}, outputs={"output": PortMap("hid", "out_spikes")},
                 modules=[ModuleSpecs("hid", part, {"in_spikes": [PortMap("__call__", "input")]})])


def records(pair: Pair) -> list[str]:
    """Every state and port that both levels have."""
    return [f"{site}.{name}" for site, item, _ in pair.scaled.sites()
            for name in (*(state.name for state in pair.scaled.programs[item.program].states),
                         *(emit.port for emit in pair.scaled.programs[item.program].emits))]


def type_of(pair: Pair, record: str):
    site, _, name = record.rpartition(".")
    program = pair.fixed.programs[next(item for key, item, _ in pair.fixed.sites() if key == site).program]
    return program.types().get(name) or program.emit_type(name)


@pytest.mark.parametrize("kind", KINDS)
def test_with_everything_quantized_a_hybrid_is_the_golden_model_bit_for_bit(kind):
    pair, inputs = quantized(kind)
    names = records(pair)
    golden = reference.run(pair.fixed, {item.name: as_port(inputs[item.name], item) for item in pair.fixed.inputs},
                           record=names)
    hybrid = engine.run(pair, COMPONENTS, inputs, names)
    for name in names:
        type_ = type_of(pair, name)
        fraction = type_.fraction if isinstance(type_, Format) else 0
        expected = np.ldexp(golden.records[name].astype(np.float64), -fraction)
        np.testing.assert_array_equal(hybrid.records[name], expected, name)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "stochastic" not in kind])
def test_with_nothing_quantized_a_hybrid_is_the_float_interpreter_to_rounding(kind):
    pair, inputs = quantized(kind)
    names = records(pair)
    expected = interpreter.run(pair.scaled, inputs, record=names)
    hybrid = engine.run(pair, (), inputs, names)
    for name in names:
        np.testing.assert_allclose(hybrid.records[name], expected.records[name], rtol=1e-9, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "stochastic" not in kind])
def test_a_component_that_does_not_differ_changes_nothing(kind):
    pair, inputs = quantized(kind)
    names = records(pair)
    exact = engine.run(pair, (), inputs, names)
    for component in COMPONENTS.keys() - differing(pair):
        alone = engine.run(pair, {component}, inputs, names)
        for name in names:
            np.testing.assert_array_equal(alone.records[name], exact.records[name], f"{component} {name}")


def test_spikes_that_are_fed_in_replace_a_populations_own():
    pair, inputs = quantized("nearest 10")
    free = engine.run(pair, (), inputs)
    forced = engine.run(pair, COMPONENTS, inputs, forced=free.emitted)
    for name, rows in free.emitted.items():
        if name.endswith(".spikes"):
            np.testing.assert_array_equal(forced.emitted[name] != 0, rows != 0)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "stochastic" in kind])
def test_the_networks_that_round_at_random_do(kind):
    """Against itself with the same bits a run is the same, with another seed another."""
    pair, inputs = quantized(kind)
    names = records(pair)
    again = replace(pair, fixed=replace(pair.fixed, seed=pair.fixed.seed + 1))
    one, other = (engine.run(item, COMPONENTS, inputs, names) for item in (pair, again))
    assert any((one.records[name] != other.records[name]).any() for name in names)


def test_reals_round_up_as_often_as_their_share_and_as_integers_beside_them_do():
    from compiler import counter_hash
    from compiler.arithmetic import Fixed
    from compiler.explain.numbers import Chance, fitted

    chance = Chance(counter_hash.noise(1, "a", 20000, 0, 1))
    type_ = Format(True, 20, 2, "stochastic", "saturate", 5)
    for share in (0.1, 0.5, 0.93):
        found, _ = fitted(np.full((1, 20000), (3 + share) / 4), type_, chance, 3)
        assert np.isin(found.raw, (3, 4)).all()
        assert found.raw.mean() - 3 == pytest.approx(share, abs=0.01)
    raw = np.arange(20000)[None] - 9000
    exact, _ = fitted(Fixed(raw, 5), type_, chance)
    for beside in (0.0, 1e-9):
        real, _ = fitted(np.ldexp(raw.astype(float), -5) + beside, type_, chance, 3)
        np.testing.assert_array_equal(real.raw, exact.raw)
