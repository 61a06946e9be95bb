"""What a module did on a stimulus: the states before and after every step, and what arrived."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from compiler.float_engine import Simulator
from compiler.frontends.lowered import Lowered
from compiler.ir.network import Projection
from compiler.site_runner import SiteRunner, Values
from spark.core.module import SparkModule


class ModuleRun:
    """Runs a module in float64 and gives what it has at the sites of its network. states: (site, state) to record."""

    def __init__(self, module: SparkModule, lowered: Lowered, states: Iterable[tuple[str, str]]):
        self.lowered = lowered
        paths = {lowered.state_path(site, name) for site, name in states}
        self.simulator = Simulator(module, lowered, {*paths, *lowered.emissions.values()})

    def run(self, inputs: Mapping[str, np.ndarray]) -> None:
        """Run a stimulus [B, T, n] by input name."""
        self.seen, _ = self.simulator.run(inputs)
        self.inputs = inputs
        self.batch, self.steps = next(iter(inputs.values())).shape[:2]

    def emitted(self, name: str, port: str) -> np.ndarray | None:
        """What a population emitted, [B, T, n]; None where it is only passed on to synapses."""
        path = self.lowered.emissions.get((name, port))
        return None if path is None else self.seen[path]

    def after(self, site: str, runner: SiteRunner) -> Values:
        """States that the module had after every step, [B, T, n]."""
        return {item.name: self.lowered.state_origin(site, item.name).of(
            self.seen[self.lowered.state_path(site, item.name)]) for item in runner.program.states}

    def before(self, site: str, runner: SiteRunner) -> Values:
        """States that the module had before every step, [rows, n], in their own number type."""
        starts = runner.initial_states(self.batch)
        shifted = {name: np.concatenate([starts[name][:, None], rows[:, :-1]], axis=1)
                   for name, rows in self.after(site, runner).items()}
        return {name: rows.reshape(-1, runner.units).astype(starts[name].dtype) for name, rows in shifted.items()}

    def arriving(self, projection: Projection, delay: np.ndarray) -> np.ndarray:
        """What arrives from a delay (a number, or one per unit) at every step, [rows, n]."""
        source = projection.source
        key = source, projection.source_port
        rows = self.inputs[source] if source in self.inputs else self.seen[self.lowered.emissions[key]]
        late = np.zeros_like(rows)
        for steps in np.unique(delay):
            units = np.broadcast_to(delay == steps, rows.shape[2:])
            late[:, steps:, units] = rows[:, : self.steps - steps, units]
        return late.reshape(-1, rows.shape[2])
