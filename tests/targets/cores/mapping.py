"""Random small chips, and everything from a fixed network to a folder of core tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from compiler import chips
from compiler.checking.checks import every_record
from compiler.chips import Chip
from compiler.ir.network import Network
from compiler.options import Options
from compiler.passes import partition, place, retime, route
from compiler.results.results import Result
from targets.cores.emission import emit

LIMITLESS = {
    "width": 12,
    "height": 12,
    "accumulators": 256,
    "index_bits": 8,
    "weight_bits": 32,
    "delay_bits": 6,
    "synapse_memory": 1 << 20,
    "neuron_memory": 1 << 16,
    "out_axons": 4096,
    "profiles": 64,
}


@st.composite
def small_chips(draw: st.DrawFn) -> Chip:
    """Chips of few neurons per core, so that small networks are split."""
    return replace(
        chips.load("tiny"),
        **LIMITLESS,
        neurons=draw(st.integers(1, 7)),
        delivery_delay=draw(st.sampled_from((1, 1, 1, 2))),
        word_bits=draw(st.sampled_from((8, 16, 32, 64))),
    )


def mapped(network: Network, chip: Chip) -> Network:
    """Retimed, partitioned, placed and routed. Raises E420 where a cycle is too fast for the chip."""
    options = Options(chip=chip)
    retimed = retime.run(network, options)
    return route.run(place.run(partition.run(retimed, options), options), options)


def written(network: Network, chip: Chip, folder: Path) -> Path:
    """A folder that holds the core tables of a mapped network and nothing else."""
    for path, data in emit(network, chip).items():
        (folder / path).parent.mkdir(exist_ok=True, parents=True)
        (folder / path).write_bytes(data)
    return folder


def arrays_of(result: Result) -> dict[str, np.ndarray]:
    """A result under the names of the emulator's output file."""
    kinds = {"output": result.outputs, "record": result.records, "state": result.state}
    return {f"{kind}.{name}": value for kind, values in kinds.items() for name, value in values.items()}


def records_of(network: Network) -> list[str]:
    """Every state of every site, every input port and emitted port of every site."""
    found = every_record(network)
    for site, item, _ in network.sites():
        program = network.programs[item.program]
        found += [f"{site}.{declared.name}" for declared in program.inputs]
        found += [f"{site}.{emit.port}" for emit in program.emits]
    return list(dict.fromkeys(found))


def differing(expected: dict[str, np.ndarray], found: dict[str, np.ndarray]) -> list[str]:
    """Names of arrays that are missing, or differ in type, shape or any value."""
    return [
        name
        for name, value in expected.items()
        if name not in found or value.dtype != found[name].dtype or not np.array_equal(value, found[name])
    ]
