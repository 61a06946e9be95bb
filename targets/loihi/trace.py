"""The published trace of a real chip: one compartment behind one synapse, and the emulator's replay of it."""

from __future__ import annotations

import numpy as np

from compiler.checking.conformance import RecordedCase
from compiler.formats import Format
from compiler.ir.connections.dense import Dense
from compiler.ir.network import Input, Network, Output, Population, Projection, Tensor
from compiler.ir.program import Argument, Site, TensorRef
from targets.loihi.case_chip import chip_of
from targets.loihi.case_file import CaseFile, Entry
from targets.loihi.dynamics import SHIFT, Form, compartment
from targets.loihi.weights import Grid, mode_of

MOST_STEPS = 1 << 20


def trace_of(file: CaseFile) -> RecordedCase:
    """The trace as a case: spikes and v of the chip (v as it reads in spike steps), and the emulator's spikes, u, v."""
    given = file.meta["registers"]
    registers = Entry(file, "meta.registers", given if isinstance(given, dict) else {})
    rows = file.arrays.get("s_in", np.zeros(0))
    steps = min(len(rows), MOST_STEPS) if rows.ndim else 0
    spikes = file.integers("s_in", (steps, 1), (steps,)).reshape(-1, 1)
    network = _network(registers)
    records = {"n.spikes": "chip spikes", "n.reported": "chip v", "n.u": "emulator u", "n.v": "emulator v"}
    arrays = {"n.spikes": "loihi_s", "n.reported": "loihi_v", "n.u": "lava_u", "n.v": "lava_v"}
    expected = {record: file.integers(name, (steps,), (steps, 1)).reshape(-1, 1) for record, name in arrays.items()}
    return RecordedCase(file.path.stem, network, chip_of(network), {"s_in": spikes[None].astype(np.int32)}, expected,
                        {"w": network.tensors["w.weights"].data.astype(np.int64)}, records)


def _network(registers: Entry) -> Network:
    network = Network(level="fixed")
    given = np.array([[registers.integer("w", -256, 255)]])
    weight = Format(True, 9, -SHIFT)
    network.tensors["w.weights"] = Tensor(weight, Grid(mode_of(given)).truncated(given).astype(np.int16))
    form = Form(emits=(("spikes", "spikes"), ("reported", "reported")), sum=weight)
    arguments: dict[str, Argument] = {"kept_u": (4095 - registers.integer("du", 0, 4095)) / 4096,
                 "kept_v": (4096 - registers.integer("dv", 0, 4095)) / 4096,
                 "threshold": float(registers.integer("vth", 0, (1 << 17) - 1) << SHIFT)}
    program = compartment("compartment", form)
    network.programs[program.name] = program
    network.add(Input("s_in", (1,)))
    network.add(Population("n", (1,), Site(program.name, arguments)))
    network.add(Projection("w", "s_in", "spikes", "n", "a", (Dense(TensorRef("w.weights")),), 1, accumulator=weight))
    network.add(Output("output", "n", "spikes"))
    return network
