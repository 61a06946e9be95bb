"""Small networks built by hand, and generated programs of any network."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import ModuleType

import numpy as np

from compiler import reference
from compiler.formats import BOOL, parse_type
from compiler.ir.connections.dense import Dense
from compiler.ir.network import Input, Network, Output, Population, PortKind, Projection, Tensor
from compiler.ir.program import Declaration, Emit, Op, Program, Site, State, TensorRef
from compiler.results.archive import recordable
from compiler.results.results import Result
from targets import jax_fixed


def leaky(width: int = 24) -> Program:
    """v' = d v + current, reset to 0 above theta."""
    grid, result = parse_type(f"s{width}.0"), parse_type(f"s{width}.0/zero")
    return Program(
        "leaky",
        (Declaration("current", grid),),
        (State("v", grid),),
        (Declaration("d", parse_type("u12.12")), Declaration("theta", grid)),
        (
            Op("decayed", "mul", ("d", "v"), result),
            Op("u", "add", ("decayed", "current"), grid),
            Op("spike", "gt", ("u", "theta"), BOOL),
            Op("after", "select", ("spike", 0.0, "u"), grid),
        ),
        (("v", "after"),),
        (Emit("spikes", "spike"), Emit("potential", "u")),
    )


def passing(type_: str) -> Program:
    """Emits and keeps what arrives."""
    grid = parse_type(type_)
    return Program("passing", (Declaration("current", grid),), (State("v", grid),), (), (),
                   (("v", "current"),), (Emit("potential", "current"),))  # fmt: skip


def weights(network: Network, name: str, type_: str, data) -> TensorRef:
    """A tensor of raw integers that joins the network."""
    format_ = parse_type(type_)
    network.tensors[name] = Tensor(format_, np.asarray(data))
    return TensorRef(name)


def two_layers(sizes=(20, 16, 5), seed: int = 0, recurrent: bool = True) -> Network:
    """Spikes into a hidden layer, which listens to itself one and three steps ago, and a read-out."""
    rng = np.random.default_rng(seed)
    pre, hidden, post = sizes
    network = Network(level="fixed")
    network.programs["leaky"] = leaky()
    network.add(Input("input", (pre,), PortKind("spikes")))
    for name, units in (("hid", hidden), ("out", post)):
        network.add(Population(name, (units,), Site("leaky", {"d": 0.9375, "theta": 300.0})))
    ends = [("input", "hid", pre, hidden, 0), ("hid", "out", hidden, post, 1)]
    ends += [("hid", "hid", hidden, hidden, 1), ("hid", "hid", hidden, hidden, 3)] if recurrent else []
    for index, (source, target, columns, rows, delay) in enumerate(ends):
        link = Dense(weights(network, f"w{index}", "s8.0", rng.integers(-90, 128, (rows, columns)).astype(np.int8)))
        port = "spikes"
        network.add(Projection(f"{source}_{target}_{index}", source, port, target, "current", (link,), delay))
    network.add(Output("output", "out", "spikes", "count"))
    return network


def spikes(network: Network, batch: int = 3, steps: int = 12, seed: int = 1) -> dict[str, np.ndarray]:
    """Random spikes for every input."""
    rng = np.random.default_rng(seed)
    return {item.name: rng.integers(0, 2, (batch, steps, item.size)).astype(np.uint8) for item in network.inputs}


def write(network: Network, folder: Path) -> Path:
    """The files of the target in a folder."""
    for name, data in jax_fixed.emit(network).items():
        (folder / name).write_bytes(data)
    return folder


def generated(network: Network) -> ModuleType:
    """The program of a network, imported."""
    with tempfile.TemporaryDirectory() as name:
        return jax_fixed.load(write(network, Path(name)))


def run(program: ModuleType, inputs, state=None, record=()) -> Result:
    """A run of an imported program with NumPy arrays."""
    parts = program.run(inputs, state, tuple(record))
    return Result(*({name: np.asarray(rows) for name, rows in part.items()} for part in parts))


def golden(network: Network, inputs, state=None) -> Result:
    """The golden model's run with everything recorded."""
    return reference.run(network, inputs, state, list(recordable(network)))


def differing(expected: Result, found: Result) -> list[str]:
    """Names of arrays that are not the same in kind, shape and every bit."""
    faults = []
    for part in ("outputs", "records", "state"):
        wanted, got = getattr(expected, part), getattr(found, part)
        faults += [f"{part}: {name}" for name in wanted.keys() ^ got.keys()]
        faults += [
            f"{part}: {name}"
            for name in wanted.keys() & got.keys()
            if wanted[name].dtype != got[name].dtype or not np.array_equal(wanted[name], got[name])
        ]
    return faults


def joined(first: Result, second: Result) -> Result:
    """Two runs, one after the other, as one."""
    outputs, records = (
        {name: np.concatenate([rows, after[name]], axis=1) for name, rows in before.items()}
        for before, after in ((first.outputs, second.outputs), (first.records, second.records))
    )
    return Result(outputs, records, second.state)
