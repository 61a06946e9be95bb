"""The file beside an exported NIR graph, with everything that NIR has no words for: typed, versioned, checked.

JSON, `model.nir.json` beside `model.nir`. What a person wants to know stands in it by name; where the graph alone does
not give the network back bit for bit, its text and tensors do. Read as untrusted, like everything else.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from compiler.artifact import json_bytes
from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare, fail
from compiler.formats import Type
from compiler.ir import tensors
from compiler.ir.network import Network
from compiler.ir.parse import parse_with_places
from compiler.ir.print import print_network
from compiler.ir.program import Argument, TensorRef
from compiler.ir.verify import check
from compiler.source import digest, read_bytes

E191 = declare("E191", "a side file of a NIR graph is damaged, or of another version")
E192 = declare("E192", "a side file was written for another NIR graph than it lies beside")

FORMAT, VERSION = "sparkc NIR side file", 1
LARGEST = 1 << 31
"""Bytes."""
RESETS = ("value", "subtraction")
ORDER = "in the step of the spike, after the compare; the row of a step shows the state after its reset"
FIELDS: dict[str, type | tuple[type, ...]] = {
    "format": str, "version": int, "graph": dict, "level": str, "dt": dict, "reset": dict, "delays": list,
    "recurrent_start": str, "inputs": dict, "outputs": dict, "values": dict, "weights": dict, "not_carried": list,
    "network": (dict, type(None)),
}


@dataclass(frozen=True)
class Side:
    """What a side file says.

    level: `model` or `fixed`. dt: ms. resets: nodes that fire -> `value` or `subtraction`. delays: where they are and
    how many steps, in words of the graph. inputs: what each carries. outputs: read-out of each. not_carried: what plain
    NIR cannot say. network: the network bit for bit, None where the graph gives it back.
    """

    level: str
    dt: float
    resets: Mapping[str, str] = field(default_factory=dict)
    delays: list[dict[str, Any]] = field(default_factory=list)
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    not_carried: tuple[str, ...] = ()
    network: Network | None = None


def side_path(graph: Path) -> Path:
    """Where the side file of a graph lies."""
    return graph.with_name(f"{graph.name}.json")


def content(side: Side, described: Network, graph: Path, graph_bytes: bytes) -> bytes:
    """The bytes of the side file of a graph. described: the network whose formats and scales are written down."""
    return json_bytes({
        "format": FORMAT, "version": VERSION, "graph": {"file": graph.name, "sha256": digest(graph_bytes)},
        "level": side.level, "dt": {"value": side.dt, "unit": "ms"},
        "reset": {"order": ORDER, "nodes": dict(side.resets)}, "recurrent_start": "empty", "delays": side.delays,
        "inputs": dict(side.inputs), "outputs": dict(side.outputs), "values": _values(described),
        "weights": _weights(described), "not_carried": list(side.not_carried),
        "network": None if side.network is None else {
            "text": print_network(side.network),
            "tensors": base64.b64encode(tensors.to_bytes(side.network.tensors)).decode("ascii")},
    })


# -- what a person wants to know --------------------------------------------------------------------------------------


def _values(network: Network) -> dict[str, Any]:
    """Format and scale of every state, parameter and emitted value, by site and name."""
    found: dict[str, Any] = {}
    for name, site, _ in network.sites():
        program = network.programs[site.program]
        declared = {item.name: item.type for item in (*program.states, *program.params)}
        declared |= {item.port: program.emit_type(item.port) for item in program.emits}
        for value, type_ in declared.items():
            found[f"{name}.{value}"] = _typed(network, type_, site.scale if value in site.scaled else None)
    return found


def _typed(network: Network, type_: Type, scale: Argument | None) -> dict[str, Any]:
    told: dict[str, Any] = {"format": str(type_)}
    return told if scale is None else told | {"scale": _numbers(network, scale)}


def _numbers(network: Network, argument: Argument) -> float | list[float]:
    values = network.real(argument)
    return float(values) if values.ndim == 0 else values.tolist()


def _weights(network: Network) -> dict[str, Any]:
    """Formats of the weights of every projection, of its sum; the scale of what it ends in."""
    found: dict[str, Any] = {}
    for item in network.projections:
        kinds = [str(network.tensor(link.weights).type) for link in item.chain if link.weights is not None]
        told: dict[str, Any] = {"source": item.source, "target": item.target, "format": kinds,
                                "delay": network.delays(item).reshape(-1).tolist()}
        if item.accumulator is not None:
            told["sum"] = str(item.accumulator)
        site = item.post or getattr(network.node(item.target), "site", None)
        if site is not None and site.scale is not None:
            told["scale"] = _numbers(network, site.scale)
        if isinstance(item.bias, TensorRef):
            told["bias"] = str(network.tensor(item.bias).type)
        found[item.name] = told
    return found


# -- reading ----------------------------------------------------------------------------------------------------------


def read(graph: Path, graph_bytes: bytes) -> Side | None:
    """The side file of a graph, None where there is none. Errors: E101, E191, E192, E15x and E2xx of its network."""
    path = side_path(graph)
    if not path.is_file():
        return None
    if path.stat().st_size > LARGEST:
        raise _damaged(path, "", f"{path.stat().st_size} bytes", f"at most {LARGEST}")
    given = _json(path)
    if given["graph"].get("sha256") != digest(graph_bytes):
        raise fail(E192, "the side file was written for another graph", Place(file=str(path), path="graph.sha256"),
                   found=str(given["graph"].get("sha256")), expected=f"{digest(graph_bytes)}, the hash of {graph.name}",
                   hint=f"remove {path.name} to read the graph alone, or export it again")
    return _side(path, given)


def _json(path: Path) -> dict[str, Any]:
    try:
        given = json.loads(read_bytes(path))
    except (ValueError, RecursionError) as error:
        raise _damaged(path, "", str(error)[:200], "JSON") from error
    if not isinstance(given, dict) or given.get("format") != FORMAT:
        raise _damaged(path, "format", str(given.get("format") if isinstance(given, dict) else given)[:200], FORMAT)
    if given.get("version") != VERSION:
        raise _damaged(path, "version", str(given.get("version"))[:200], str(VERSION))
    findings = [_finding(path, name, _shown(given.get(name, "nothing")), _words(kind))
                for name, kind in FIELDS.items() if name not in given or not isinstance(given[name], kind)]
    if findings:
        raise DiagnosticError(findings)
    return given


def _side(path: Path, given: dict[str, Any]) -> Side:
    findings = []
    if given["level"] not in ("model", "fixed"):
        findings.append(_finding(path, "level", given["level"], "model or fixed"))
    dt = given["dt"].get("value")
    if type(dt) not in (int, float) or not 0 < dt < float("inf") or given["dt"].get("unit") != "ms":
        findings.append(_finding(path, "dt", _shown(given["dt"]), "a value above 0 and the unit ms"))
    resets = given["reset"].get("nodes")
    if not isinstance(resets, dict) or any(how not in RESETS for how in resets.values()):
        findings.append(_finding(path, "reset.nodes", _shown(resets), f"{' or '.join(RESETS)} for every node"))
    if given["recurrent_start"] != "empty":
        findings.append(_finding(path, "recurrent_start", given["recurrent_start"], "empty"))
    for name in ("inputs", "outputs"):
        if not all(isinstance(value, str) for value in given[name].values()):
            findings.append(_finding(path, name, _shown(given[name]), "texts by name"))
    if given["level"] == "fixed" and given["network"] is None:
        findings.append(_finding(path, "network", "nothing", "a network at fixed level"))
    if findings:
        raise DiagnosticError(findings)
    side = Side(given["level"], float(dt), resets, given["delays"], given["inputs"], given["outputs"],
                tuple(map(str, given["not_carried"])))
    return side if given["network"] is None else replace(side, network=_network(path, given))


def _network(path: Path, given: dict[str, Any]) -> Network:
    """Errors: E191, E15x, E2xx."""
    text, packed = given["network"].get("text"), given["network"].get("tensors")
    if not isinstance(text, str) or not isinstance(packed, str):
        raise _damaged(path, "network", "no text or no tensors", "both")
    try:
        arrays = tensors.read_tensors(base64.b64decode(packed, validate=True), f"{path}:network.tensors")
    except (binascii.Error, ValueError) as error:
        raise _damaged(path, "network.tensors", str(error), "base64") from error
    network, places = parse_with_places(text.encode(), arrays, f"{path}:network.text")
    check(network, places)
    if network.level != given["level"] or network.dt != given["dt"]["value"]:
        raise _damaged(path, "network", f"a network at level {network.level}, dt {network.dt:g} ms",
                       f"level {given['level']}, dt {given['dt']['value']:g} ms, as the file says itself")
    return network


def _finding(path: Path, where: str, found: str, expected: str) -> Diagnostic:
    return Diagnostic(E191, "the side file is damaged", Place(file=str(path), path=where), found, expected,
                      f"remove {path.name} to read the graph alone, or export it again")


def _damaged(path: Path, where: str, found: str, expected: str) -> DiagnosticError:
    return DiagnosticError(_finding(path, where, found, expected))


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 200 else f"{text[:200]} …"


def _words(kind: type | tuple[type, ...]) -> str:
    names = {str: "a text", int: "a whole number", dict: "an object", list: "a list", type(None): "null"}
    kinds = kind if isinstance(kind, tuple) else (kind,)
    return " or ".join(names[item] for item in kinds)
