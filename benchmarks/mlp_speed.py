"""Speed of a generated fixed-point program against float32 JAX: spiking 784-512-10, T = 100, batch 64 and 256.

Run from the project's root:

    python benchmarks/mlp_speed.py [--batch 64 256] [--steps 100] [--repetitions 31]

Both sides are written as well as they can be: the float32 program in every form that is known to be fast (products
of all steps at once, in blocks of several sizes, step by step), of which the fastest counts: a first round finds the
candidates. These and the program then take turns in one run and medians are compared, so that a busy machine disturbs
all of them alike; the seconds of processor time beside them are disturbed least. Beside the ratio stand the ratio
of the bare products, the floor that nothing built on them can pass, and what the machine can do at most.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

sys.path.insert(0, str(Path(__file__).parent.parent))

from compiler import reference  # noqa: E402
from compiler.formats import BOOL, parse_type  # noqa: E402
from compiler.ir.connections.dense import Dense  # noqa: E402
from compiler.ir.network import Input, Network, Output, Population, PortKind, Projection, Tensor  # noqa: E402
from compiler.ir.program import Declaration, Emit, Op, Program, Site, State, TensorRef  # noqa: E402
from targets import jax_fixed  # noqa: E402
from targets.jax_fixed.runtime.products import multiplies_unsigned  # noqa: E402

SIZES = (784, 512, 10)
DECAY, THRESHOLD = 15937372 / (1 << 24), (350, 300)
FLOAT_BLOCKS = (5, 10, 20, 25, 50, 100)
BYTE = lax.DotAlgorithmPreset.DEFAULT
Form = tuple[Callable[[Any], Any], Any]


def fixed_network(seed: int = 0) -> Network:
    """784 inputs -> 512 LIF -> 10 LIF with random weights of 8 bits, distributed like trained ones."""
    rng = np.random.default_rng(seed)
    state, sums, decayed = (parse_type(text) for text in ("s20.0", "s16.0", "s20.0/zero"))
    network = Network(level="fixed")
    network.programs["leaky"] = Program(
        "leaky",
        (Declaration("current", sums),),
        (State("v", state),),
        (Declaration("d", parse_type("u24.24")), Declaration("theta", state)),
        (
            Op("decayed", "mul", ("d", "v"), decayed),
            Op("u", "add", ("decayed", "current"), state),
            Op("spike", "gt", ("u", "theta"), BOOL),
            Op("after", "select", ("spike", 0.0, "u"), state),
        ),
        (("v", "after"),),
        (Emit("spikes", "spike"),),
    )
    network.add(Input("input", SIZES[:1], PortKind("spikes")))
    for name, source, units, theta in (("hid", "input", SIZES[1], 0), ("out", "hid", SIZES[2], 1)):
        pre = network.size_of(source)
        data = np.clip(np.rint(rng.normal(0, 32, (units, pre))), -127, 127).astype(np.int8)
        network.tensors[f"w_{name}"] = Tensor(parse_type("s8.0"), data)
        network.add(Population(name, (units,), Site("leaky", {"d": DECAY, "theta": float(THRESHOLD[theta])})))
        link = Dense(TensorRef(f"w_{name}"))
        network.add(Projection(f"{source}_{name}", source, "spikes", name, "current", (link,), accumulator=sums))
    network.add(Output("output", "out", "spikes", "count"))
    return network


# ---- the float32 side


def float_layer(weights, theta, v, rows):
    """One layer over a block of steps: one product, then the dynamics. rows: [T, B, n]."""
    currents = lax.dot_general(rows, weights, (((2,), (1,)), ((), ())))

    def advance(v, current):
        u = v * np.float32(DECAY) + current
        spike = u > theta
        return jnp.where(spike, 0.0, u), spike.astype(jnp.float32)

    return lax.scan(advance, v, currents)


def float_in_blocks(weights, steps, batch_major, inputs):
    """The whole network in float32, `steps` steps at once. inputs: [B, T, n] if batch_major, else [T, B, n]."""
    axis = 1 if batch_major else 0
    total, batch = inputs.shape[axis], inputs.shape[1 - axis]
    start = tuple(jnp.zeros((batch, w.shape[0]), jnp.float32) for w in weights)

    def block(states, t):
        rows = lax.dynamic_slice_in_dim(inputs, t, steps, axis)
        rows = rows.swapaxes(0, 1) if batch_major else rows
        after = []
        for w, theta, v in zip(weights, THRESHOLD, states, strict=True):
            v, rows = float_layer(w, theta, v, rows)
            after.append(v)
        return tuple(after), rows

    _, rows = lax.scan(block, start, jnp.arange(0, total, steps))
    return rows.reshape(total, batch, -1)


def float_step_by_step(weights, inputs):
    """The whole network in float32, with its products inside the scan. inputs: [T, B, n]."""
    start = tuple(jnp.zeros((inputs.shape[1], w.shape[0]), jnp.float32) for w in weights)

    def advance(states, row):
        after = []
        for w, theta, v in zip(weights, THRESHOLD, states, strict=True):
            u = v * np.float32(DECAY) + row @ w.T
            spike = u > theta
            row = spike.astype(jnp.float32)
            after.append(jnp.where(spike, 0.0, u))
        return tuple(after), row

    return lax.scan(advance, start, inputs)[1]


# ---- everything that is timed


def products_only(weights, steps, inputs):
    """The bare weighted sums of both layers' sizes, block by block, for inputs of both layers [T, B, n]."""

    def block(total, t):
        for w, rows in zip(weights, inputs, strict=True):
            rows = lax.dynamic_slice_in_dim(rows, t, steps, 0)
            sums = lax.dot_general(
                rows, w, (((2,), (1,)), ((), ())), precision=BYTE,
                preferred_element_type=jnp.float32 if rows.dtype == jnp.float32 else jnp.int32,
            )
            total += sums[0, 0, 0]
        return total, None

    start = jnp.zeros((), jnp.float32 if inputs[0].dtype == jnp.float32 else jnp.int32)
    return lax.scan(block, start, jnp.arange(0, inputs[0].shape[0], steps))[0]


