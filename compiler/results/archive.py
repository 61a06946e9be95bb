"""Results as files: what `--record` may ask for, physical units, state to continue from.

An output file holds one array per output, then one per record, then `meta`, a JSON string. A generated
`program.py` writes the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from compiler import npz
from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare, fail
from compiler.formats import BoolType, Format, Type
from compiler.ir.network import Input, Network, Population
from compiler.ir.program import Site
from compiler.results.results import Result, history_depths

E155 = declare("E155", "a record names nothing that can be recorded")
E156 = declare("E156", "a state file does not belong to this network or batch")

_RECORD = re.compile(r"(?P<name>[\w.]+)(\[(?P<start>\d+)?:(?P<stop>\d+)?\])?(@every=(?P<every>[1-9]\d*))?")


@dataclass(frozen=True)
class Record:
    """`name[start:stop]@every=k`: units start..stop of a state or port, rows first, first + k, … (first is 0)."""

    name: str
    start: int = 0
    stop: int | None = None
    every: int = 1
    first: int = 0

    def of(self, rows: np.ndarray) -> np.ndarray:
        """The part asked for of rows [B, T, n]."""
        return rows[:, self.first :: self.every, self.start : self.stop]

    def from_step(self, first: int) -> Record:
        """The same record, counted from another row."""
        return replace(self, first=first)

    def as_json(self) -> dict[str, int | None]:
        return {"start": self.start, "stop": self.stop, "every": self.every}


def parse_records(texts: Iterable[str], network: Network) -> list[Record]:
    """Records as they are written on the command line. Errors: E155 for every one that names nothing.

    >>> parse_records([], Network())
    []
    """
    records, findings = [], []
    known = recordable(network)
    for text in texts:
        match = _RECORD.fullmatch(text)
        if match is None or match["name"] not in known:
            findings.append(_unknown(text, match["name"] if match else text, known))
            continue
        stop = int(match["stop"]) if match["stop"] else None
        record = Record(match["name"], int(match["start"] or 0), stop, int(match["every"] or 1))
        units = known[record.name]
        if record.name in {item.name for item in records}:
            findings.append(Diagnostic(E155, f"{record.name} is recorded twice", Place(path=text),
                                       expected="one selection of units and steps for each name"))
        if not record.start < (units if stop is None else stop) <= units:
            asked = f"[{record.start}:{units if stop is None else stop}]"
            findings.append(Diagnostic(E155, f"no such units of {record.name}", Place(path=text),
                                       found=asked, expected=f"inside [0:{units}]"))
        records.append(record)
    if findings:
        raise DiagnosticError(findings)
    return records


def _unknown(text: str, name: str, known: Mapping[str, int]) -> Diagnostic:
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "`sparkc inspect` prints every name; form: pop.v[0:8]@every=10"
    return Diagnostic(E155, f"nothing to record is called {name}", Place(path=text), found=name,
                      expected=", ".join(list(known)[:12]) + (", …" if len(known) > 12 else ""), hint=hint)


def recordable(network: Network) -> dict[str, int]:
    """Everything that can be recorded, with its number of units: states, input ports and emitted ports of sites."""
    found = {}
    for name, site, units in network.sites():
        program = network.programs[site.program]
        for item in (*program.states, *program.inputs):
            found[f"{name}.{item.name}"] = units
        for item in program.emits:
            found[f"{name}.{item.port}"] = units
    return found


def type_of(network: Network, record: str) -> Type:
    """The type of a recordable name."""
    site, name = _site(network, record)
    program = network.programs[site.program]
    types = program.types()
    return types[name] if name in types else program.emit_type(name)


def _site(network: Network, record: str) -> tuple[Site, str]:
    wanted, _, name = record.rpartition(".")
    return next(site for key, site, _ in network.sites() if key == wanted), name


def output_record(network: Network, output: str) -> str:
    """The record name of an output."""
    item = network.node(output)
    return f"{item.source}.{item.port}"  # pyright: ignore


def physical(network: Network, record: str, raw: np.ndarray) -> np.ndarray:
    """Raw integers [B, T, n] of a record in physical units: float64, spikes stay uint8."""
    wanted, _, _ = record.rpartition(".")
    type_ = _port_type(network, record)
    if isinstance(type_, BoolType):
        return raw
    values = np.ldexp(raw.astype(np.float64), -type_.fraction if isinstance(type_, Format) else 0)
    if isinstance(_node(network, wanted), Input):
        return values
    site, name = _site(network, record)
    if site.scale is None or name not in site.scaled:
        return values
    scale = site.scale if isinstance(site.scale, float | int) else network.real(site.scale)
    return values * scale


def _node(network: Network, name: str):
    return network.node(name) if name in network.graph else None


def _port_type(network: Network, record: str) -> Type:
    """The type of a record, or of the port of an input that an output passes on."""
    node = _node(network, record.rpartition(".")[0])
    if not isinstance(node, Input):
        return type_of(network, record)
    if node.port.kind == "spikes":
        return BoolType()
    return node.port.type if node.port.kind == "current" else Format(True, 32)


def arrays(
    network: Network, result: Result, records: Iterable[Record], raw: bool, batched: bool
) -> dict[str, np.ndarray]:
    """The arrays of an output file, in its order.

    network: the fixed or mapped network whose integers `result` holds; at model level values stay floats.
    batched: False drops the batch axis. Units are in C order over the population's shape.
    """
    convert = _as_is if raw or network.level == "model" else physical
    kept = {}
    for name in sorted(result.outputs):
        kept[name] = convert(network, output_record(network, name), result.outputs[name])
    for record in records:
        rows = convert(network, record.name, result.records[record.name])
        kept[record.name] = record.of(rows)
    kept = {name: np.ascontiguousarray(value if batched else value[0]) for name, value in kept.items()}
    return kept | {"meta": meta(network, result, records, raw)}


def _as_is(network: Network, record: str, rows: np.ndarray) -> np.ndarray:
    return rows


def meta(network: Network, result: Result, records: Iterable[Record], raw: bool) -> np.ndarray:
    """`meta` of an output file, a JSON string: dt in ms, whether integers are raw, formats, what was selected."""
    formats = {name: str(_port_type(network, output_record(network, name))) for name in sorted(result.outputs)}
    formats |= {item.name: str(type_of(network, item.name)) for item in records}
    selected = {item.name: item.as_json() for item in records}
    described = {"dt": network.dt, "raw": raw, "formats": formats, "records": selected}
    return np.array(json.dumps(described, sort_keys=True))


def read_state(path: Path, network: Network, batch: int) -> dict[str, np.ndarray]:
    """A state written by an earlier run of any engine. Errors: E150–E153, E156 with every fault at once."""
    state = npz.read(path)
    expected = _state_shapes(network, batch)
    findings = [
        Diagnostic(E156, "not the state of this network", Place(file=str(path), path=name),
                   found=str(state[name].shape) if name in state else "nothing",
                   expected=str(expected[name]) if name in expected else "nothing",
                   hint="a state continues the same network, compiled with the same options, at the same batch size")
        for name in sorted(state.keys() | expected.keys())
        if name not in state or name not in expected or state[name].shape != expected[name]
    ]
    findings += [Diagnostic(E156, "a state holds integers", Place(file=str(path), path=name), found=str(value.dtype))
                 for name, value in sorted(state.items()) if network.level != "model" and value.dtype.kind not in "biu"]
    if findings:
        raise DiagnosticError(findings)
    _check_ranges(path, network, state)
    return state


def _state_shapes(network: Network, batch: int) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {"step": ()}
    for name, site, units in network.sites():
        shapes |= {f"{name}.{item.name}": (batch, units) for item in network.programs[site.program].states}
    for (node, port), depth in history_depths(network).items():
        shapes[f"history.{node}.{port}"] = (batch, depth, network.size_of(node))
    return shapes


def _check_ranges(path: Path, network: Network, state: Mapping[str, np.ndarray]) -> None:
    """A state outside its format would break what was proved."""
    for name, site, _ in network.sites():
        for item in network.programs[site.program].states:
            values = state[f"{name}.{item.name}"]
            low, high = (item.type.low, item.type.high) if isinstance(item.type, Format) else (0, 1)
            outside = (values < low) | (values > high)
            if network.level != "model" and outside.any():
                index = tuple(int(i) for i in np.argwhere(outside)[0])
                raise fail(E156, "a state lies outside its format", Place(file=str(path), path=f"{name}.{item.name}"),
                           found=f"{values[index]} at {index}", expected=f"{low}..{high} ({item.type})")


def write_state(path: Path, state: Mapping[str, np.ndarray]) -> None:
    """Write the state of a run, to be continued bit for bit. Errors: E154."""
    npz.write(path, dict(sorted(state.items())))


def population_of(network: Network, output: str) -> Population | Input:
    """The node whose port an output shows."""
    return network.node(network.node(output).source)  # pyright: ignore
