"""Writes the tables of every core: all that the emulator, or a chip's host, needs to run the network.

`cores/index.json` names the chip, the used cores, the micro-operations of every program, nodes, sites,
synapse formats and outputs, with the hash of every table beside it. The tables are plain integer arrays:
  neurons    compartments (site, core, slot, unit), parameters and first states, accumulators of every sum
  synapses   the words of every core's memory
  axons      in-axons with their synapse lists, and where every unit's events go
  routes     links of the multicast trees
  delays     least delay of every list, slots, skews, history depths
  biases     what is added to accumulators, and from which source step on
  lookups    tables of programs
"""

from __future__ import annotations

import hashlib
import json

import numpy as np

from compiler import npz
from compiler.analysis.routes import routes, tree
from compiler.analysis.sums import Sum, bias_values, fraction_of, sums_of
from compiler.analysis.synapses import Synapses, all_synapses
from compiler.chips import Chip
from compiler.ir.network import Input, Network, Projection
from compiler.ir.program import Argument, Site, TensorRef
from compiler.results.results import history_depths, skew_of, source_delays
from targets.cores.index import index_of, nodes_of, ports_of, sites_of
from targets.cores.layout import Layout, all_sums, layouts
from targets.cores.lowering import number
from targets.cores.memory import CoreMemory, Formats, core_memory
from targets.cores.packing import word_type


def emit(network: Network, chip: Chip) -> dict[str, bytes]:
    """The files of a mapped network by relative path; the same network gives the same bytes."""
    synapses = all_synapses(network, chip)
    cores = layouts(network, synapses)
    sums = {item.name: item for population in network.populations for item in all_sums(network, population)}
    formats = Formats()
    feeding = _sum_of_projection(sums)
    memories = [core_memory(network, chip, item, synapses, feeding, formats) for item in cores]
    tables = {
        "neurons": _neurons(network, cores, sums),
        "synapses": _synapses(chip, memories),
        "axons": _axons(network, synapses, cores, memories),
        "routes": _routes(network, synapses),
        "delays": _delays(network, chip, memories),
        "biases": _biases(network, cores, sums),
        "lookups": _lookups(network),
    }
    files = {f"cores/{name}.npz": npz.packed(arrays) for name, arrays in tables.items()}
    index = index_of(network, chip, cores, sums, formats)
    index["tables"] = {path.removeprefix("cores/"): hashlib.sha256(data).hexdigest() for path, data in files.items()}
    text = json.dumps(index, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    return {"cores/index.json": text.encode()} | files


def _sum_of_projection(sums: dict[str, Sum]) -> dict[str, Sum]:
    """The sum that the synapses of every projection add to (in front of a pre program there is another one)."""
    behind = (item for item in sums.values() if not item.site.endswith(".pre"))
    return {name: item for item in behind for name in item.projections}


def _neurons(network: Network, cores: list[Layout], sums: dict[str, Sum]) -> dict[str, np.ndarray]:
    sites = [item["name"] for item in sites_of(network)]
    found = {name: site for name, site, _ in network.sites()}
    rows = {name: [] for name in ("site", "core", "slot", "unit")}
    for layout in cores:
        for index, name in ((index, name) for index, name in enumerate(sites) if name in layout.rows):
            units = layout.rows[name]
            rows["site"].append(np.full(len(units), index))
            rows["core"].append(np.full(len(units), layout.number))
            rows["slot"].append(layout.slots[name])
            rows["unit"].append(units)
    arrays = {name: _column(parts) for name, parts in rows.items()}
    for index, name in enumerate(sites):
        units = arrays["unit"][arrays["site"] == index]
        arrays |= _site_values(network, name, found[name], units)
    numbers = {name: index for index, name in enumerate(sums)}
    bases = [(layout.number, numbers[name], base) for layout in cores for name, base in layout.bases.items()]
    columns = np.array(bases, np.int32).reshape(-1, 3).T
    arrays |= dict(zip(("sum.core", "sum.sum", "sum.first"), columns, strict=True))
    return arrays


def _column(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0, np.int32), *parts]).astype(np.int32)


