"""The chip that recorded cases are mapped to: what a core emulator needs, none of a real chip's limits."""

from __future__ import annotations

from compiler import chips
from compiler.checking.conformance import lifted
from compiler.chips import Chip
from compiler.ir.network import Network

NEURONS = 24
"""Few on a core, so that most cases are spread over several cores and their delays cross them."""


def chip_of(network: Network) -> Chip:
    """A chip as large as the case needs. Errors: E430 to E431 of the chip file it starts from."""
    longest = max((int(network.delays(item).max()) for item in network.projections), default=1)
    huge = 1 << 40
    return lifted(
        chips.load("loihi2"), width=64, height=64, neurons=NEURONS, accumulators=1 << 16, neuron_memory=huge,
        synapse_memory=huge, in_axons=huge, out_axons=huge, fan_in=huge, profiles=huge, program_operations=huge,
        routes=huge, delay_slots=longest + 2, weight_bits=32, state_bits=32, accumulator_bits=48, event_bits=32,
        index_bits=16, delay_bits=12,
    )
