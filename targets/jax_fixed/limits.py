"""What a generated program cannot do, all of it reported at once."""

from __future__ import annotations

from collections.abc import Iterator

from compiler.diagnostics import Diagnostic, Place, declare
from compiler.formats import Format
from compiler.ir.network import Network
from compiler.ir.ops import OPS
from targets.jax_fixed.connections.base import find

E480 = declare("E480", "a program holds something that integers in a generated program cannot execute")
E481 = declare("E481", "a state or port is wider than 32 bits")
E482 = declare("E482", "a connection has no lowering in generated programs")


def check(network: Network, chip=None) -> list[Diagnostic]:
    """Every limit that the network exceeds."""
    return [*_programs(network), *_synapses(network), *_connections(network)]


def _programs(network: Network) -> Iterator[Diagnostic]:
    for program in network.programs.values():
        for op in program.ops:
            place = Place(path=f"@{program.name}.{op.result}") if not op.place.file else op.place
            if not OPS[op.opcode].fixed:
                yield Diagnostic(E480, f"operation {op.opcode} needs floating point", place, str(op.type), "a table")
            if isinstance(op.type, Format) and op.type.rounding == "stochastic":
                yield Diagnostic(E480, "stochastic rounding is not generated", place, str(op.type), "another rounding")
        for item in (*program.states, *program.inputs):
            if not isinstance(item.type, Format) or item.type.width <= 32:
                continue
            yield Diagnostic(E481, f"{item.name} is wider than 32 bits", Place(path=f"@{program.name}.{item.name}"),
                             str(item.type), "at most 32 bits")


def _synapses(network: Network) -> Iterator[Diagnostic]:
    for item in network.projections:
        if item.synapse is not None:
            yield Diagnostic(E480, f"{item.name} changes its weights", Place(path=f"{item.name}.synapse"),
                             f"program @{item.synapse.program}", "fixed weights")


def _connections(network: Network) -> Iterator[Diagnostic]:
    for item in network.projections:
        for link in item.chain:
            if find(link) is None:
                yield Diagnostic(E482, f"{link.keyword} cannot be generated", Place(path=item.name), link.keyword)
