"""Counts what a run sends over the mesh: spikes, packets, hops, synaptic events, the busiest link."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from targets.cores.structure import reached_cores
from targets.cores.tables import Tables

if TYPE_CHECKING:
    from targets.cores.core import Core


class Traffic:
    """Counts values that are not zero, unit by unit; everything else follows from the tables."""

    def __init__(self, tables: Tables, cores: list[Core]):
        self.tables, self.cores = tables, cores
        self.sent = [np.zeros(tables.nodes[node]["size"], np.int64) for node, _ in tables.ports]

    def count(self, port: int, values: np.ndarray) -> None:
        """Add what a port sent in one step: values [batch, units]."""
        self.sent[port] += np.count_nonzero(values, axis=0)

    def summary(self, batch: int, steps: int) -> dict[str, Any]:
        """Totals of the run; the busiest link in events per sample and step.

        packets: events times destination cores. hops: links of multicast trees; unicast_hops: what they would be
        with one packet per destination. synaptic_events: synapses that events reached.
        """
        axons = self.tables.arrays["axons"]
        events = np.array(
            [self.sent[port][unit] for port, unit in zip(axons["emitter.port"], axons["emitter.unit"], strict=True)],
            np.int64,
        )
        counts = np.diff(axons["emitter.targets"])
        per_target = np.repeat(events, counts)
        links, unicast = self._links(events, counts)
        busiest, load = max(links.items(), key=lambda pair: (pair[1], pair[0]), default=((0, 0, 0), 0))
        runs = max(1, batch * steps)
        return {
            "events": {
                f"{self.tables.nodes[node]['name']}.{port['name']}": int(sent.sum())
                for (node, port), sent in zip(self.tables.ports, self.sent, strict=True)
            },
            "packets": int(per_target.sum()),
            "hops": int(sum(links.values())),
            "unicast_hops": int(unicast),
            "synaptic_events": int(per_target @ self._synapses()),
            "busiest_link": {"link": [int(item) for item in busiest], "events_per_step": load / runs},
            "samples": batch,
            "steps": steps,
        }

    def _synapses(self) -> np.ndarray:
        """Synapses behind every (emitter, destination); those behind a trace are counted for its axon."""
        axons = self.tables.arrays["axons"]
        found = np.zeros(len(axons["target.core"]), np.int64)
        for core in self.cores:
            mine = axons["target.core"] == core.number
            found[mine] = core.axon_synapses[axons["target.axon"][mine]]
        return found

    def _links(self, events: np.ndarray, counts: np.ndarray) -> tuple[Counter[tuple[int, int, int]], int]:
        """Events over every link, and hops if every destination had a packet of its own."""
        axons, routes, chip = self.tables.arrays["axons"], self.tables.arrays["routes"], self.tables.index["chip"]
        cores = [tuple(core) for core in self.tables.index["cores"]]
        load: Counter[tuple[int, int, int]] = Counter()
        unicast = 0
        starts = axons["emitter.targets"]
        for route in range(len(routes["origin.x"])):
            mine = np.flatnonzero(axons["emitter.route"] == route)
            total = int(events[mine].sum())
            for link in range(routes["route.links"][route], routes["route.links"][route + 1]):
                key = (int(routes["link.x"][link]), int(routes["link.y"][link]), int(routes["link.direction"][link]))
                load[key] += total
            reached = reached_cores(routes, route, chip["width"], chip["height"], self.tables.folder)
            for emitter in mine[events[mine] > 0][:1]:
                targets = axons["target.core"][starts[emitter] : starts[emitter] + counts[emitter]]
                unicast += total * sum(reached[cores[core]] for core in targets)
        return load, unicast
