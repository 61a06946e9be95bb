"""One core at work: accumulators in delay slots, events in, compartments stepped, values out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from targets.cores.microcode import NO_NOISE, Registers, execute, fitted, operand, random_bits, result
from targets.cores.synapse_memory import decode, fan
from targets.cores.tables import Tables, unfit


class Core:
    """State and memory of one core.

    rows: units of every site here, in the order of its compartments. emitted: what every site emitted in this
    step, by port. axon_synapses: synapses of every in-axon.
    """

    def __init__(self, tables: Tables, number: int, batch: int):
        self.tables, self.number, self.batch = tables, number, batch
        self.sites = [(index, site) for index, site in enumerate(tables.index["sites"])]
        self.rows = {site["name"]: self._rows(index) for index, site in self.sites if len(self._rows(index))}
        self.sums = self._sums()
        self.accumulators = max((last for _, last in self.sums.values()), default=0)
        self.registers = {name: self._constants(name) for name in self.rows}
        self.states = {name: self._first_states(name) for name in self.rows}
        self.lookups = {name: values.astype(np.int64) for name, values in tables.arrays["lookups"].items()}
        self.emitted: dict[str, Registers] = {}
        self.ports: dict[str, Registers] = {}
        self._read_memory()
        slots = 1 + max((delay for delay, _, _ in self.fan.parts), default=0)
        self.ring = np.zeros((slots, batch, self.accumulators), np.int64)
        self._read_biases()

    def _rows(self, site: int) -> np.ndarray:
        neurons = self.tables.arrays["neurons"]
        return neurons["unit"][(neurons["site"] == site) & (neurons["core"] == self.number)].astype(np.int64)

    def _here(self, site: str) -> np.ndarray:
        """Which of a site's compartments, over all cores, are on this one."""
        neurons = self.tables.arrays["neurons"]
        index = next(index for index, item in self.sites if item["name"] == site)
        return neurons["core"][neurons["site"] == index] == self.number

    def _values(self, kind: str, site: str, name: str) -> np.ndarray:
        values = self.tables.get("neurons", f"{kind}.{site}.{name}")
        here = self._here(site)
        if len(values) not in (1, len(here)):
            raise unfit(
                self.tables.folder,
                f"neurons.{kind}.{site}.{name}",
                "one value per unit, or one for all",
                len(values),
                len(here),
            )
        return values if len(values) == 1 and len(here) != 1 else values[here]

    def _program(self, site: str) -> Mapping[str, Any]:
        return self.tables.index["programs"][self._site(site)["program"]]

    def _site(self, name: str) -> Mapping[str, Any]:
        return next(item for _, item in self.sites if item["name"] == name)

    def _constants(self, site: str) -> Registers:
        return {name: self._values("param", site, name) for name in self._program(site)["params"]}

    def _first_states(self, site: str) -> Registers:
        shape = (self.batch, len(self.rows[site]))
        names = self._program(site)["states"]
        return {name: np.broadcast_to(self._values("state", site, name), shape).copy() for name in names}

    def _sums(self) -> dict[str, tuple[int, int]]:
        """First accumulator of every sum on this core, and the one after its last."""
        neurons, sums = self.tables.arrays["neurons"], self.tables.index["sums"]
        found, taken = {}, 0
        for index in np.flatnonzero(neurons["sum.core"] == self.number):
            item, first = sums[neurons["sum.sum"][index]], int(neurons["sum.first"][index])
            if first != taken:
                raise unfit(
                    self.tables.folder,
                    "neurons.sum.first",
                    f"accumulators of core {self.number} have gaps",
                    first,
                    taken,
                )
            taken = first + len(self.rows[item["site"]])
            found[item["name"]] = (first, taken)
        return found

    def _read_memory(self) -> None:
        """Synapses by in-axon: those that events from outside reach, those that pre programs reach."""
        axons = self.tables.arrays["axons"]
        found = decode(self.tables, self.number)
        count = int(np.diff(axons["core.axons"][self.number : self.number + 2])[0])
        if len(found.axon) and not 0 <= found.accumulator.min() <= found.accumulator.max() < self.accumulators:
            raise unfit(self.tables.folder, "synapses", f"a synapse of core {self.number} feeds no accumulator")
        local = axons["local.axon"][axons["local.core"] == self.number].astype(np.int64)
        outside = np.setdiff1d(np.arange(count), local)
        self.axon_synapses = np.bincount(found.axon, minlength=count)
        self.outside, self.local = outside, np.sort(local)
        self.fan, self.local_fan = fan(found, outside, self.accumulators), fan(found, self.local, self.accumulators)
        self._check_delays()

    def _check_delays(self) -> None:
        slots = self.tables.index["chip"]["delay_slots"]
        if any(not 1 <= delay < slots for delay, _, _ in self.fan.parts):
            raise unfit(
                self.tables.folder,
                "delays.list.delay",
                "a delay has no slot",
                max(d for d, _, _ in self.fan.parts),
                f"1..{slots - 1}",
            )
        if any(delay for delay, _, _ in self.local_fan.parts):
            raise unfit(self.tables.folder, "delays.list.delay", "a trace's synapses act within its step", expected="0")

    def _read_biases(self) -> None:
        """Biases in the order in which they start, in chip steps of a run from the beginning."""
        table = {name: self.tables.get("biases", name) for name in ("core", "accumulator", "value", "start")}
        mine = table["core"] == self.number
        place, value, due = table["accumulator"][mine], table["value"][mine], table["start"][mine]
        if len(place) and not 0 <= place.min() <= place.max() < self.accumulators:
            raise unfit(self.tables.folder, "biases.accumulator", f"a bias of core {self.number} has no accumulator")
        skews = np.zeros(self.accumulators, np.int64)
        for name, (first, last) in self.sums.items():
            site = next(item["site"] for item in self.tables.index["sums"] if item["name"] == name)
            skews[first:last] = self._skew(site)
        due = due + skews[place]
        order = np.argsort(due, kind="stable")
        self._bias_due, self._bias_place, self._bias_value = due[order], place[order], value[order]
        self._bias_count, self._bias = -1, np.zeros(self.accumulators, np.int64)

    def _skew(self, site: str) -> int:
        node = self._site(site)["node"]
        return self.tables.skew(next(index for index, item in enumerate(self.tables.nodes) if item["name"] == node))

    def bias(self, step: int) -> np.ndarray:
        """Sum of the biases that have started by a chip step (counted from the run before all others)."""
        count = int(np.searchsorted(self._bias_due, step, side="right"))
        if count != self._bias_count:
            self._bias_count, self._bias = count, np.zeros(self.accumulators, np.int64)
            np.add.at(self._bias, self._bias_place[:count], self._bias_value[:count])
        return self._bias

    def receive(self, step: int, events: np.ndarray) -> None:
        """Deliver events [batch, axons from outside] of a chip step into the slots they arrive in."""
        for delay, accumulators, sums in self.fan.deliver(events):
            self.ring[(step + delay) % len(self.ring)][:, accumulators] += sums

    def step(self, chip_step: int, first_step: int, active: set[str]) -> None:
        """Step every site whose node is active, then empty the slot."""
        arrived = self.ring[chip_step % len(self.ring)]
        arrived += self.bias(chip_step + first_step)
        self.emitted, self.ports = {}, {}
        traced = False
        for _, site in self.sites:
            if site["name"] in self.rows and site["node"] in active:
                if traced and site["kind"] != "pre":
                    self._pass_on(arrived)
                    traced = False
                self._step_site(site, arrived, chip_step + first_step)
                traced |= site["kind"] == "pre"
        arrived[:] = 0

    def _step_site(self, site: Mapping[str, Any], arrived: np.ndarray, chip_step: int) -> None:
        name = site["name"]
        program = self.tables.index["programs"][site["program"]]
        registers = dict(self.registers[name]) | self.states[name]
        self.ports[name] = {port: self._port(name, item, arrived) for port, item in site["inputs"].items()}
        registers |= self.ports[name]
        execute(program, registers, self.lookups, name, self._noise(name, program, chip_step))
        updated = {key: result(row, registers, {}, f"{name}.{key}") for key, row in program["updates"].items()}
        shape = (self.batch, len(self.rows[name]))
        self.emitted[name] = {
            port: np.broadcast_to(operand(value, 0, registers), shape) for port, value in program["emits"].items()
        }
        self.states[name] = {key: np.broadcast_to(value, shape) for key, value in updated.items()}

    def _noise(self, name: str, program: Mapping[str, Any], chip_step: int) -> np.ndarray:
        """Random bits of a site's step, where its program rounds at random."""
        if all("site" not in row for row in program["code"]):
            return NO_NOISE
        step = chip_step - self._skew(name)
        return random_bits(self.tables.index["seed"], name, self.rows[name], step, self.batch)

    def _port(self, site: str, port: Mapping[str, Any], arrived: np.ndarray) -> np.ndarray:
        total = np.zeros((self.batch, len(self.rows[site])), np.int64)
        for term in port["terms"]:
            if "sum" in term:
                first, last = self.sums[term["sum"]]
                value = arrived[:, first:last]
                value = fitted(value, term["fit"], term["sum"]) if "fit" in term else value
            else:
                value = self.emitted[term["site"]][term["port"]]
            total = total + (value << term["shift"])
        return fitted(total, port["fit"], site)

    def _pass_on(self, arrived: np.ndarray) -> None:
        """Events of pre programs reach their synapses within the step."""
        events = np.zeros((self.batch, len(self.local)), np.int64)
        for axon, values in self._local_events():
            events[:, np.searchsorted(self.local, axon)] = values
        for _, accumulators, sums in self.local_fan.deliver(events):
            arrived[:, accumulators] += sums

    def _local_events(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        axons = self.tables.arrays["axons"]
        for index, site in self.sites:
            if site["kind"] == "pre" and site["name"] in self.emitted:
                mine = (axons["local.core"] == self.number) & (axons["local.site"] == index)
                column = np.argsort(self.rows[site["name"]])[
                    np.searchsorted(np.sort(self.rows[site["name"]]), axons["local.unit"][mine])
                ]
                yield axons["local.axon"][mine], next(iter(self.emitted[site["name"]].values()))[:, column]
