"""A certificate looked at again, alone: what it proves of every population, and whether all of it is so."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compiler.artifact import LARGEST_FILE
from compiler.certificates import checker
from compiler.diagnostics import Diagnostic, Place, declare, fail
from compiler.ir.network import Network

E508 = declare("E508", "a certificate or its network cannot be read")

CERTIFICATE, NETWORK, TENSORS = "certificate.json", "network.snn", "tensors.npz"


@dataclass(frozen=True)
class Recheck:
    """states, functions, saturations: rows for people.

    findings: everything that is not as stated; empty where all of it holds.
    """

    states: list[dict[str, Any]]
    functions: list[dict[str, Any]]
    saturations: list[dict[str, Any]]
    findings: list[Diagnostic]

    def as_json(self) -> dict[str, Any]:
        return {"holds": not self.findings, "states": self.states, "functions": self.functions,
                "saturations": self.saturations, "findings": [item.as_json() for item in self.findings]}


def recheck(path: Path, artifact: Path | None = None) -> Recheck:
    """Check the certificate in an artifact's folder, or a certificate file, against a network.

    artifact: the folder with the network, else the one that the certificate lies in. The manifest is not looked at.
    Errors: E508 for what cannot be read, those of a network's text and tensors.
    """
    file = path / CERTIFICATE if path.is_dir() else path
    certificate = _certificate(file)
    network = _network(artifact or file.parent)
    findings = checker.check(network, certificate)
    sites = certificate.get("sites")
    functions = certificate.get("functions")
    try:
        sites = sites if isinstance(sites, dict) else {}
        states = list(_states(sites))
        saturations = [{"site": name, **item} for name, site in sites.items() for item in site["saturations"]]
    except (KeyError, TypeError, AttributeError, ValueError):
        states, saturations = [], []
    return Recheck(states, functions if isinstance(functions, list) else [], saturations, findings)


def _certificate(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(_bytes(file))
    except (ValueError, RecursionError) as error:
        raise _unreadable(file, str(error), "JSON") from error
    if not isinstance(value, dict):
        raise _unreadable(file, type(value).__name__, "a JSON object")
    return value


def _network(folder: Path) -> Network:
    from compiler.ir.parse import parse_with_places
    from compiler.ir.tensors import read_tensors
    from compiler.ir.verify import check

    tensors = read_tensors(_bytes(folder / TENSORS), str(folder / TENSORS))
    network, places = parse_with_places(_bytes(folder / NETWORK), tensors, str(folder / NETWORK))
    check(network, places)
    return network


def _bytes(file: Path) -> bytes:
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise _unreadable(file, f"{file.stat().st_size} bytes", f"at most {LARGEST_FILE} bytes")
        return file.read_bytes()
    except OSError as error:
        raise _unreadable(file, error.strerror or str(error), "a file that `sparkc compile` wrote") from error


def _unreadable(file: Path, found: str, expected: str):
    return fail(E508, "the certificate cannot be checked", Place(file=str(file)), found=found, expected=expected,
                hint="name an artifact's folder, or a certificate file beside its network.snn and tensors.npz")


def _states(sites: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for site, content in sites.items():
        for name, entry in content["states"].items():
            low, high = (_extreme(entry[end], choose) for end, choose in (("low", min), ("high", max)))
            witness = {end: {key: told[key] for key in ("value", "steps", "reached")} | {"turns": len(told["turns"])}
                       for end, told in entry["witness"].items()}
            yield {"site": site, "state": name, "format": entry["format"], "grade": entry["grade"], "low": low,
                   "high": high, "slack": entry["slack"], "witness": witness,
                   "bounded": "in slices" if name in (content["slices"] or {"states": ()})["states"] else "alone"}


def _extreme(values: int | list[int], choose) -> int:
    return choose(values) if isinstance(values, list) else values
