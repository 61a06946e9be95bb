"""What the integers of one allocation give: accuracy, memory, cores."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from compiler import artifact, discovery, pipeline
from compiler.comparison.accuracy import Proportion
from compiler.diagnostics import DiagnosticError
from compiler.input_files import integers_of
from compiler.ir.network import Network
from compiler.mixed_precision.allocation import Bits
from compiler.mixed_precision.choices import Choice
from compiler.mixed_precision.parts import mean_bits, memory_of
from compiler.mixed_precision.samples import Samples
from compiler.options import Options
from compiler.results.archive import physical
from compiler.source import Source

_ENGINE = "jax_fixed"


class Measuring:
    """Compiles a source with some bits and runs its program on the samples."""

    def __init__(self, source: Source, model: Network, options: Options, samples: Samples):
        self.source, self.model, self.options, self.samples = source, model, options, samples

    def fixed(self, bits: Bits) -> Network:
        """The network at fixed level, before it is mapped."""
        return pipeline.quantized(self.source, with_bits(self.options, bits), self.model)

    def choice(self, bits: Bits) -> Choice:
        """The row of an allocation, measured."""
        network = self.fixed(bits)
        return Choice(bits, memory_of(network), self._right(network), mean_bits(network), self._cores(network, bits))

    def _right(self, network: Network) -> Proportion:
        engine, samples = discovery.targets()[_ENGINE], self.samples
        with tempfile.TemporaryDirectory() as folder:
            artifact.write_files(engine.emit(network), Path(folder))
            found = engine.run(Path(folder), integers_of(network, samples.inputs), record=[samples.record])
        return samples.right(physical(network, samples.record, found.records[samples.record]))

    def _cores(self, network: Network, bits: Bits) -> int | None:
        """Cores of the chip, None without a chip or where it does not fit."""
        options = with_bits(self.options, bits)
        if options.chip is None:
            return None
        try:
            for name in ("retime", "partition"):
                network = discovery.passes()[name].run(network, options)
        except DiagnosticError:
            return None
        return len({part.core for item in network.populations for part in item.placement})


def with_bits(options: Options, bits: Bits) -> Options:
    """The options of a compile with these bits."""
    return replace(options, bits={**options.bits, **bits})
