"""Speed of a generated Loihi program against lava-nc's bit-accurate CPU model: 784-512-10, T = 100, batch 64 and 1.

Run from the project's root:

    python benchmarks/loihi_speed.py [--lava python3.10] [--batch 64 1] [--rounds 3] [--repetitions 31]

A network of leaky units with synaptic currents is compiled to the chip's registers; the same registers go to lava-nc,
in a Python of its own (`--lava`: one that has lava-nc 0.10.0). Before anything is timed, the program is compared with
the golden model, u, v and spikes of every unit and step, and with what lava-nc gives, spikes and v of the last layer.
Both sides take turns, round after round; the best of each counts, since a busy machine only ever takes away.
Processor seconds beside it are disturbed least. Without `--lava` the published speed stands in, 2.5 to 4.6·10^5
neuron-steps a second, and the table says so.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax
import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

from compiler import chips, discovery, reference  # noqa: E402
from compiler.frontends.lower import lower  # noqa: E402
from compiler.ir.network import Network  # noqa: E402
from compiler.options import Options  # noqa: E402
from compiler.pipeline import MODEL_PASSES  # noqa: E402
from spark.nn.brain import Brain, ModuleSpecs, PortMap  # noqa: E402
from spark.nn.components.synapses.linear import LinearSynapsesConfig  # noqa: E402
from spark.nn.neurons import CubaLIFNeuron  # noqa: E402
from targets import jax_fixed  # noqa: E402
from targets.loihi.registers import registers_of  # noqa: E402
from targets.loihi.synapses import synapses_of  # noqa: E402

SIZES, STEPS, RATE = (784, 512, 10), 100, 0.1
UNITS = sum(SIZES[1:])
PUBLISHED = (2.5e5, 4.6e5)
RECORDS = tuple(f"{name}.{part}" for name in ("hidden", "out") for part in ("u", "v", "spikes"))


def model(seed: int = 0) -> Brain:
    """784 inputs -> 512 -> 10 units with a current of 3 ms behind a membrane of 20 ms, random weights."""
    rng = np.random.default_rng(seed)

    def neuron(units: int, inputs: int, drive: float) -> CubaLIFNeuron:
        made = CubaLIFNeuron(units=(units,), inhibitory_rate=0.0, synapses=LinearSynapsesConfig(scale=1.0),
                             soma__current_tau=3.0, soma__potential_reset=-60.0, soma__potential_rest=-60.0)
        made = made.build(inputs)
        kernel = rng.normal(0.1, 1.0, (units, inputs)) * drive
        made.params = made.params | {"synapses": made.params["synapses"] | {"kernel": kernel}}
        return made

    return Brain(inputs={"input": SIZES[0]}, outputs={"output": PortMap("out", "out_spikes")}, modules=[
        ModuleSpecs("hidden", neuron(SIZES[1], SIZES[0], 40.0), {"in_spikes": PortMap("__call__", "input")}),
        ModuleSpecs("out", neuron(SIZES[2], SIZES[1], 60.0), {"in_spikes": PortMap("hidden", "out_spikes")})])


def compiled(chip: str = "loihi2") -> Network:
    """The network in registers, with the step that a spike takes on the chip."""
    network, options = lower(model()).network, Options(chip=chips.load(chip))
    for name in (*MODEL_PASSES, "legalise_loihi", "retime"):
        network = discovery.passes()[name].run(network, options)
    return network


def spikes_of(batch: int) -> np.ndarray:
    return (np.random.default_rng(batch).random((batch, STEPS, SIZES[0])) < RATE).astype(np.uint8)


def check(program, network: Network) -> np.ndarray:
    """End unless program and golden model agree on one sample, everywhere. Returns the golden output and v."""
    given = {"input": spikes_of(1)}
    expected = reference.run(network, given, record=RECORDS)
    _, records, _ = program.run(given, record=RECORDS)
    for name in RECORDS:
        if not np.array_equal(expected.records[name], np.asarray(records[name])):
            sys.exit(f"the program differs from the golden model in {name}")
    values = sum(expected.records[name].size for name in RECORDS)
    rates = ", ".join(f"{expected.records[f'{name}.spikes'].mean():.1%} of {name}" for name in ("hidden", "out"))
    print(f"program = golden model: {values} values; {rates} units spike in a step")
    return np.stack([expected.records["out.spikes"][0].astype(np.int64), expected.records["out.v"][0].astype(np.int64)])


def lava_speed(python: str, network: Network, expected: np.ndarray, late: int) -> list[float]:
    """Neuron-steps a second of every run of lava-nc, after it gave the same. late: steps it delivers later."""
    given = {"input": spikes_of(1)[0]}
    for layer, population in enumerate(("hidden", "out")):
        registers = registers_of(network, network.node(population))  # pyright: ignore[reportArgumentType]
        found = synapses_of(network, network.into(population)[0])
        assert registers.threshold is not None
        given |= {f"w{layer}": found.mantissas, f"e{layer}": found.exponent, f"du{layer}": registers.du[0],
                  f"dv{layer}": registers.dv[0], f"vth{layer}": registers.threshold[0]}
    with tempfile.TemporaryDirectory() as folder:
        np.savez(f"{folder}/registers.npz", **given)
        script = Path(__file__).with_name("lava_mlp.py")
        subprocess.run([python, str(script), f"{folder}/registers.npz", f"{folder}/rows.npz"], check=True)
        rows = dict(np.load(f"{folder}/rows.npz"))
    last = STEPS - late
    same = [np.array_equal(rows[name][late:], own[:last]) for name, own in zip(("spikes", "v"), expected, strict=True)]
    if not all(same):
        sys.exit("the program differs from lava-nc")
    print(f"program = lava-nc: spikes and v of the last layer, {last} steps")
    return [UNITS * STEPS / float(seconds) for seconds in rows["seconds"]]


def program_seconds(program, batch: int, repetitions: int) -> list[tuple[float, float]]:
    """Seconds and processor seconds of every `run` as a user calls it, the first left out."""
    given, seconds = jax.numpy.asarray(spikes_of(batch)), []
    jax.block_until_ready(program.run({"input": given}))
    for _ in range(repetitions):
        start, work = time.perf_counter(), time.process_time()
        jax.block_until_ready(program.run({"input": given}))
        seconds.append((time.perf_counter() - start, time.process_time() - work))
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--lava", metavar="PYTHON", help="a Python with lava-nc 0.10")
    parser.add_argument("--batch", type=int, nargs="+", default=[64, 1])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--repetitions", type=int, default=31)
    asked = parser.parse_args()
    network = compiled()
    with tempfile.TemporaryDirectory() as folder:
        for name, data in jax_fixed.emit(network).items():
            (Path(folder) / name).write_bytes(data)
        program = jax_fixed.load(Path(folder))
    expected = check(program, network)
    late = network.node("out").skew  # pyright: ignore[reportAttributeAccessIssue]
    lava, own = [] if asked.lava else list(PUBLISHED), {batch: [] for batch in asked.batch}
    for _ in range(asked.rounds):
        lava += lava_speed(asked.lava, network, expected, late) if asked.lava else []
        for batch in asked.batch:
            own[batch] += program_seconds(program, batch, asked.repetitions)
    print(f"jax {jax.__version__}; lava-nc {'measured' if asked.lava else 'published, not measured here'}")
    print("| what | neuron-steps/s, best | median | per processor second | of lava-nc, best | median |\n|" + "---|" * 6)
    print(f"| lava-nc, batch 1 | {max(lava):.3g} | {np.median(lava):.3g} | | 1× | 1× |")
    for batch, seconds in own.items():
        walls, works = (UNITS * STEPS * batch / np.array(column) for column in zip(*seconds, strict=True))
        best, middle = walls.max(), float(np.median(walls))
        print(f"| program, batch {batch} | {best:.3g} | {middle:.3g} | {works.max():.3g} | {best / max(lava):.0f}× "
              f"| {middle / np.median(lava):.0f}× |")


if __name__ == "__main__":
    main()