def _site_values(network: Network, name: str, site: Site, units: np.ndarray) -> dict[str, np.ndarray]:
    """Parameters and first states of a site's compartments: one value where all units share it."""
    program = network.programs[site.program]
    values = {f"param.{name}.{item.name}": (site.arguments[item.name], item.type) for item in program.params}
    for item in program.states:
        values[f"state.{name}.{item.name}"] = (site.initial.get(item.name, item.initial), item.type)
    arrays = {}
    for key, (argument, type_) in values.items():
        raw = _raw(network, argument, fraction_of(type_))
        arrays[key] = _narrow(raw if raw.size == 1 and not isinstance(argument, TensorRef) else raw[units])
    return arrays


def _raw(network: Network, argument: Argument, fraction: int) -> np.ndarray:
    """An argument as integers of a fraction, int64 [1] or [units]."""
    if isinstance(argument, TensorRef):
        tensor = network.tensor(argument)
        raw, found = tensor.data.astype(np.int64).reshape(-1), fraction_of(tensor.type)
    else:
        value, found = number(argument)
        raw = np.array([value], np.int64)
    return raw << (fraction - found) if fraction >= found else raw >> (found - fraction)


def _narrow(raw: np.ndarray) -> np.ndarray:
    """The same integers in the smallest signed type."""
    low, high = int(raw.min(initial=0)), int(raw.max(initial=0))
    fits = (bits for bits in (8, 16, 32) if -(1 << bits - 1) <= low and high < 1 << bits - 1)
    return raw.astype(f"<i{next(fits, 64) // 8}")


def _synapses(chip: Chip, memories: list[CoreMemory]) -> dict[str, np.ndarray]:
    words = [part for memory in memories for part in memory.words]
    empty = np.zeros(0, word_type(chip.word_bits))
    return {"words": np.concatenate([empty, *words]), "core.words": _starts([item.word_count for item in memories])}


def _starts(counts) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.asarray(counts, np.int64))]).astype(np.int64)


def _axons(
    network: Network, synapses: dict[str, Synapses], cores: list[Layout], memories: list[CoreMemory]
) -> dict[str, np.ndarray]:
    lists = {
        name: _column([item.column(name) for item in memories]) for name in ("pointer", "length", "format", "first")
    }
    counts = [np.bincount(item.column("axon"), minlength=item.axon_count) for item in memories]
    arrays = {f"list.{name}": values for name, values in lists.items()}
    arrays["core.axons"] = _starts([item.axon_count for item in memories])
    arrays["axon.lists"] = _starts(np.concatenate([np.zeros(0, np.int64), *counts]))
    arrays |= _local_axons(network, memories)
    return arrays | _emitters(network, synapses, cores)


def _local_axons(network: Network, memories: list[CoreMemory]) -> dict[str, np.ndarray]:
    """Axons inside a core, from pre programs to their synapses."""
    sites = {item["name"]: index for index, item in enumerate(sites_of(network))}
    found = [
        (core, sites[site], units, axons) for core, item in enumerate(memories) for site, units, axons in item.local
    ]
    return {
        "local.core": _column([np.full(len(units), core) for core, _, units, _ in found]),
        "local.site": _column([np.full(len(units), site) for _, site, units, _ in found]),
        "local.unit": _column([units for _, _, units, _ in found]),
        "local.axon": _column([axons for _, _, _, axons in found]),
    }


