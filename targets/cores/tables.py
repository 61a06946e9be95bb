"""Reads the tables of a folder as untrusted data: hashes, sizes, and that they fit together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from compiler import npz
from compiler.diagnostics import Place, declare, fail

E540 = declare("E540", "the folder holds no core tables, or of another version")
E541 = declare("E541", "a core table does not have the hash in its index")
E542 = declare("E542", "core tables do not fit together")

VERSION = 1
NAMES = ("neurons", "synapses", "axons", "routes", "delays", "biases", "lookups")
EAST, WEST, SOUTH, NORTH = 0, 1, 2, 3
STEPS = {EAST: (1, 0), WEST: (-1, 0), SOUTH: (0, 1), NORTH: (0, -1)}


@dataclass
class Tables:
    """All tables of a folder. ports: (node index, port) in the order that tables number them."""

    folder: str
    index: dict[str, Any]
    arrays: dict[str, dict[str, np.ndarray]]

    @property
    def nodes(self) -> list[dict[str, Any]]:
        return self.index["nodes"]

    @property
    def ports(self) -> list[tuple[int, dict[str, Any]]]:
        return [(number, port) for number, node in enumerate(self.nodes) for port in node["ports"]]

    def get(self, table: str, name: str) -> np.ndarray:
        """One array, integers as int64."""
        return self.arrays[table][name].astype(np.int64)

    def skew(self, node: int) -> int:
        return int(self.arrays["delays"]["node.skew"][node])


def unfit(folder: str, table: str, message: str, found: object = "", expected: object = ""):
    """The error for tables that contradict each other."""
    place = Place(file=folder, path=table)
    return fail(E542, message, place, found=str(found), expected=str(expected), hint="compile the network again")


def read(folder: Path) -> Tables:
    """The tables below `folder/cores`. Errors: E540, E541, E542 and those of array files."""
    root = Path(folder) / "cores"
    index = _read_index(root / "index.json")
    arrays = {}
    for name in NAMES:
        path = root / f"{name}.npz"
        data = _read_bytes(path)
        if hashlib.sha256(data).hexdigest() != index["tables"].get(path.name):
            raise fail(E541, "the table is not the one that was compiled", Place(file=str(path)),
                       found=hashlib.sha256(data).hexdigest()[:16], expected=str(index["tables"].get(path.name))[:16],
                       hint="compile the network again")
        arrays[name] = npz.read(data, str(path))
    tables = Tables(str(root), index, arrays)
    with contradictions(tables.folder):
        for check in (_check_starts, _check_columns, _check_slots, _check_routes, _check_emitters):
            check(tables)
    return tables


@contextmanager
def contradictions(folder: str) -> Iterator[None]:
    """Whatever goes wrong inside is the fault of tables that were changed by hand. Errors: E542."""
    try:
        yield
    except (LookupError, ArithmeticError, TypeError, ValueError, AttributeError, StopIteration, MemoryError) as error:
        raise unfit(folder, "index.json", "the tables contradict each other", f"{type(error).__name__}: {error}") from error


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise fail(E540, "a core table is missing", Place(file=str(path)), found=error.strerror or "",
                   expected=f"{', '.join(NAMES)}", hint="compile with a chip of the family `cores`") from error


def _read_index(path: Path) -> dict[str, Any]:
    try:
        index = json.loads(_read_bytes(path))
    except (ValueError, RecursionError) as error:
        raise fail(E540, "the index of the core tables cannot be read", Place(file=str(path)), found=str(error)) from error
    if not isinstance(index, dict) or index.get("version") != VERSION or not isinstance(index.get("tables"), dict):
        found = index.get("version") if isinstance(index, dict) else type(index).__name__
        raise fail(E540, "core tables of another version", Place(file=str(path)), found=str(found), expected=str(VERSION))
    return index


STARTS = (
    ("synapses", "core.words", "words"),
    ("axons", "core.axons", "axon.lists"),
    ("axons", "axon.lists", "list.pointer"),
    ("axons", "emitter.targets", "target.core"),
    ("routes", "route.links", "link.x"),
)


def _check_starts(tables: Tables) -> None:
    """Offsets begin at 0, never fall and end where the array they cut ends."""
    for table, name, cut in STARTS:
        starts = tables.arrays[table][name]
        length = len(tables.arrays[table][cut]) - cut.endswith("lists")
        if starts[0] != 0 or starts[-1] != length or (np.diff(starts) < 0).any():
            raise unfit(tables.folder, f"{table}.{name}", "offsets do not cut the array they belong to",
                        f"{starts[0]}..{starts[-1]}", f"0..{length}, rising")


def _columns(tables: Tables) -> list[tuple[str, tuple[str, ...], int]]:
    """Arrays of a common length whose values number something: table, names, how many there are."""
    index, axons = tables.index, tables.arrays["axons"]
    cores, sites = len(index["cores"]), len(index["sites"])
    return [
        ("neurons", ("core",), cores),
        ("neurons", ("site",), sites),
        ("neurons", ("sum.core",), cores),
        ("neurons", ("sum.sum",), len(index["sums"])),
        ("axons", ("list.format",), len(index["formats"])),
        ("axons", ("local.core", "target.core"), cores),
        ("axons", ("local.site",), sites),
        ("axons", ("emitter.port",), len(tables.ports)),
        ("axons", ("emitter.route",), len(tables.arrays["routes"]["origin.x"])),
        ("axons", ("target.axon",), int(axons["core.axons"][-1])),
        ("routes", ("link.direction",), 4),
        ("routes", ("origin.x", "link.x"), index["chip"]["width"]),
        ("routes", ("origin.y", "link.y"), index["chip"]["height"]),
        ("biases", ("core",), cores),
    ]


GROUPS = (
    ("neurons", ("site", "core", "slot", "unit")),
    ("neurons", ("sum.core", "sum.sum", "sum.first")),
    ("axons", ("list.pointer", "list.length", "list.format", "list.first")),
    ("axons", ("local.core", "local.site", "local.unit", "local.axon")),
    ("axons", ("emitter.port", "emitter.unit", "emitter.core", "emitter.route")),
    ("axons", ("target.core", "target.axon")),
    ("routes", ("origin.x", "origin.y")),
    ("routes", ("link.x", "link.y", "link.direction")),
    ("biases", ("core", "accumulator", "value", "start")),
)


def _check_columns(tables: Tables) -> None:
    for table, names in GROUPS:
        lengths = [tables.arrays[table][name].shape for name in names]
        if len(set(lengths)) != 1 or len(lengths[0]) != 1:
            raise unfit(tables.folder, table, f"columns {', '.join(names)} differ in length", lengths)
    for table, names, count in _columns(tables):
        for name in names:
            values = tables.arrays[table][name]
            if values.size and not 0 <= values.min() <= values.max() < count:
                raise unfit(tables.folder, f"{table}.{name}", "a number names nothing", f"{values.min()}..{values.max()}",
                            f"0..{count - 1}")
    expected = {"delays.list.delay": len(tables.arrays["axons"]["list.pointer"]), "delays.node.skew": len(tables.nodes),
                "delays.port.history": len(tables.ports), "axons.emitter.targets": len(tables.arrays["axons"]["emitter.port"]) + 1,
                "synapses.core.words": len(tables.index["cores"]) + 1, "axons.core.axons": len(tables.index["cores"]) + 1,
                "routes.route.links": len(tables.arrays["routes"]["origin.x"]) + 1}
    for path, length in expected.items():
        table, _, name = path.partition(".")
        if len(tables.arrays[table][name]) != length:
            raise unfit(tables.folder, path, "the table has the wrong length", len(tables.arrays[table][name]), length)


def _check_slots(tables: Tables) -> None:
    """Every core's compartments fill its slots from 0 on, and every unit of a population lives exactly once."""
    neurons = tables.arrays["neurons"]
    for core in range(len(tables.index["cores"])):
        slots = np.sort(neurons["slot"][neurons["core"] == core])
        if not np.array_equal(slots, np.arange(len(slots))):
            raise unfit(tables.folder, "neurons.slot", f"slots of core {core} are not 0..{len(slots) - 1}")
    for number, site in enumerate(tables.index["sites"]):
        units = neurons["unit"][neurons["site"] == number]
        found = np.sort(units) if site["kind"] != "pre" else np.unique(units)
        if len(found) != site["size"] or not np.array_equal(found, np.arange(len(found))):
            raise unfit(tables.folder, "neurons.unit", f"units of {site['name']} are not each in one place",
                        f"{len(found)} units", f"0..{site['size'] - 1}")


