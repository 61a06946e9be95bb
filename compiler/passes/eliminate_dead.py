"""Removes what nothing depends on.

Rewrite: op, parameter, argument, program or tensor that no state, no emitted port and no projection uses
-> nothing.
  before  program @p(current: f64, v: state f64 = 0.0, tau: param f64) { %a = mul tau, 2.0  v' = current … }
  after   program @p(current: f64, v: state f64 = 0.0) { v' = current … }

Levels: all. Preserves: every state, output and record of a state or port, bit for bit. States and emitted
ports stay, used or not: they can be recorded.
"""

from __future__ import annotations

from compiler.ir.network import LEVELS as ALL
from compiler.ir.network import Network
from compiler.ir.program import TensorRef
from compiler.ir.rewrite import prune_arguments, without_unused
from compiler.options import Options

LEVELS = ALL


def run(network: Network, options: Options) -> Network:
    """The network without what is dead."""
    alive = network.copy()
    used = {site.program for _, site, _ in alive.sites()}
    alive.programs = {name: without_unused(item) for name, item in alive.programs.items() if name in used}
    prune_arguments(alive)
    tensors = set(_tensors(alive))
    alive.tensors = {name: item for name, item in alive.tensors.items() if name in tensors}
    return alive


def _tensors(network: Network):
    for _, site, _ in network.sites():
        yield from site.references()
    for program in network.programs.values():
        yield from (item.name for item in program.uses() if isinstance(item, TensorRef))
    for projection in network.projections:
        yield from (item.name for item in (projection.delay, projection.bias) if isinstance(item, TensorRef))
        for connection in projection.chain:
            yield from connection.references()
