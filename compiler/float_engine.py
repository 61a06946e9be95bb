"""Runs a spark module as it stands, in any precision: the floating-point reference of a source.

Records and outputs are those of the network it is lowered to: populations emit unsigned spikes, states go by
`pop.v` and `proj.post.z`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np

from compiler.diagnostics import declare, fail
from compiler.frontends.lowered import Lowered, Origin
from compiler.ir.network import Network
from compiler.results.results import Result
from spark.core.module import SparkModule
from spark.core.precision import cast, precision
from spark.core.simulation import LOCKSTEP, scan_steps
from spark.core.taps import tapped
from spark.core.tree import flatten, map_leaves

E123 = declare("E123", "a record that the float engine has no array for")
E124 = declare("E124", "a state that does not belong to this source")

Arrays = Mapping[str, np.ndarray]


def run(module: SparkModule, lowered: Lowered, inputs: Arrays, state: Arrays | None = None,
        record: Iterable[str] = (), dtype: str = "float64") -> Result:
    """Run T steps of a batch in the module itself.

    inputs: by input name [B, T, n]. state: of an earlier run of this engine; its keys are the module's own state
    paths. Returns float64 arrays [B, T, n]. Errors: E123 for a record that the module has no single array for, E124
    for a state that does not fit.
    """
    paths = {name: record_path(lowered, name) for name in record}
    outputs = {item.name: lowered.emissions[item.source, item.port] for item in lowered.network.outputs}
    wanted = {*outputs.values(), *(path for path, _ in paths.values())}
    seen, final = Simulator(module, lowered, wanted, dtype).run(inputs, state)
    return Result({name: seen[path] for name, path in outputs.items()},
                  {name: origin.of(seen[origin_path]) for name, (origin_path, origin) in paths.items()}, final)


class Simulator:
    """A module ready to run in one number type, seeing what stands at some of its own paths after every step.

    Compiled once for each shape of inputs and kind of state.
    """

    def __init__(self, module: SparkModule, lowered: Lowered, paths: Iterable[str], dtype: str = "float64"):
        self.module, self.lowered, self.dtype = module, lowered, dtype
        self.paths = tuple(sorted(paths))
        self._compiled: dict[tuple, Any] = {}

    def run(self, inputs: Arrays, state: Arrays | None = None) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Rows by path, float64 [B, T, n], and the final state by path. inputs: by input name [B, T, n]."""
        start, axes = _start(self.module, state)
        ports = {self.lowered.ports[name]: _shaped(self.lowered.network, name, rows) for name, rows in inputs.items()}
        key = tuple(flatten(axes).items())
        with precision(self.dtype):
            if key not in self._compiled:
                self._compiled[key] = self._compile(axes)
            entries = cast({port: np.asarray(value, np.float64) for port, value in ports.items()}, self.dtype)
            final, rows = self._compiled[key](cast(start, self.dtype), entries, cast(self.module.params, self.dtype))
            seen = {path: np.asarray(value, np.float64) for path, value in rows.items()}
            last = {path: np.asarray(value) for path, value in flatten(final).items()}
        return {path: value.reshape(*value.shape[:2], -1) for path, value in seen.items()}, last

    def _step(self, carry: Any, entry: dict[str, Any], params: Any) -> tuple[Any, Any]:
        with tapped() as seen:
            carry, outputs = self.module.step(carry, entry, params)
        seen |= outputs | flatten(carry)
        return carry, {path: seen[path] for path in self.paths}

    def _compile(self, axes: dict[str, Any]) -> Any:
        final = map_leaves(lambda path, _: None if path.split(".")[-1] == LOCKSTEP else 0, axes)
        batched = jax.vmap(lambda *given: scan_steps(self._step, *given), in_axes=(axes, 0, None), out_axes=(final, 0))
        return jax.jit(batched)


def _shaped(network: Network, name: str, rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows).reshape(*np.shape(rows)[:2], *network.shape_of(name))


def _start(module: SparkModule, state: Arrays | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The starting state, nested, and the batch axis of each of its arrays (None: the same for all samples)."""
    pattern = module.initial_state()
    if state is None:
        return pattern, map_leaves(lambda _, __: None, pattern)
    expected = flatten(pattern)
    faults = [path for path in {*expected, *state} if path not in state or path not in expected
              or np.shape(state[path])[np.ndim(state[path]) - np.ndim(expected[path]):] != np.shape(expected[path])]
    if faults:
        raise fail(E124, "the state does not belong to this source", sorted(faults)[0],
                   found=", ".join(sorted(state)[:8]), expected=", ".join(list(expected)[:8]),
                   hint="continue with a state that the float engine of the same source wrote")
    nested = map_leaves(lambda path, _: np.asarray(state[path]), pattern)
    axes = map_leaves(lambda path, leaf: 0 if np.ndim(state[path]) > np.ndim(leaf) else None, pattern)
    return nested, axes


def record_path(lowered: Lowered, record: str) -> tuple[str, Origin]:
    """The module's path of a record, and what to take from there. Errors: E123."""
    site, _, name = record.rpartition(".")
    sites = {key: item for key, item, _ in lowered.network.sites()}
    everything = Origin(())
    if site in sites and site in lowered.origins:
        program = lowered.network.programs[sites[site].program]
        if name in {item.name for item in program.states} and len(lowered.sharing(site)) == 1:
            return lowered.state_path(site, name), lowered.state_origin(site, name)
        if (site, name) in lowered.emissions:
            return lowered.emissions[site, name], everything
        if site in lowered.currents and name in {item.name for item in program.inputs}:
            return lowered.currents[site], everything
    raise fail(E123, "the module has no array of this name alone", record,
               expected="a state, an emitted port or the current of a population",
               hint="simulate an artifact, or compile first: the integer engines record every site")
