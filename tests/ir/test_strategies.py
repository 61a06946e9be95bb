"""The random networks are what they claim: valid, true to their `proved` formats, rich."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compiler.formats import BoolType, Format
from compiler.ir.exact import Range, exact_range, range_of_type, rounded
from compiler.ir.network import Network
from compiler.ir.ops import OPS
from tests.ir.exact_programs import OPERATIONS, fit, step
from tests.random_programs import always_fits
from tests.strategies import FEATURES, networks, random_inputs, random_network


def extreme(rng: Random, type_: object) -> Fraction | bool:
    """A value of a type, its ends and zero likely."""
    if isinstance(type_, BoolType):
        return rng.random() < 0.5
    assert isinstance(type_, Format)
    raw = rng.choice((type_.low, type_.high, type_.low + 1, type_.high - 1, 0, rng.randint(type_.low, type_.high)))
    return raw * Fraction(2) ** -type_.fraction


@given(networks("fixed"), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=60)
def test_proved_holds_for_every_value_of_inputs_states_and_params(network: Network, seed: int):
    rng = Random(seed)
    for program in network.programs.values():
        declared = (*program.inputs, *program.states, *program.params)
        for _ in range(10):
            step(program, network.tensors, {item.name: extreme(rng, item.type) for item in declared})


@given(
    st.sampled_from(sorted(name for name, spec in OPS.items() if spec.fixed and spec.operands == "number")),
    st.lists(st.tuples(st.booleans(), st.integers(2, 32), st.integers(-6, 12)), min_size=2, max_size=2),
    st.integers(0, 2**32 - 1),
)
def test_exact_range_contains_every_result_and_its_rounding_decides_proved(opcode, formats, seed):
    if OPS[opcode].result == "bool":
        return
    rng = Random(seed)
    operands = [Format(*item) for item in formats][: OPS[opcode].arity]
    result = Format(True, rng.randint(4, 40), rng.randint(-8, 16), rng.choice(("floor", "zero", "even", "away")))
    exact = exact_range(opcode, [range_of_type(item) for item in operands])
    for _ in range(20):
        values = [extreme(rng, item) for item in operands]
        raw = _exact(opcode, values) * Fraction(2) ** exact.fraction
        assert raw.denominator == 1 and exact.low <= raw <= exact.high
        if always_fits(exact, result):
            fit(_exact(opcode, values), result)


def _exact(opcode: str, values: list) -> Fraction:
    return Fraction(OPERATIONS[opcode](*values))


@given(st.integers(-(2**40), 2**40), st.integers(-5, 45), st.sampled_from(("floor", "zero", "even", "away")))
def test_rounded_agrees_with_fractions(raw: int, drop: int, rounding: str):
    wide = Format(True, 62, 0, rounding)
    assert rounded(raw, drop, rounding) == fit(raw * Fraction(2) ** -drop, wide)


def test_literal_ranges_join_on_the_finer_grid():
    assert Range(1, 1, 0).union(Range(-1, -1, 2)) == Range(-1, 4, 2)


@given(networks("fixed"), st.integers(0, 1000))
@settings(deadline=None, max_examples=30)
def test_inputs_hold_only_values_of_their_port(network: Network, seed: int):
    for name, values in random_inputs(network, seed, batch=2, steps=3).items():
        item = next(entry for entry in network.inputs if entry.name == name)
        type_ = item.port.carries
        low, high = (type_.low, type_.high) if isinstance(type_, Format) else (0, 1)
        assert values.shape == (2, 3, item.size) and low <= values.min() and values.max() <= high


def test_the_same_seed_gives_the_same_network():
    assert random_network(7, "mapped") == random_network(7, "mapped")
    inputs = [random_inputs(random_network(7), 1) for _ in range(2)]
    assert all(np.array_equal(inputs[0][name], inputs[1][name]) for name in inputs[0])


@pytest.mark.parametrize("level", ["model", "fixed"])
def test_every_operation_mode_and_structure_occurs(level: str):
    seen: Counter[str] = Counter()
    for seed in range(300):
        network = random_network(seed, level)
        for program in network.programs.values():
            seen.update(op.opcode for op in program.ops)
            for op in program.ops:
                if isinstance(op.type, Format):
                    seen.update((op.type.rounding, op.type.overflow))
        for item in network.projections:
            seen.update(link.keyword for link in item.chain)
            seen[f"delay{network.delays(item).ndim}"] += 1
            seen.update(name for name, site in item.sites())
            seen["self"] += item.source == item.target
    expected = {name for name, spec in OPS.items() if level == "model" or spec.fixed}
    expected |= {"dense", "sparse", "one_to_one", "select", "identity", "delay0", "delay1", "delay2", "pre", "post"}
    expected |= {"floor", "zero", "even", "away", "saturate", "wrap", "proved"} if level == "fixed" else set()
    assert expected - set(+seen) == set()
    assert seen["self"]


def test_wide_products_and_negative_fractions_occur():
    widths, fractions = set(), set()
    for seed in range(100):
        for program in random_network(seed).programs.values():
            types = program.types()
            for op in program.ops:
                if op.opcode == "mul" and len(op.names) == 2:
                    widths.add(exact_range("mul", [range_of_type(types[name]) for name in op.names]).width)
            fractions |= {item.fraction for item in types.values() if isinstance(item, Format)}
            assert all(item.width <= 32 for item in types.values() if isinstance(item, Format))
    assert min(widths) < 16 and max(widths) > 48 and min(fractions) < -3 and max(fractions) > 10


@pytest.mark.parametrize("feature", FEATURES)
def test_features_can_be_excluded(feature: str):
    absent = {
        "arbitrary": lambda n: not any(name.startswith("ops_") for name in n.programs),
        "pre": lambda n: all(item.pre is None for item in n.projections),
        "post": lambda n: all(item.post is None for item in n.projections),
        "delays": lambda n: all(isinstance(item.delay, int) for item in n.projections),
        "bias": lambda n: all(item.bias is None for item in n.projections),
        "graded": lambda n: all(item.source_port != "potential" for item in n.projections),
        "scale": lambda n: all(site.scale is None for _, site, _ in n.sites()),
        "lookup": lambda n: all(op.opcode != "lookup" for p in n.programs.values() for op in p.ops),
    }
    port = lambda n: all(item.port.kind != feature for item in n.inputs)  # noqa: E731
    assert all(absent.get(feature, port)(random_network(seed, without=(feature,))) for seed in range(60))
