"""Hybrids stand between two engines that exist without them: the golden model and the float interpreter."""

import functools

import numpy as np
import pytest

from compiler import interpreter, reference
from compiler.explain import engine
from compiler.explain.pairing import COMPONENTS
from compiler.explain.preparation import differing
from compiler.explain.site import Pair
from compiler.formats import Format
from compiler.input_files import as_port
from compiler.options import Options
from compiler.passes import calibrate, co_scale, quantize
from tests.strategies import random_inputs, random_network

SEEDS = (2, 3, 4, 7, 8, 9, 10, 13, 14, 15)
"""Random networks that can be quantized: no values in a cycle, no sums too wide."""


@functools.cache
def quantized(seed: int) -> tuple[Pair, dict[str, np.ndarray]]:
    """A random network co-scaled and fixed (every second one with narrow, saturating states), with inputs."""
    network = random_network(seed, "model", without=("arbitrary",))
    inputs = random_inputs(network, seed, 3, 16)
    options = Options(calibration=inputs, weight_bits=3 + seed % 6, state_bits=(24, 10)[seed % 2])
    scaled = co_scale.run(network, options)
    return Pair(scaled, quantize.run(calibrate.run(scaled, options), options)), inputs


def records(pair: Pair) -> list[str]:
    """Every state and port that both levels have."""
    return [f"{site}.{name}" for site, item, _ in pair.scaled.sites()
            for name in (*(state.name for state in pair.scaled.programs[item.program].states),
                         *(emit.port for emit in pair.scaled.programs[item.program].emits))]


def type_of(pair: Pair, record: str):
    site, _, name = record.rpartition(".")
    program = pair.fixed.programs[next(item for key, item, _ in pair.fixed.sites() if key == site).program]
    return program.types().get(name) or program.emit_type(name)


@pytest.mark.parametrize("seed", SEEDS)
def test_with_everything_quantized_a_hybrid_is_the_golden_model_bit_for_bit(seed):
    pair, inputs = quantized(seed)
    names = records(pair)
    golden = reference.run(pair.fixed, {item.name: as_port(inputs[item.name], item) for item in pair.fixed.inputs},
                           record=names)
    hybrid = engine.run(pair, COMPONENTS, inputs, names)
    for name in names:
        type_ = type_of(pair, name)
        fraction = type_.fraction if isinstance(type_, Format) else 0
        expected = np.ldexp(golden.records[name].astype(np.float64), -fraction)
        np.testing.assert_array_equal(hybrid.records[name], expected, name)


@pytest.mark.parametrize("seed", SEEDS)
def test_with_nothing_quantized_a_hybrid_is_the_float_interpreter_to_rounding(seed):
    pair, inputs = quantized(seed)
    names = records(pair)
    expected = interpreter.run(pair.scaled, inputs, record=names)
    hybrid = engine.run(pair, (), inputs, names)
    for name in names:
        np.testing.assert_allclose(hybrid.records[name], expected.records[name], rtol=1e-9, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_component_that_does_not_differ_changes_nothing(seed):
    pair, inputs = quantized(seed)
    names = records(pair)
    exact = engine.run(pair, (), inputs, names)
    for component in COMPONENTS.keys() - differing(pair):
        alone = engine.run(pair, {component}, inputs, names)
        for name in names:
            np.testing.assert_array_equal(alone.records[name], exact.records[name], f"{component} {name}")


def test_spikes_that_are_fed_in_replace_a_populations_own():
    pair, inputs = quantized(10)
    free = engine.run(pair, (), inputs)
    forced = engine.run(pair, COMPONENTS, inputs, forced=free.emitted)
    for name, rows in free.emitted.items():
        if name.endswith(".spikes"):
            np.testing.assert_array_equal(forced.emitted[name] != 0, rows != 0)