def _emitters(network: Network, synapses: dict[str, Synapses], cores: list[Layout]) -> dict[str, np.ndarray]:
    """Units that send events: node, port, unit, core (-1: the host), route; then destinations of each."""
    number_of = {item.core: item.number for item in cores}
    ports = [(node.name, port) for node in nodes_of(network) for port in ports_of(network, node)]
    columns = {name: [] for name in ("port", "unit", "core", "route")}
    targets = {name: [] for name in ("core", "axon")}
    counts = []
    for index, route in enumerate(routes(network, synapses)):
        reached = [cores[number_of[core]] for core in route.cores]
        host = isinstance(network.node(route.node), Input)
        columns["port"].append(np.full(len(route.units), ports.index((route.node, route.port))))
        columns["unit"].append(route.units)
        columns["core"].append(np.full(len(route.units), -1 if host else number_of[route.origin]))
        columns["route"].append(np.full(len(route.units), index))
        axons = np.stack([item.axons_of((route.node, route.port), route.units) for item in reached], axis=1)
        targets["axon"].append(axons.reshape(-1))
        targets["core"].append(np.tile([item.number for item in reached], len(route.units)))
        counts += [len(reached)] * len(route.units)
    arrays = {f"emitter.{name}": _column(parts) for name, parts in columns.items()}
    arrays |= {f"target.{name}": _column(parts) for name, parts in targets.items()}
    return arrays | {"emitter.targets": _starts(counts)}


def _routes(network: Network, synapses: dict[str, Synapses]) -> dict[str, np.ndarray]:
    found = routes(network, synapses)
    links = [tree(item.origin, item.cores) for item in found]
    flat = np.array([link for item in links for link in item], np.int32).reshape(-1, 3).T
    origins = np.array([item.origin for item in found], np.int32).reshape(-1, 2).T
    return {
        "origin.x": origins[0],
        "origin.y": origins[1],
        "route.links": _starts([len(item) for item in links]),
        "link.x": flat[0],
        "link.y": flat[1],
        "link.direction": flat[2],
    }


def _delays(network: Network, chip: Chip, memories: list[CoreMemory]) -> dict[str, np.ndarray]:
    depths = history_depths(network)
    nodes = nodes_of(network)
    ports = [(item.name, port) for item in nodes for port in ports_of(network, item)]
    return {
        "list.delay": _column([item.column("delay") for item in memories]),
        "node.skew": np.array([skew_of(network, item.name) for item in nodes], np.int32),
        "port.history": np.array([depths.get(key, 0) for key in ports], np.int32),
    }


def _biases(network: Network, cores: list[Layout], sums: dict[str, Sum]) -> dict[str, np.ndarray]:
    columns = {name: [] for name in ("core", "accumulator", "value", "start")}
    for population in network.populations:
        found = {name: item for item in sums_of(network, population) for name in item.projections}
        for projection in network.into(population.name):
            if projection.bias is not None:
                _add_bias(network, cores, projection, found[projection.name], columns)
    arrays = {name: _column(columns[name]) for name in ("core", "accumulator", "start")}
    return arrays | {"value": np.concatenate([np.zeros(0, np.int64), *columns["value"]])}


def _add_bias(
    network: Network, cores: list[Layout], projection: Projection, sum_: Sum, columns: dict[str, list[np.ndarray]]
) -> None:
    raw, fraction = bias_values(network, projection)
    start = projection.bias_start
    if start is None:
        start = int(source_delays(network, projection).min())
    for layout in (item for item in cores if projection.target in item.rows):
        values = raw[layout.rows[projection.target]] << (sum_.fraction - fraction)
        there = np.flatnonzero(values)
        columns["core"].append(np.full(len(there), layout.number))
        columns["accumulator"].append(layout.bases[sum_.name] + there)
        columns["value"].append(values[there])
        columns["start"].append(np.full(len(there), start))


def _lookups(network: Network) -> dict[str, np.ndarray]:
    used = {network.programs[site.program].name for _, site, _ in network.sites()}
    operands = (item for name in sorted(used) for op in network.programs[name].ops for item in op.operands)
    names = sorted({item.name for item in operands if isinstance(item, TensorRef)})
    return {name: _narrow(network.tensors[name].data.astype(np.int64).reshape(-1)) for name in names}
