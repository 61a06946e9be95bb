"""Layers of leaky units at fixed level, dense or sparse: networks of a chosen shape, for tests of mapping."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from compiler.formats import BOOL, Format
from compiler.ir.connections.dense import Dense
from compiler.ir.connections.sparse import Sparse
from compiler.ir.network import Input, Network, Output, Population, Projection, Tensor
from compiler.ir.program import Declaration, Emit, Op, Program, Site, State, TensorRef

STATE, SUM, DECAY = Format(True, 26), Format(True, 25), Format(False, 12, 12)


def leaky() -> Program:
    """v' = 0 where d v + i > theta, else d v + i."""
    params = (Declaration("d", DECAY), Declaration("theta", STATE))
    ops = (
        Op("decayed", "mul", ("d", "v"), STATE.with_modes("zero")),
        Op("u", "add", ("decayed", "current"), STATE),
        Op("spike", "gt", ("u", "theta"), BOOL),
        Op("kept", "select", ("spike", 0, "u"), STATE),
    )
    inputs, states = (Declaration("current", SUM),), (State("v", STATE, 0.0),)
    return Program("leaky", inputs, states, params, ops, (("v", "kept"),), (Emit("spikes", "spike"),))


def layered(sizes: Sequence[int], weight_bits: int = 8, seed: int = 0) -> Network:
    """input -> l0 -> l1 …, dense, delay 0; thresholds at which about a tenth of the units spike."""
    network = Network(level="fixed")
    network.programs["leaky"] = leaky()
    network.add(Input("input", (sizes[0],)))
    for index, size in enumerate(sizes[1:]):
        theta = float(int(0.3 * sizes[index] ** 0.5 * (1 << weight_bits)))
        network.add(Population(f"l{index}", (size,), Site("leaky", {"d": 0.875, "theta": theta})))
        source = f"l{index - 1}" if index else "input"
        connect(network, source, f"l{index}", weight_bits=weight_bits, seed=seed + index)
    network.add(Output("output", f"l{len(sizes) - 2}", "spikes"))
    return network


def connect(
    network: Network,
    source: str,
    target: str,
    delay: int | np.ndarray = 0,
    share: float = 1.0,
    weight_bits: int = 8,
    bias: float | None = None,
    seed: int = 0,
) -> Projection:
    """Add a projection with random weights: dense, or sparse where only a share of the synapses exists."""
    rng = np.random.default_rng(seed)
    name = f"{source}_{target}" + "_2" * sum(item.name.startswith(f"{source}_{target}") for item in network.projections)
    shape = (network.size_of(target), network.size_of(source))
    half = 1 << (weight_bits - 1)
    weights = rng.integers(-half, half, shape)
    there = rng.random(shape) < share
    if share < 1.0:
        starts = np.concatenate([[0], np.cumsum(there.sum(axis=1))])
        network.tensors[f"{name}.starts"] = Tensor(Format(True, 32), starts.astype(np.int32))
        network.tensors[f"{name}.sources"] = Tensor(Format(True, 32), np.nonzero(there)[1].astype(np.int32))
        link = Sparse(TensorRef(name), TensorRef(f"{name}.starts"), TensorRef(f"{name}.sources"))
        weights = weights[there]
    else:
        link = Dense(TensorRef(name))
    stored = next(bits for bits in (8, 16, 32) if weight_bits <= bits)
    network.tensors[name] = Tensor(Format(True, weight_bits), weights.astype(f"int{stored}"))
    if isinstance(delay, np.ndarray):
        network.tensors[f"{name}.delay"] = Tensor(Format(False, 8), delay.astype(np.uint8))
    steps = TensorRef(f"{name}.delay") if isinstance(delay, np.ndarray) else delay
    made = Projection(name, source, "spikes", target, "current", (link,), delay=steps, bias=bias, accumulator=SUM)
    network.add(made)
    return made


def spikes(network: Network, batch: int, steps: int, rate: float = 0.3, seed: int = 0) -> dict[str, np.ndarray]:
    """Random spikes for every input."""
    rng = np.random.default_rng(seed)
    return {item.name: (rng.random((batch, steps, item.size)) < rate).astype(np.int32) for item in network.inputs}