def forms(program, network: Network, spikes: np.ndarray, hidden: np.ndarray) -> dict[str, Form]:
    """What takes turns, by name. spikes: [B, T, n]; hidden: what the hidden layer makes of them."""
    matrices = [network.tensors[name].data for name in ("w_hid", "w_out")]
    floats = [jnp.asarray(w, jnp.float32) for w in matrices]
    byte = jnp.uint8 if multiplies_unsigned() else jnp.int8
    major = [np.ascontiguousarray(rows.swapaxes(0, 1)) for rows in (spikes, hidden)]
    as_floats, as_bytes = ([jnp.asarray(rows, kind) for rows in major] for kind in (jnp.float32, byte))
    batch_major = jnp.asarray(spikes, jnp.float32)
    steps = spikes.shape[1]
    blocks = [size for size in FLOAT_BLOCKS if steps % size == 0]
    found: dict[str, Form] = {
        "program": (lambda x: program.run({"input": x})[0]["output"], jnp.asarray(spikes, jnp.uint8)),
        "float32 step by step": (jax.jit(partial(float_step_by_step, floats)), as_floats[0]),
    }
    for size in blocks:
        found[f"float32 blocks of {size}"] = (jax.jit(partial(float_in_blocks, floats, size, False)), as_floats[0])
        found[f"float32 blocks of {size}, [B, T, n]"] = (
            jax.jit(partial(float_in_blocks, floats, size, True)), batch_major)
        found[f"products float32 {size}"] = (jax.jit(partial(products_only, floats, size)), as_floats)
        bytes_ = [jnp.asarray(w) for w in matrices]
        found[f"products bytes {size}"] = (jax.jit(partial(products_only, bytes_, size)), as_bytes)
    return found


