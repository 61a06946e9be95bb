"""Whether the tables of a folder fit together: offsets, numbers, slots, trees, and where events go."""

from __future__ import annotations

import numpy as np

from targets.cores.tables import Tables, unfit

EAST, WEST, SOUTH, NORTH = 0, 1, 2, 3
STEPS = {EAST: (1, 0), WEST: (-1, 0), SOUTH: (0, 1), NORTH: (0, -1)}


def check(tables: Tables) -> None:
    """Demand that every table names only what there is. Errors: E542."""
    for rule in (_check_starts, _check_columns, _check_slots, _check_routes, _check_emitters):
        rule(tables)


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
            raise unfit(
                tables.folder,
                f"{table}.{name}",
                "offsets do not cut the array they belong to",
                f"{starts[0]}..{starts[-1]}",
                f"0..{length}, rising",
            )


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
                raise unfit(
                    tables.folder,
                    f"{table}.{name}",
                    "a number names nothing",
                    f"{values.min()}..{values.max()}",
                    f"0..{count - 1}",
                )
    expected = {
        "delays.list.delay": len(tables.arrays["axons"]["list.pointer"]),
        "delays.node.skew": len(tables.nodes),
        "delays.port.history": len(tables.ports),
        "axons.emitter.targets": len(tables.arrays["axons"]["emitter.port"]) + 1,
        "synapses.core.words": len(tables.index["cores"]) + 1,
        "axons.core.axons": len(tables.index["cores"]) + 1,
        "routes.route.links": len(tables.arrays["routes"]["origin.x"]) + 1,
    }
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
            raise unfit(
                tables.folder,
                "neurons.slot",
                f"slots of core {core} have gaps",
                slots.tolist()[:8],
                f"0..{len(slots) - 1}",
            )
    for number, site in enumerate(tables.index["sites"]):
        units = neurons["unit"][neurons["site"] == number]
        found = np.sort(units) if site["kind"] != "pre" else np.unique(units)
        if len(found) != site["size"] or not np.array_equal(found, np.arange(len(found))):
            raise unfit(
                tables.folder,
                "neurons.unit",
                f"units of {site['name']} are not each in one place",
                f"{len(found)} units",
                f"0..{site['size'] - 1}",
            )


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
        raise unfit(
            tables.folder,
            "index.json",
            f"{sites[site]['name']} has two sizes",
            sites[site]["size"],
            tables.nodes[node]["size"],
        )
    rows = neurons["site"] == site
    home = np.empty(sites[site]["size"], np.int64)
    home[neurons["unit"][rows]] = neurons["core"][rows]
    return home[units]


def _check_targets(tables: Tables) -> None:
    axons, routes, chip = tables.arrays["axons"], tables.arrays["routes"], tables.index["chip"]
    cores = [tuple(core) for core in tables.index["cores"]]
    reached = [
        reached_cores(routes, route, chip["width"], chip["height"], tables.folder)
        for route in range(len(routes["origin.x"]))
    ]
    counts = np.diff(axons["emitter.targets"])
    route_of = np.repeat(axons["emitter.route"], counts)
    for route, core in np.unique(np.stack([route_of, axons["target.core"]]), axis=1).T:
        if cores[core] not in reached[route]:
            raise unfit(tables.folder, "routes", f"route {route} does not reach core {cores[core]}")
    origin_core = np.repeat(axons["emitter.core"], counts)
    for route, core in np.unique(np.stack([route_of, origin_core]), axis=1).T:
        start = (int(routes["origin.x"][route]), int(routes["origin.y"][route]))
        if core >= 0 and cores[core] != start:
            raise unfit(
                tables.folder, "routes.origin", f"route {route} starts at {start}, its units live on {cores[core]}"
            )
    sizes = np.diff(axons["core.axons"])
    if len(axons["target.axon"]) and (axons["target.axon"] >= sizes[axons["target.core"]]).any():
        raise unfit(tables.folder, "axons.target.axon", "an event arrives at an axon that is not there")
