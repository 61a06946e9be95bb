"""Every kind of connection, on spikes, small and large values, gives the golden model's sums."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from compiler.formats import parse_type
from compiler.ir.connections.base import Connection, find
from compiler.ir.network import Input, Network, Output, Population, PortKind, Projection
from compiler.ir.program import Site, TensorRef
from targets.jax_fixed import connections
from targets.jax_fixed.connections import base, sparse
from tests.targets.jax_fixed.programs import differing, generated, golden, passing, run, weights

SHAPE = (4, 6, 5)
UNITS = 120
PORTS = {
    "spikes": PortKind("spikes"),
    "signed": PortKind("signed"),
    "events": PortKind("events", maximum=300),
    "current": PortKind("current", type=parse_type("s16.3")),
}
KINDS = find()


def random_weights(network: Network, name: str, type_: str, shape) -> TensorRef:
    format_ = parse_type(type_)
    data = np.random.default_rng(len(network.tensors)).integers(format_.low, format_.high, shape, endpoint=True)
    return weights(network, name, type_, data.astype(np.int16 if format_.width > 8 else np.int8))


def synapses(network: Network, name: str, type_: str) -> Connection:
    """A sparse connection of 30 post units, some without synapses."""
    rng = np.random.default_rng(4)
    counts = rng.integers(0, 5, 30)
    sources = np.concatenate([np.sort(rng.choice(UNITS, count, replace=False)) for count in counts])
    starts = weights(network, f"{name}.starts", "s32.0", np.cumsum([0, *counts]).astype(np.int32))
    index = weights(network, f"{name}.sources", "s32.0", sources.astype(np.int32))
    return KINDS["sparse"](random_weights(network, name, type_, len(sources)), starts, index)


def windows(network: Network) -> Iterator[Connection]:
    """Convolutions and pooling with strides, paddings, dilations and groups."""
    if "conv2d" not in KINDS:
        return
    for index, (outs, ins, kernel, stride, padding, dilation, groups) in enumerate([
        (3, 4, (3, 2), (1, 1), (0, 0, 0, 0), (1, 1), 1), (5, 4, (2, 3), (2, 1), (1, 0, 2, 1), (2, 1), 1),
        (6, 2, (3, 3), (1, 2), (1, 1, 1, 1), (1, 1), 2), (4, 1, (2, 2), (1, 1), (0, 1, 0, 1), (1, 2), 4),
    ]):  # fmt: skip
        weight = random_weights(network, f"conv{index}", "s6.1", (outs, ins, *kernel))
        yield KINDS["conv2d"](weight, SHAPE, stride, padding, dilation, groups)
    weight = random_weights(network, "conv_line", "s5.0", (3, 4, 7))
    yield KINDS["conv1d"](weight, (4, 30), (2,), (3, 1), (1,), 1)
    yield KINDS["sum_pool2d"](SHAPE, (2, 2), (2, 2), (0, 0, 0, 1))
    yield KINDS["sum_pool2d"](SHAPE, (3, 2), (1, 2), (1, 0, 0, 0))


def every_kind(network: Network) -> Iterator[Connection]:
    yield KINDS["identity"]()
    yield KINDS["select"](7, 31)
    yield KINDS["repeat"](2)
    for index, type_ in enumerate(("s8.0", "u8.2", "s4.-1", "s12.3")):
        yield KINDS["dense"](random_weights(network, f"dense{index}", type_, (9, UNITS)))
        yield KINDS["one_to_one"](random_weights(network, f"one{index}", type_, UNITS))
        yield synapses(network, f"sparse{index}", type_)
    yield from windows(network)


def network_of(port: PortKind) -> Network:
    """One population for every connection, all from the same input."""
    network = Network(level="fixed")
    network.programs["passing"] = passing("s32.6")
    network.add(Input("input", SHAPE, port))
    for index, item in enumerate(every_kind(network)):
        name = f"p{index}_{item.keyword}"
        shape = item.output_shape(SHAPE, network.tensors)
        network.add(Population(name, shape, Site("passing")))
        network.add(Projection(f"to_{name}", "input", port.kind, name, "current", (item,), index % 2))
        network.add(Output(f"output{index}", name, "potential"))
    return network


def values(port: PortKind) -> np.ndarray:
    low, high = {"spikes": (0, 1), "signed": (-1, 1), "events": (0, 300)}.get(port.kind, (-32768, 32767))
    chosen = np.random.default_rng(1).integers(low, high, (2, 4, UNITS), endpoint=True)
    chosen[0, 0, :2] = low, high
    return chosen.astype(np.int32)


@pytest.mark.parametrize("port", PORTS)
def test_sums_of_every_kind_of_connection_are_exact(monkeypatch, port):
    """Sparse ones as a list of synapses for currents and signed spikes, as a matrix otherwise."""
    if port in ("current", "signed"):
        monkeypatch.setattr(sparse, "SMALL", 0)
        monkeypatch.setattr(sparse, "WORTH", 0)
    network = network_of(PORTS[port])
    inputs = {"input": values(PORTS[port])}
    program = generated(network)
    assert differing(golden(network, inputs), run(program, inputs, None, list(program.RECORDS))) == []


def test_delays_of_single_synapses_work_through_every_kind():
    network = Network(level="fixed")
    network.programs["passing"] = passing("s32.6")
    network.add(Input("input", SHAPE, PORTS["spikes"]))
    for index, item in enumerate(every_kind(network)):
        shape = item.output_shape(SHAPE, network.tensors)
        delays = np.random.default_rng(index).integers(0, 3, (int(np.prod(shape)), UNITS)).astype(np.uint8)
        delay = weights(network, f"delay{index}", "u8.0", delays)
        network.add(Population(f"p{index}", shape, Site("passing")))
        network.add(Projection(f"to_p{index}", "input", "spikes", f"p{index}", "current", (item,), delay))
        network.add(Output(f"output{index}", f"p{index}", "potential"))
    inputs = {"input": values(PORTS["spikes"])}
    program = generated(network)
    assert differing(golden(network, inputs), run(program, inputs, None, list(program.RECORDS))) == []


def test_every_kind_of_connection_has_a_lowering():
    network = Network(level="fixed")
    assert [kind for kind in KINDS.values() if base.find(kind) is None] == []  # pyright: ignore
    assert {item.keyword for item in every_kind(network)} == set(KINDS), connections.__name__
