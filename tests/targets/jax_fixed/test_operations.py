"""Every operation in every rounding and overflow on the hardest formats, very many of them in one program."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from compiler.formats import BOOL, Format, parse_type
from compiler.ir.connections.identity import Identity
from compiler.ir.exact import EXACT_BITS, exact_bits, exact_range, range_of_number, range_of_type
from compiler.ir.network import Input, Network, Output, Population, PortKind, Projection
from compiler.ir.ops import COMPARISONS
from compiler.ir.program import Declaration, Emit, Op, Program, Site, State
from tests.targets.jax_fixed.programs import differing, generated, golden, run

OPERANDS = (
    "s32.0", "s32.20", "s31.-3", "u31.31", "u31.0", "s20.8", "s24.6", "u24.24", "u12.12", "s8.-5", "u1.0", "s2.14",
)  # fmt: skip
UNARY, BINARY = ("neg", "abs", "sign", "convert", "floor", "ceil", "round"), ("add", "sub", "mul", "min", "max")
RESULTS = ("s32.0", "u31.0", "s32.24", "s20.8", "s9.-6", "u4.2", "s24.12", "s12.30")
NEAREST, OVERFLOWS = ("floor", "zero", "even", "away"), ("saturate", "wrap")
LITERALS = (0.0, 1, -3, 0.375, -1048576.5)


class Collector:
    """Builds one program of many independent operations, each kept in a state of its own."""

    def __init__(self, seed: int):
        self.rng = Random(seed)
        self.types = {f"i{index}": parse_type(text) for index, text in enumerate(OPERANDS)}
        self.types |= {f"i{index}b": parse_type(text) for index, text in enumerate(OPERANDS)}
        self.ops: list[Op] = []

    def add(self, opcode: str, operands: tuple, grids) -> None:
        """The operation once for every grid whose exact result engines can hold, in random modes."""
        ranges = [range_of_type(self.types[item]) if isinstance(item, str) else range_of_number(float(item))
                  for item in operands]
        exact = exact_range(opcode, ranges)
        for text in grids:
            grid = parse_type(text)
            if exact_bits(exact, grid.fraction) <= EXACT_BITS:
                modes = grid.with_modes(self.rng.choice(NEAREST), self.rng.choice(OVERFLOWS))
                self.ops.append(Op(f"x{len(self.ops)}", opcode, operands, modes))

    def compare(self, opcode: str, operands: tuple) -> None:
        ranges = [range_of_type(self.types[item]) if isinstance(item, str) else range_of_number(float(item))
                  for item in operands]
        if exact_range(opcode, ranges).width <= EXACT_BITS:
            self.ops.append(Op(f"x{len(self.ops)}", opcode, operands, BOOL))

    def network(self) -> Network:
        """The operations at work on inputs of every format, straight from `current` ports."""
        states = tuple(State(f"s_{op.result}", op.type, False if op.type == BOOL else 0.0) for op in self.ops)
        inputs = tuple(Declaration(name, type_) for name, type_ in self.types.items())
        updates = tuple((f"s_{op.result}", op.result) for op in self.ops)
        emits = (Emit("potential", self.ops[0].result),)
        program = Program("many", inputs, states, (), tuple(self.ops), updates, emits)
        network = Network(level="fixed")
        network.programs["many"] = program
        network.add(Population("p", (40,), Site("many")))
        for name, type_ in self.types.items():
            network.add(Input(f"in_{name}", (40,), PortKind("current", type=type_)))
            network.add(Projection(f"to_{name}", f"in_{name}", "current", "p", name, (Identity(),), accumulator=type_))
        network.add(Output("output", "p", "potential"))
        return network


def edged(rng: np.random.Generator, type_: Format, shape) -> np.ndarray:
    """Values of a format; ends, zero, ones and halves often."""
    special = [type_.low, type_.high, 0, 1, type_.high // 2, type_.high // 2 + 1, max(type_.low, -1), type_.low // 2]
    special += [1 << bit for bit in range(type_.width - 1)]
    values = rng.integers(type_.low, type_.high, shape, endpoint=True)
    return np.where(rng.random(shape) < 0.5, rng.choice(special, shape), values).astype(np.int32)


def equal_to_golden(many: Collector) -> None:
    network, rng = many.network(), np.random.default_rng(11)
    inputs = {item.name: edged(rng, item.port.type, (2, 3, 40)) for item in network.inputs}
    expected = golden(network, inputs)
    assert differing(expected, run(generated(network), inputs, None, list(expected.records))) == []


@pytest.mark.parametrize("opcode", BINARY)
def test_binary_operations_are_exact_on_every_pair_of_formats(opcode):
    many = Collector(1)
    names = [name for name in many.types if not name.endswith("b")]
    for left in names:
        for right in many.rng.sample(names, 6):
            many.add(opcode, (left, f"{right}b"), many.rng.sample(RESULTS, 1))
        many.add(opcode, (left, many.rng.choice(LITERALS)), many.rng.sample(RESULTS, 1))
    assert len(many.ops) > 50
    equal_to_golden(many)


def test_unary_operations_are_exact_on_every_format():
    many = Collector(2)
    for opcode in UNARY:
        for name in many.types:
            if not name.endswith("b"):
                many.add(opcode, (name,), many.rng.sample(RESULTS, 2))
    assert len(many.ops) > 80
    equal_to_golden(many)


def test_comparisons_are_exact_on_every_pair_of_formats():
    many = Collector(3)
    names = [name for name in many.types if not name.endswith("b")]
    for left in names:
        for right in names:
            many.compare(many.rng.choice(sorted(COMPARISONS)), (left, f"{right}b"))
        for literal in LITERALS:
            many.compare(many.rng.choice(sorted(COMPARISONS)), (left, literal))
            many.compare(many.rng.choice(sorted(COMPARISONS)), (literal, left))
    assert len(many.ops) > 150
    equal_to_golden(many)


def test_a_unit_selects_between_values_of_different_formats():
    many = Collector(4)
    names = [name for name in many.types if not name.endswith("b")]
    for left in names:
        many.compare("lt", (left, f"{left}b"))
        condition = many.ops[-1].result
        many.types[condition] = BOOL
        for right in many.rng.sample(names, 4):
            many.ops.append(Op(f"x{len(many.ops)}", "select", (condition, left, right),
                               parse_type(many.rng.choice(RESULTS)).with_modes("even", many.rng.choice(OVERFLOWS))))
        del many.types[condition]
    equal_to_golden(many)


