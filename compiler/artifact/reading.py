"""Reads an artifact as untrusted: sizes and hashes are checked before a file is used, no path leaves the folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from compiler.artifact.layout import FORMAT, LARGEST_FILE, LARGEST_MANIFEST, MANIFEST, REQUIRED, VERSION, sha256
from compiler.artifact.running import Artifact
from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare, fail

E501 = declare("E501", "a folder is no artifact")
E502 = declare("E502", "an artifact was written by another version of the format")
E503 = declare("E503", "a manifest is damaged")
E504 = declare("E504", "a file of an artifact is missing, damaged or of another size than the manifest says")
E505 = declare("E505", "a file name in a manifest leaves the folder")


def read(folder: Path) -> Artifact:
    """Read an artifact from a folder that anybody may have written. Errors: E501–E505, E15x, E2xx of its network."""
    from compiler.ir.parse import parse_with_places
    from compiler.ir.tensors import read_tensors
    from compiler.ir.verify import check

    manifest = _read_manifest(folder)
    contents = _read_files(folder, manifest["files"])
    report, certificate = (_json(contents[name], folder / name) for name in ("report.json", "certificate.json"))
    tensors = read_tensors(contents["tensors.npz"], str(folder / "tensors.npz"))
    network, places = parse_with_places(contents["network.snn"], tensors, str(folder / "network.snn"))
    check(network, places)
    return Artifact(folder, manifest, report, certificate, network)


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        found = f"no {MANIFEST}" if folder.is_dir() else "no such folder"
        raise fail(E501, "no artifact", Place(file=str(folder)), found=found,
                   expected="a folder that `sparkc compile` wrote")
    if path.stat().st_size > LARGEST_MANIFEST:
        raise _damaged(path, f"{path.stat().st_size} bytes", f"at most {LARGEST_MANIFEST} bytes")
    manifest = _json(path.read_bytes(), path)
    if manifest.get("format") != FORMAT:
        raise fail(E501, "no artifact", Place(file=str(path), path="format"), found=str(manifest.get("format")),
                   expected=FORMAT)
    if manifest.get("version") != VERSION:
        raise fail(E502, "another version of the artifact format", Place(file=str(path), path="version"),
                   found=str(manifest.get("version")), expected=str(VERSION), hint="compile the source again")
    _check_entries(manifest.get("files"), path)
    return manifest


def _json(content: bytes, path: Path) -> dict[str, Any]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise _damaged(path, str(error), "JSON") from error
    if not isinstance(value, dict):
        raise _damaged(path, type(value).__name__, "a JSON object")
    return value


def _damaged(path: Path, found: str, expected: str) -> DiagnosticError:
    return fail(E503, "the file is damaged", Place(file=str(path)), found=found, expected=expected,
                hint="compile again")


def _check_entries(entries: Any, path: Path) -> None:
    """Every entry has the form {name: {bytes, sha256}} and stays inside the folder."""
    if not isinstance(entries, dict):
        raise _damaged(path, "no list of files", "files: {name: {bytes, sha256}}")
    for name, entry in entries.items():
        parts = PurePosixPath(name).parts
        if not parts or name != "/".join(parts) or ".." in parts or "\\" in name or parts[0] == "/":
            raise fail(E505, "a file name leaves the folder", Place(file=str(path), path="files"), found=name,
                       expected="a relative path without '..'")
        fields = (entry.get("bytes"), entry.get("sha256")) if isinstance(entry, dict) else ()
        if [type(value) for value in fields] != [int, str]:
            raise _damaged(path, f"{name}: {entry}", "{bytes, sha256}")
    for name in REQUIRED:
        if name not in entries:
            raise _damaged(path, f"no entry for {name}", name)


def _read_files(folder: Path, entries: Mapping[str, Mapping[str, Any]]) -> dict[str, bytes]:
    """Every file, checked. All faults at once."""
    contents, findings = {}, []
    for name, entry in entries.items():
        fault = _file_fault(folder / name, entry)
        if fault is None:
            contents[name] = (folder / name).read_bytes()
            fault = _hash_fault(folder / name, contents[name], entry)
        findings += [fault] if fault else []
    findings += [
        Diagnostic(E504, "a file that the manifest does not know", Place(file=str(folder / name)), found=name,
                   expected="only files of the manifest", hint="remove it: an engine would read it")
        for name in _unknown_tables(folder, entries)
    ]
    if findings:
        raise DiagnosticError(findings)
    return contents


def _file_fault(path: Path, entry: Mapping[str, Any]) -> Diagnostic | None:
    expected, where = f"{entry['bytes']} bytes", Place(file=str(path))
    if path.is_symlink() or not path.is_file():
        return Diagnostic(E504, "a file of the artifact is missing", where, found="nothing", expected=expected)
    size = path.stat().st_size
    if size > LARGEST_FILE or size != entry["bytes"]:
        return Diagnostic(E504, "a file of the artifact has another size", where, f"{size} bytes", expected)
    return None


def _hash_fault(path: Path, content: bytes, entry: Mapping[str, Any]) -> Diagnostic | None:
    found = sha256(content)
    if found == entry["sha256"]:
        return None
    return Diagnostic(E504, "a file of the artifact is damaged", Place(file=str(path)), found=f"sha256 {found}",
                      expected=f"sha256 {entry['sha256']}", hint="compile again, or copy the artifact again")


def _unknown_tables(folder: Path, entries: Mapping[str, Any]) -> Iterator[str]:
    """Files inside the folders of the artifact that the manifest does not list."""
    for top in sorted({PurePosixPath(name).parts[0] for name in entries if "/" in name}):
        for path in sorted((folder / top).rglob("*")):
            name = path.relative_to(folder).as_posix()
            if name not in entries and not path.is_dir():
                yield name
