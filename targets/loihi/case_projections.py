"""Projections of a recorded case: weights cut to the grid of their sign mode, exponent, delays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from compiler.formats import Format, smallest_format, storage_dtype
from compiler.ir.connections.dense import Dense
from compiler.ir.network import Network, Projection, Tensor
from compiler.ir.program import Declaration, Emit, Op, Program, Site, TensorRef
from targets.loihi.case_file import CaseFile, Entry
from targets.loihi.weights import MODES, Grid, mode_of

LONGEST = 4094
ARRIVAL = 1
"""Steps that a spike takes; delays come on top."""

SIGN_MODES = {None: "", "null": ""} | {word: mode for mode in MODES for word in (mode[0], mode)}
"""By word, in either case; without one the weights tell."""


@dataclass(frozen=True)
class CaseProjection:
    """weights: effective mantissas [post, pre]. graded: synapses meet values, not spikes. delays: [post, pre]."""

    name: str
    source: str
    target: str
    weights: np.ndarray
    exponent: int
    graded: bool
    delays: np.ndarray

    def bound(self, largest: int) -> np.ndarray:
        """Largest magnitude of what arrives [post], when no value is above `largest`."""
        total = np.abs(self.weights).sum(axis=1) * largest
        return total << self.exponent if self.exponent >= 0 else -(-total >> -self.exponent)

    @property
    def parts(self) -> list[CaseProjection]:
        """Itself, or one part for every delay: bits of a negative exponent are lost before delays meet."""
        kinds = np.unique(self.delays)
        if self.exponent >= 0 or len(kinds) < 2:
            return [self]
        return [replace(self, name=f"{self.name}_after{delay}", weights=np.where(self.delays == delay, self.weights, 0),
                        delays=np.full_like(self.delays, delay)) for delay in kinds]

    def add_to(self, network: Network, source: str, port: str, shift: int, largest: int) -> None:
        """Add the projection; the sum loses the bits of a negative exponent in a program behind it, as the chip does.

        shift: left shift of what arrives, as a fraction of the formats.
        """
        for part in self.parts:
            part._add(network, source, port, shift, largest)

    def _add(self, network: Network, source: str, port: str, shift: int, largest: int) -> None:
        low, high = min(0, int(self.weights.min(initial=0))), max(1, int(self.weights.max(initial=0)))
        fraction = -(self.exponent + shift)
        weight = smallest_format(low, high, fraction)
        name = f"{self.name}.weights"
        network.tensors[name] = Tensor(weight, self.weights.astype(storage_dtype(weight)))
        most = max(1, int(np.abs(self.weights).sum(axis=1).max(initial=0)) * largest)
        arriving = max(1, int(self.bound(largest).max(initial=0)))
        accumulator = smallest_format(-most, most, fraction)
        program = _exponent(f"{self.name}_exponent", accumulator, smallest_format(-arriving, arriving, -shift))
        network.programs[program.name] = program
        network.add(Projection(self.name, source, port, self.target, "a", (Dense(TensorRef(name)),),
                               self._delay(network), post=Site(program.name), accumulator=accumulator))

    def _delay(self, network: Network) -> int | TensorRef:
        total = self.delays + ARRIVAL
        if (total == total.flat[0]).all():
            return int(total.flat[0])
        type_ = smallest_format(0, int(total.max()))
        network.tensors[f"{self.name}.delays"] = Tensor(type_, total.astype(storage_dtype(type_)))
        return TensorRef(f"{self.name}.delays")


def _exponent(name: str, given: Format, result: Format) -> Program:
    """acc << e, or acc >> -e rounded down: both are a change of the grid."""
    op = Op("shifted", "convert", ("acc",), result)
    return Program(name, (Declaration("acc", given),), (), (), (op,), (), (Emit("a", "shifted"),))


def of(file: CaseFile, sizes: Mapping[str, int]) -> list[CaseProjection]:
    """Every projection of a case. sizes: units of every node. Errors: E140."""
    return [_projection(file, entry, sizes) for entry in file.entries("projections")]


def _projection(file: CaseFile, entry: Entry, sizes: Mapping[str, int]) -> CaseProjection:
    source, target = entry.text("pre"), entry.text("post")
    for key, name in (("pre", source), ("post", target)):
        if name not in sizes:
            raise file.fault(f"{entry.where}.{key}", "there is no such node", name, ", ".join(sizes))
    shape = (sizes[target], sizes[source])
    given = file.integers(f"{entry.name}.weights", shape)
    mode = entry.choice("sign_mode", SIGN_MODES)
    grid = Grid(mode or mode_of(given), entry.integer("num_weight_bits", 1, 8, default=8))
    delays = file.integers(f"{entry.name}.delays", shape, default=0)
    if delays.min() < 0 or delays.max() > LONGEST:
        raise file.fault(f"{entry.name}.delays", "a delay is out of range", delays.max(), f"0..{LONGEST}")
    graded = entry.integer("num_message_bits", 0, 32, default=0) > 0
    exponent = entry.integer("weight_exp", -16, 16, default=0)
    return CaseProjection(entry.name, source, target, grid.truncated(given), exponent, graded, delays)