def _check_routes(tables: Tables) -> None:
    """Trees stay on the mesh, and every link leaves a router that the tree has reached already."""
    routes, chip = tables.arrays["routes"], tables.index["chip"]
    for route in range(len(routes["origin.x"])):
        reached_cores(routes, route, chip["width"], chip["height"], tables.folder)


def reached_cores(routes, route: int, width: int, height: int, folder: str) -> dict[tuple[int, int], int]:
    """Routers that a tree reaches, with the links it takes to get there. Errors: E542."""
    reached = {(int(routes["origin.x"][route]), int(routes["origin.y"][route])): 0}
    for link in range(routes["route.links"][route], routes["route.links"][route + 1]):
        here = (int(routes["link.x"][link]), int(routes["link.y"][link]))
        dx, dy = STEPS[int(routes["link.direction"][link])]
        there = (here[0] + dx, here[1] + dy)
        if here not in reached or there in reached or not (0 <= there[0] < width and 0 <= there[1] < height):
            raise unfit(folder, "routes.link", f"route {route} is not a tree on the mesh", f"link {here} -> {there}")
        reached[there] = reached[here] + 1
    return reached


def _check_emitters(tables: Tables) -> None:
    """Events leave from the core their unit lives on, inputs from the host, along routes that reach their targets."""
    axons = tables.arrays["axons"]
    for number, (node, _) in enumerate(tables.ports):
        mine = axons["emitter.port"] == number
        units, cores = axons["emitter.unit"][mine], axons["emitter.core"][mine]
        if units.size and not 0 <= units.min() <= units.max() < tables.nodes[node]["size"]:
            raise unfit(tables.folder, "axons.emitter.unit", "an event of a unit that is not there")
        if len(np.unique(units)) != len(units) or not np.array_equal(_homes(tables, node, units), cores):
            raise unfit(tables.folder, "axons.emitter.core", f"events of {tables.nodes[node]['name']} leave elsewhere")
    _check_targets(tables)


