"""How large the numbers of one population are in integers of the chip: what stands for its threshold."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from compiler import interpreter
from compiler.ir.network import Network, Population
from compiler.options import Options
from compiler.quantization.weights import bits_of
from targets.loihi.arrivals import Arrival
from targets.loihi.neuron import Neuron
from targets.loihi.registers import ONE, kept_current, kept_membrane
from targets.loihi.scaling import demand_of, grids_of, resolution
from targets.loihi.weights import WIDEST, Grid


def unit_of(neuron: Neuron, size: int) -> np.ndarray:
    """What counts as 1 on the membrane, per unit: from rest to the threshold; 1 where there is no threshold."""
    height = np.ones(()) if neuron.threshold is None else neuron.threshold - neuron.rest
    return np.broadcast_to(height, (size,)).astype(np.float64)


class PopulationScale:
    """Biases, grids of weights and the threshold of a population. unit: what counts as 1 on its membrane, [n]."""

    def __init__(self, network: Network, neuron: Neuron, arrivals: list[Arrival], unit: np.ndarray, options: Options):
        self.network, self.neuron, self.arrivals, self.unit = network, neuron, arrivals, unit
        self.options = options
        self.leak = next((item.kept for item in arrivals if np.any(item.kept)), neuron.kept_current)
        self.kept_u, self.kept_v = kept_current(self.leak), kept_membrane(neuron.kept)

    @cached_property
    def grids(self) -> list[Grid]:
        widths = [min(bits_of(item.projection, self.options), WIDEST) for item in self.arrivals]
        return grids_of(self.arrivals, widths)

    @cached_property
    def bias(self) -> np.ndarray:
        """Per step and unit, in thresholds: the neuron's own, the projections', and the leak towards its origin."""
        own = (self.neuron.bias - (1 - self.kept_v / ONE) * self.neuron.rest) / self.unit
        settled = sum((self._settled_bias(item) for item in self.arrivals), np.zeros(()))
        return np.broadcast_to(own, self.unit.shape) + settled

    def _settled_bias(self, item: Arrival) -> np.ndarray:
        """A bias in front of a leaky current: u <- k u + b is b / (1 - k) plus a current that leaks away."""
        return item.bias / (1 - self.leak)

    def unsettled(self, item: Arrival) -> np.ndarray:
        """The current at the start that takes a settled bias back.

        A bias that begins in the second step, as behind a loop of delay 1, has to meet it there.
        """
        given, leaks = item.projection.bias_start, np.asarray(self.leak > 0)
        start = int(self.network.delays(item.projection).min()) if given is None else given
        return np.where(leaks, self._settled_bias(item), 0.0) / np.where(leaks & (start == 1), self.leak, 1.0)

    @cached_property
    def mantissa(self) -> float:
        """The threshold's mantissa; of a membrane that is only read, what stands for one."""
        is_free = self.neuron.threshold is None
        falls = self.neuron.offset / self.unit if self.neuron.reset == "subtract" else np.full(self.unit.shape, np.inf)
        demand = demand_of(self.arrivals, self.bias, self.kept_u / ONE, self.kept_v / ONE, falls, is_free)
        largest = [float(np.abs(item.values).max(initial=0.0)) * 2.0**-item.fraction for item in self.arrivals]
        return resolution(demand, largest, self.grids, lambda: self.shown)

    @cached_property
    def shown(self) -> float:
        """Largest weighted sum on the calibration data, in thresholds; 0 without such data."""
        inputs = self.options.calibration
        if not inputs or self.network.level != "model":
            return 0.0
        ports = {(item.projection.source, item.projection.source_port) for item in self.arrivals}
        names = {key: f"{key[0]}.{key[1]}" for key in ports if isinstance(self.network.node(key[0]), Population)}
        run = interpreter.run(self.network, inputs, record=sorted(names.values()))
        total = 0.0
        for item in self.arrivals:
            key = (item.projection.source, item.projection.source_port)
            rows = run.records[names[key]] if key in names else np.asarray(inputs[key[0]])
            sums = item.matrix @ rows.reshape(-1, rows.shape[-1]).T.astype(np.float64)
            total += float(np.abs(sums).max(initial=0.0))
        return total
