"""Runs a network from its core tables and an input file alone; a process of its own.

    python -m targets.cores.emulator build/digits --input x.npz --output y.npz --record hid.v

Chip time: at chip step l a node is active where its source row l - skew exists, and frozen otherwise. Events
carry values along their routes and arrive in the slot of their delay. A run that continues an earlier one
begins at negative steps, in which the values still under way are sent again. Input arrays are integers
[batch, steps, units] by input name. The output holds `output.NAME`, `record.NAME`, `state.NAME` and `traffic`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from compiler import npz
from compiler.diagnostics import DiagnosticError, declare, fail
from targets.cores.core import Core
from targets.cores.structure import check
from targets.cores.tables import Tables, contradictions, read, unfit
from targets.cores.traffic import Traffic

E543 = declare("E543", "input, state or record does not fit the core tables")


class Emulator:
    """One run of a batch. values: what every port sent in this step, or nothing, int64 [batch, units]."""

    def __init__(
        self, tables: Tables, inputs: Mapping[str, np.ndarray], state: Mapping[str, np.ndarray], record: Sequence[str]
    ):
        self.tables, self.nodes = tables, tables.nodes
        self.inputs = {item["name"]: self._input(item, inputs) for item in self.nodes if item["kind"] == "input"}
        self.batch, self.steps = next((rows.shape[:2] for rows in self.inputs.values()), (1, 0))
        self.first_step = int(state.get("step", 0))
        self.cores = [Core(tables, number, self.batch) for number in range(len(tables.index["cores"]))]
        self.homes = {
            site["name"]: [core for core in self.cores if site["name"] in core.rows] for site in tables.index["sites"]
        }
        self.gathers = [_gather(tables, core) for core in self.cores]
        self.past = [self._history(index, state) for index in range(len(tables.ports))]
        self.rows = self._kept_ports()
        self.records = {name: self._record(name) for name in record}
        self.traffic = Traffic(tables, self.cores)
        self._restore(state)

    def run(self) -> dict[str, np.ndarray]:
        """All arrays of the output file."""
        skews = [self.tables.skew(index) for index in range(len(self.nodes))]
        first = min(
            [0, *(skews[node] - past.shape[1] for (node, _), past in zip(self.tables.ports, self.past, strict=True))]
        )
        for chip_step in range(first, self.steps + max(skews, default=0)):
            active = {
                item["name"] for item, skew in zip(self.nodes, skews, strict=True) if 0 <= chip_step - skew < self.steps
            }
            for core in self.cores:
                core.step(chip_step, self.first_step, active)
            values = [self._sent(index, chip_step - skews[node]) for index, (node, _) in enumerate(self.tables.ports)]
            self._keep(chip_step, skews)
            for core, gather in zip(self.cores, self.gathers, strict=True):
                core.receive(chip_step, _events(gather, values, self.batch, len(core.outside)))
        return self._results()

    def _input(self, node: Mapping[str, Any], inputs: Mapping[str, np.ndarray]) -> np.ndarray:
        port, name = node["ports"][0], node["name"]
        rows = inputs.get(name)
        if rows is None or rows.ndim != 3 or rows.shape[2] != node["size"] or rows.dtype.kind not in "biu":
            raise fail(
                E543,
                f"%{name} has no input of the right shape",
                name,
                found="nothing" if rows is None else f"{rows.dtype}{list(rows.shape)}",
                expected=f"integers [batch, steps, {node['size']}]",
                hint="give one array per input, by its name",
            )
        outside = np.argwhere((rows < port["low"]) | (rows > port["high"]))
        if len(outside):
            raise fail(
                E543,
                f"%{name} cannot carry a value of its input",
                f"{name}{outside[0].tolist()}",
                found=str(rows[tuple(outside[0])]),
                expected=f"{port['low']}..{port['high']}",
                hint="spikes are 0 or 1; other ports say their range in the network",
            )
        return rows.astype(np.int64)

    def _history(self, port: int, state: Mapping[str, np.ndarray]) -> np.ndarray:
        """Rows that a port sent before this run and that are still under way: int64 [batch, depth, units]."""
        node, item = self.tables.ports[port]
        depth = int(self.tables.arrays["delays"]["port.history"][port])
        shape = (self.batch, depth, self.nodes[node]["size"])
        given = state.get(f"history.{self.nodes[node]['name']}.{item['name']}")
        if given is None:
            return np.zeros(shape, np.int64)
        return self._state_array(f"history.{self.nodes[node]['name']}.{item['name']}", given, shape)

    def _state_array(self, name: str, given: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        if given.shape != shape or given.dtype.kind not in "biu":
            raise fail(
                E543,
                f"the state {name} belongs to another network or batch",
                name,
                found=f"{given.dtype}{list(given.shape)}",
                expected=f"integers {list(shape)}",
            )
        return given.astype(np.int64)

    def _restore(self, state: Mapping[str, np.ndarray]) -> None:
        for site in self.tables.index["sites"]:
            for core in self.homes[site["name"]]:
                for name in core.states[site["name"]]:
                    given = state.get(f"{site['name']}.{name}")
                    if given is not None:
                        whole = self._state_array(f"{site['name']}.{name}", given, (self.batch, site["size"]))
                        core.states[site["name"]][name] = whole[:, core.rows[site["name"]]]

    def _room(self, size: int, boolean: bool) -> np.ndarray:
        return np.zeros((self.batch, self.steps, size), _stored(boolean))

    def _kept_ports(self) -> dict[int, np.ndarray]:
        """Room for the rows of every port that is an output or still under way at the end."""
        shown = {(item["node"], item["port"]) for item in self.tables.index["outputs"]}
        return {
            index: self._room(self.nodes[node]["size"], port["boolean"])
            for index, (node, port) in enumerate(self.tables.ports)
            if (self.nodes[node]["name"], port["name"]) in shown or self.past[index].shape[1]
        }

    def _sent(self, port: int, row: int) -> np.ndarray | None:
        """What a port sends in its source row: from history, from the input, from its cores, or nothing."""
        node, item = self.tables.ports[port]
        past = self.past[port]
        if row < 0:
            return past[:, past.shape[1] + row] if row >= -past.shape[1] else None
        if row >= self.steps:
            return None
        name = self.nodes[node]["name"]
        if self.nodes[node]["kind"] == "input":
            value = self.inputs[name][:, row]
        else:
            value = self._collected(name, self.nodes[node]["size"], lambda core: core.emitted[name][item["name"]])
        if port in self.rows:
            self.rows[port][:, row] = value
        self.traffic.count(port, value)
        return value

    def _collected(self, site: str, size: int, values) -> np.ndarray:
        """Values of a site's compartments put together from its cores: int64 [batch, size]."""
        whole = np.zeros((self.batch, size), np.int64)
        for core in self.homes[site]:
            whole[:, core.rows[site]] = values(core)
        return whole

    def _record(self, record: str) -> tuple[Mapping[str, Any], str, np.ndarray]:
        wanted, _, name = record.rpartition(".")
        for site in self.tables.index["sites"]:
            known = (*site["inputs"], *site["emits"], *self.tables.index["programs"][site["program"]]["states"])
            if site["name"] == wanted and name in known:
                return site, name, self._room(site["size"], site["types"].get(name, site["emits"].get(name)))
        known = [site["name"] for site in self.tables.index["sites"]]
        raise fail(
            E543, "a record names nothing", record, found=record, expected=f"a state or port of {', '.join(known)}"
        )

    def _keep(self, chip_step: int, skews: list[int]) -> None:
        """Write the row of every record whose node was active."""
        for site, name, rows in self.records.values():
            node = next(index for index, item in enumerate(self.nodes) if item["name"] == site["node"])
            row = chip_step - skews[node]
            if 0 <= row < self.steps:
                rows[:, row] = self._collected(
                    site["name"], site["size"], lambda core, s=site, n=name: _named(core, s, n)
                )

    def _results(self) -> dict[str, np.ndarray]:
        ports = {
            (self.nodes[node]["name"], port["name"]): index for index, (node, port) in enumerate(self.tables.ports)
        }
        found = {}
        for item in self.tables.index["outputs"]:
            index = ports[item["node"], item["port"]]
            found[f"output.{item['name']}"] = self.rows[index]
        found |= {f"record.{record}": rows for record, (_, _, rows) in self.records.items()}
        found |= {f"state.{key}": value for key, value in self._state().items()}
        return found | {"traffic": np.array(json.dumps(self.traffic.summary(self.batch, self.steps), sort_keys=True))}

    def _state(self) -> dict[str, np.ndarray]:
        state = {"step": np.asarray(self.first_step + self.steps, np.int32)}
        for site in self.tables.index["sites"]:
            for name in self.tables.index["programs"][site["program"]]["states"]:
                whole = self._collected(
                    site["name"], site["size"], lambda core, s=site, n=name: core.states[s["name"]][n]
                )
                state[f"{site['name']}.{name}"] = whole.astype(_stored(site["types"][name]))
        for index, (node, port) in enumerate(self.tables.ports):
            depth = self.past[index].shape[1]
            if depth:
                rows = np.concatenate([self.past[index], self.rows[index]], axis=1)[:, -depth:]
                state[f"history.{self.nodes[node]['name']}.{port['name']}"] = rows.astype(_stored(port["boolean"]))
        return state