def seconds(found: dict[str, Form], repetitions: int, of: Callable = np.median) -> dict[str, tuple[float, float]]:
    """Median, or another measure, of seconds and of processor seconds of every form; the forms take turns."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in found}
    for function, argument in found.values():
        jax.block_until_ready(function(argument))
    for _ in range(repetitions):
        for name, (function, argument) in found.items():
            start, work = time.perf_counter(), time.process_time()
            jax.block_until_ready(function(argument))
            times[name].append((time.perf_counter() - start, time.process_time() - work))
    measured = {name: [float(of(column)) for column in zip(*rows, strict=True)] for name, rows in times.items()}
    return {name: (wall, work) for name, (wall, work) in measured.items()}


def machine() -> dict[str, float]:
    """What the machine reaches at most: products per second of large square matrices, bytes per second of a copy."""
    n, copied = 1024, 1 << 26
    rng = np.random.default_rng(0)
    left, right = rng.integers(0, 2, (n, n)), rng.integers(-127, 128, (n, n))
    byte = jnp.uint8 if multiplies_unsigned() else jnp.int8
    pairs = {
        "float32": (jnp.asarray(left, jnp.float32), jnp.asarray(right, jnp.float32), jnp.float32),
        "bytes": (jnp.asarray(left, byte), jnp.asarray(right, jnp.int8), jnp.int32),
    }
    dot = jax.jit(
        lambda x, w, kind: lax.dot_general(x, w, (((1,), (1,)), ((), ())), precision=BYTE, preferred_element_type=kind),
        static_argnums=2,
    )
    found: dict[str, Form] = {name: (partial(dot, w=w, kind=kind), x) for name, (x, w, kind) in pairs.items()}
    found["copy"] = (jax.jit(lambda x: x + 1), jnp.zeros(copied // 4, jnp.int32))
    times = {name: wall for name, (wall, _) in seconds(found, 25, min).items()}
    return {"float32": n**3 / times["float32"], "bytes": n**3 / times["bytes"], "copy": 2 * copied / times["copy"]}


def check(program, network: Network, spikes: np.ndarray) -> None:
    """End unless the program gives what the golden model gives on two samples."""
    expected = reference.run(network, {"input": spikes[:2]}).outputs["output"]
    if not np.array_equal(expected, program.run({"input": spikes[:2]})[0]["output"]):
        sys.exit("the program differs from the golden model")


def least(times: dict[str, tuple[float, float]], start: str) -> str:
    """The fastest of the forms whose names start so."""
    return min((key for key in times if key.startswith(start)), key=lambda key: times[key][0])


def candidates(found: dict[str, Form]) -> dict[str, Form]:
    """The program, and the fastest two of every kind of form in a first round."""
    first = {name: wall for name, (wall, _) in seconds(found, 5, min).items()}
    kept = ["program"]
    for kind in ("float32 ", "products float32", "products bytes"):
        kept += sorted((name for name in found if name.startswith(kind)), key=first.__getitem__)[:2]
    return {name: found[name] for name in kept}


def report(
    batch: int, steps: int, times: dict[str, tuple[float, float]], limits: dict[str, float]
) -> list[str]:
    """Rows of the table: milliseconds, ratios, and the share of what the machine can do."""
    products = batch * steps * sum(a * b for a, b in zip(SIZES, SIZES[1:], strict=False))
    values = batch * steps * (SIZES[0] + SIZES[-1])  # what comes from memory and goes there; the rest stays in caches
    moved = {"bytes": values, "float32": 4 * values}
    rows = []
    for name, against, kind in (
        ("program", least(times, "float32 "), "bytes"),
        (least(times, "float32 "), "", "float32"),
        (least(times, "products bytes"), least(times, "products float32"), ""),
        (least(times, "products float32"), "", ""),
    ):
        wall, work = times[name]
        size = f"{moved[kind] / 1e6:.0f}" if kind else ""
        floor = f"{(products / limits[kind] + moved[kind] / limits['copy']) * 1e3:.1f}" if kind else ""
        others = times[against] if against else times[name]
        faster = [f"{value / own:.2f}×" for value, own in zip(others, times[name], strict=True)]
        rows.append(f"| {batch} | {name} | {wall * 1e3:.1f} | {work * 1e3:.1f} | {products / wall / 1e9:.0f} | {size} "
                    f"| {floor} | {faster[0]} | {faster[1]} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--batch", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--repetitions", type=int, default=31)
    parser.add_argument("--rate", type=float, default=0.1, help="share of inputs that spike in a step")
    parser.add_argument("--all", action="store_true", help="let every form take turns, not only the fastest")
    asked = parser.parse_args()
    network = fixed_network()
    with tempfile.TemporaryDirectory() as folder:
        for name, data in jax_fixed.emit(network).items():
            (Path(folder) / name).write_bytes(data)
        program = jax_fixed.load(Path(folder))
    limits, measured = machine(), {}
    rows = ["| batch | what | ms | processor ms | G products/s | MB of memory | floor ms | faster | processor time |",
            "|" + "---|" * 9]
    for batch in asked.batch:
        rng = np.random.default_rng(batch)
        spikes = (rng.random((batch, asked.steps, SIZES[0])) < asked.rate).astype(np.uint8)
        check(program, network, spikes)
        hidden = np.asarray(program.run({"input": spikes}, record=("hid.spikes",))[1]["hid.spikes"])
        print(f"batch {batch}: {spikes.mean():.1%} of inputs and {hidden.mean():.1%} of hidden units spike in a step")
        found = forms(program, network, spikes, hidden)
        times = seconds(found if asked.all else candidates(found), asked.repetitions)
        for name, (wall, work) in times.items():
            print(f"    {name:<40} {wall * 1e3:8.2f} ms {work * 1e3:8.2f} ms of processors")
        measured[batch] = times
        limits = {name: max(value, limits[name]) for name, value in machine().items()}
    print(f"jax {jax.__version__}; products of bytes: {'unsigned by signed' if multiplies_unsigned() else 'signed'}; "
          f"machine: float32 {limits['float32'] / 1e9:.0f}, bytes {limits['bytes'] / 1e9:.0f} G products/s, "
          f"copy {limits['copy'] / 1e9:.1f} GB/s")
    rows += [line for batch, times in measured.items() for line in report(batch, asked.steps, times, limits)]
    print("\n".join(rows))


if __name__ == "__main__":
    main()