def _homes(tables: Tables, node: int, units: np.ndarray) -> np.ndarray:
    """The core that every unit of a node lives on, -1 for the host's inputs."""
    if tables.nodes[node]["kind"] == "input":
        return np.full(len(units), -1)
    sites, neurons = tables.index["sites"], tables.arrays["neurons"]
    site = next(index for index, item in enumerate(sites) if item["name"] == tables.nodes[node]["name"])
    if sites[site]["size"] != tables.nodes[node]["size"]:
        raise unfit(tables.folder, "index.json", f"{sites[site]['name']} has two sizes", sites[site]["size"],
                    tables.nodes[node]["size"])
    rows = neurons["site"] == site
    home = np.empty(sites[site]["size"], np.int64)
    home[neurons["unit"][rows]] = neurons["core"][rows]
    return home[units]


def _check_targets(tables: Tables) -> None:
    axons, routes, chip = tables.arrays["axons"], tables.arrays["routes"], tables.index["chip"]
    cores = [tuple(core) for core in tables.index["cores"]]
    reached = [reached_cores(routes, route, chip["width"], chip["height"], tables.folder)
               for route in range(len(routes["origin.x"]))]
    counts = np.diff(axons["emitter.targets"])
    route_of = np.repeat(axons["emitter.route"], counts)
    for route, core in np.unique(np.stack([route_of, axons["target.core"]]), axis=1).T:
        if cores[core] not in reached[route]:
            raise unfit(tables.folder, "routes", f"route {route} does not reach core {cores[core]}")
    origin_core = np.repeat(axons["emitter.core"], counts)
    for route, core in np.unique(np.stack([route_of, origin_core]), axis=1).T:
        start = (int(routes["origin.x"][route]), int(routes["origin.y"][route]))
        if core >= 0 and cores[core] != start:
            raise unfit(tables.folder, "routes.origin", f"route {route} starts at {start}, its units live on {cores[core]}")
    sizes = np.diff(axons["core.axons"])
    if len(axons["target.axon"]) and (axons["target.axon"] >= sizes[axons["target.core"]]).any():
        raise unfit(tables.folder, "axons.target.axon", "an event arrives at an axon that is not there")