def _named(core: Core, site: Mapping[str, Any], name: str) -> np.ndarray:
    """A value of a site by name: what it emitted, else a state, else what arrived."""
    for values in (core.emitted, core.states, core.ports):
        if name in values[site["name"]]:
            return values[site["name"]][name]
    raise KeyError(name)


def _stored(boolean: bool) -> np.dtype:
    """How results are stored: spikes in bytes, integers in 32 bits."""
    return np.dtype(np.uint8 if boolean else np.int32)


def _gather(tables: Tables, core: Core) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Where the events of a core come from: port, its units, and the columns of their axons."""
    axons = tables.arrays["axons"]
    emitters = np.repeat(np.arange(len(axons["emitter.port"])), np.diff(axons["emitter.targets"]))
    mine = axons["target.core"] == core.number
    emitter, axon = emitters[mine], axons["target.axon"][mine]
    if not np.array_equal(np.sort(axon), core.outside):
        raise unfit(tables.folder, "axons.target.axon", f"axons of core {core.number} are not each fed by one unit")
    ports, units = axons["emitter.port"][emitter], axons["emitter.unit"][emitter]
    columns = np.searchsorted(core.outside, axon)
    return [(int(port), units[ports == port], columns[ports == port]) for port in np.unique(ports)]


def _events(gather, values: list[np.ndarray | None], batch: int, axons: int) -> np.ndarray:
    events = np.zeros((batch, axons), np.int64)
    for port, units, columns in gather:
        value = values[port]
        if value is not None:
            events[:, columns] = value[:, units]
    return events


def run(
    folder: Path, inputs: Mapping[str, np.ndarray], state: Mapping[str, np.ndarray], record: Sequence[str]
) -> dict[str, np.ndarray]:
    """Run the tables below `folder/cores` in this process. Errors: E540 to E544."""
    tables = read(folder)
    with contradictions(tables.folder):
        check(tables)
        return Emulator(tables, inputs, state, record).run()


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 when done, 1 with every finding on standard error."""
    parser = argparse.ArgumentParser(
        prog="python -m targets.cores.emulator", description=(__doc__ or "").split("\n\n")[0]
    )
    parser.add_argument("folder", type=Path, help="an artifact: the folder that holds cores/")
    parser.add_argument("--input", type=Path, required=True, help="integers [batch, steps, units] by input name")
    parser.add_argument("--output", type=Path, required=True, help="file to write")
    parser.add_argument("--state", type=Path, help="state of an earlier run")
    parser.add_argument("--record", nargs="*", default=[], metavar="NAME", help="pop.v, pop.spikes, proj.post.z, …")
    parser.add_argument("--json", action="store_true", help="findings as JSON")
    given = parser.parse_args(arguments)
    try:
        state = npz.read(given.state) if given.state else {}
        npz.write(given.output, run(given.folder, npz.read(given.input), state, given.record))
    except DiagnosticError as error:
        findings = [item.as_json() for item in error.diagnostics] if given.json else None
        print(json.dumps(findings) if given.json else error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
