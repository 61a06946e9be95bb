"""Writes what every projection costs on every core it reaches, and checks that the routers can serve it.

Rewrite: a projection gets one axon group per destination core, with its axons and synapse memory there.
  before  projection %in_hid: %in.spikes -> %hid.current  dense(#w)
  after   projection %in_hid: %in.spikes -> %hid.current  dense(#w) axons core(0,0): 64 bits 49152
Events take the XY multicast tree (`compiler.analysis.routes.tree`): along the row, then up and down the
columns; trees of different columns never meet, so no event is delivered twice and none is stuck.

Levels: mapped. Preserves: everything but the axon groups.
Source: dimension-ordered routing, W. Dally, C. Seitz, Deadlock-free message routing in multiprocessor
interconnection networks, IEEE Trans. Computers 36(5), 1987.
"""

from __future__ import annotations

from dataclasses import replace

from compiler.analysis.occupancy import arriving, by_core, projection_bits, size_of
from compiler.analysis.routes import Core, Route, router_load, routes
from compiler.analysis.synapses import Synapses, all_synapses
from compiler.chips import Chip
from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare
from compiler.ir.network import AxonGroup, Network, Projection

LEVELS = ("mapped",)

E410 = declare("E410", "more multicast trees meet in a router than it can hold")


def run(network: Network, options) -> Network:
    """Route a placed network on `options.chip`. Errors: E410 for every router that is full."""
    chip: Chip = options.chip
    found = all_synapses(network, chip)
    findings = full_routers(routes(network, found), chip)
    if findings:
        raise DiagnosticError(findings)
    routed = network.copy()
    for projection in network.projections:
        routed.add(replace(projection, axons=_axons(network, projection, found[projection.name])))
    return routed


def _axons(network: Network, projection: Projection, synapses: Synapses) -> tuple[AxonGroup, ...]:
    groups: dict[Core, AxonGroup] = {}
    for core, segments in by_core(network).items():
        for name, segment in segments:
            if name != projection.target:
                continue
            units = arriving(synapses, projection, segment.start, segment.stop)
            count = size_of(units, network.size_of(projection.source))
            bits = projection_bits(network, synapses, segment.start, segment.stop)
            if count:
                groups[core] = AxonGroup(core, count, bits)
    return tuple(groups.values())


def full_routers(found: list[Route], chip: Chip) -> list[Diagnostic]:
    """A finding for every router that more trees cross than it has entries."""
    load = router_load(found)
    return [
        Diagnostic(
            E410,
            f"too many multicast trees meet in router {core} of {chip.name}",
            _through(found, core),
            f"{count} trees",
            f"at most {chip.routes}",
            "use fewer distinct fan-outs per unit, or a larger chip (--chip)",
        )
        for core, count in sorted(load.items())
        if count > chip.routes
    ]


def _through(found: list[Route], core: Core) -> Place:
    """The nodes whose events begin or end at a router."""
    names = sorted({item.node for item in found if item.origin == core or core in item.cores})
    return Place(path=", ".join(names) or f"core({core[0]},{core[1]})")
