"""Convolutions large enough for float32: exact where sums of products are below 2**24, bytes elsewhere."""

import numpy as np
import pytest

from compiler.formats import parse_type
from compiler.ir.connections.conv2d import Conv2d
from compiler.ir.network import Input, Network, Output, Population, PortKind, Projection
from compiler.ir.program import Site
from tests.targets.jax_fixed.programs import differing, generated, golden, passing, run, weights

SHAPE = (8, 16, 16)


def network_of(type_: str, port: PortKind) -> Network:
    network = Network(level="fixed")
    network.programs["passing"] = passing("s32.6")
    network.add(Input("input", SHAPE, port))
    format_ = parse_type(type_)
    data = np.random.default_rng(0).integers(format_.low, format_.high, (3, 8, 3, 3), endpoint=True).astype(np.int32)
    item = Conv2d(weights(network, "w", type_, data), SHAPE, (1, 1), (1, 1, 1, 1), (1, 1))
    network.add(Population("out", (3, 16, 16), Site("passing")))
    network.add(Projection("conv", "input", port.kind, "out", "current", (item,)))
    network.add(Output("output", "out", "potential"))
    return network


@pytest.mark.parametrize("type_, port, floats", [
    ("s8.0", PortKind("spikes"), True), ("s16.0", PortKind("signed"), True), ("s16.0", PortKind("events", 60), False),
])
def test_a_large_convolution_gives_the_golden_sums(type_, port, floats):
    network = network_of(type_, port)
    low, high = {"spikes": (0, 1), "signed": (-1, 1), "events": (0, port.maximum)}[port.kind]
    inputs = {"input": np.random.default_rng(1).integers(low, high, (2, 3, 2048), endpoint=True).astype(np.int32)}
    program = generated(network)
    assert hasattr(program, "convolution_of_floats") == floats
    assert differing(golden(network, inputs), run(program, inputs, None, list(program.RECORDS))) == []
