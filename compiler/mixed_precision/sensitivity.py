"""How far scores move when one part alone gets fewer bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from compiler import discovery, pipeline
from compiler.diagnostics import DiagnosticError
from compiler.ir.network import Network
from compiler.mixed_precision.parts import Part
from compiler.mixed_precision.rounded import with_rounded_states, with_rounded_weights
from compiler.mixed_precision.samples import Samples
from compiler.options import Options

WEIGHT_WIDTHS = (2, 3, 4, 5, 6, 7, 8, 10, 12)
STATE_WIDTHS = (6, 8, 10, 12, 14, 16, 18, 20, 24)
PROBED = 64
"""Samples that are looked at."""


class Probe:
    """Rounds one part of a network at a time. options: of a compile with the widest bits, calibrated."""

    def __init__(self, model: Network, options: Options, samples: Samples):
        self.model, self.options, self.samples = model, options, samples
        self.inputs = {name: rows[:PROBED] for name, rows in samples.inputs.items()}
        self.calibrated = _passed(model, (*pipeline.SCALING_PASSES, "calibrate"), options)
        self.widest = with_rounded_weights(self.calibrated, options)
        self.exact = samples.scores(self.widest, self.inputs)

    def measure(self, parts: list[Part], progress: Callable[[str, float], None]) -> dict[str, dict[int, float]]:
        """Mean square by which scores move, in their own variance, by name and width.

        Weights are rounded each to its nearest, states as the options say (at random: to nearest).
        """
        unit = float(self.exact.var()) or 1.0
        found = {part.name: {part.widest: 0.0} for part in parts}
        trials = [(part, width) for part in parts for width in _widths(part)]
        for index, (part, width) in enumerate(trials):
            progress(f"sensitivity of {part.name} at {width} bits", index / len(trials))
            network = self._with(part, width)
            if network is not None:
                moved = self.samples.scores(network, self.inputs) - self.exact
                found[part.name][width] = float(np.square(moved).mean()) / unit
        return found

    def _with(self, part: Part, width: int) -> Network | None:
        """The float network with one part rounded to a width, None where integers cannot do with so few bits."""
        options = replace(self.options, bits={**self.options.bits, part.name: width})
        if not part.sites:
            return with_rounded_weights(_passed(self.model, pipeline.SCALING_PASSES, options), options)
        try:
            fixed = _passed(self.calibrated, ("quantize",), options)
        except DiagnosticError:
            return None
        return with_rounded_states(self.widest, fixed, part.sites, options.rounding)


def _widths(part: Part) -> Iterator[int]:
    """Widths that are tried, below the widest."""
    yield from (width for width in (STATE_WIDTHS if part.sites else WEIGHT_WIDTHS) if width < part.widest)


def _passed(network: Network, names: tuple[str, ...], options: Options) -> Network:
    for name in names:
        network = discovery.passes()[name].run(network, options)
    return network
