"""The artifact: a folder with the network, its tensors, its programs and a manifest that vouches for every file.

Written complete or not at all, with nothing in it that changes between two compiles (semantics 20). Read as
untrusted: sizes and hashes are checked before a file is used, nothing is unpickled, no path leaves the folder.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from compiler import __version__
from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare, fail
from compiler.files import check_writable, replacing_folder

if TYPE_CHECKING:
    from compiler.ir.network import Network
    from compiler.pipeline import Compilation
    from compiler.results.recording import Engine
    from compiler.results.results import Result

FORMAT, VERSION = "sparkc artifact", 1
MANIFEST = "manifest.json"
REQUIRED = ("network.snn", "tensors.npz", "report.json", "certificate.json")
LARGEST_FILE = 1 << 33
LARGEST_MANIFEST = 1 << 26

E501 = declare("E501", "a folder is no artifact")
E502 = declare("E502", "an artifact was written by another version of the format")
E503 = declare("E503", "a manifest is damaged")
E504 = declare("E504", "a file of an artifact is missing, damaged or of another size than the manifest says")
E505 = declare("E505", "a file name in a manifest leaves the folder")
E506 = declare("E506", "a folder that is no artifact stands where one is to be written")
E507 = declare("E507", "an artifact does not hold what an engine needs")


@dataclass(frozen=True)
class Artifact:
    """A checked artifact. folder: where its files lie; network: at mapped level, what all engines run."""

    folder: Path
    manifest: dict[str, Any]
    report: dict[str, Any]
    certificate: dict[str, Any]
    network: Network

    def run(
        self,
        inputs: Mapping[str, Any] | Any,
        engine: str = "program",
        state: Mapping[str, np.ndarray] | None = None,
        record: Iterable[str] = (),
    ) -> Result:
        """Run T steps on `program`, `reference` or `cores`; all give the same integers.

        inputs: one array [T, n] or [B, T, n], or one per input name. record: `pop.v`, `pop.spikes`, … .
        Returns raw integers [B, T, n] and the state to continue from. Errors: E160–E163, E155, E507.
        """
        from compiler.input_files import stimulus
        from compiler.results.archive import parse_records

        arrays = inputs if isinstance(inputs, Mapping) else {"input": np.asarray(inputs)}
        given = stimulus({name: np.asarray(value) for name, value in arrays.items()}, self.network)
        names = [item.name for item in parse_records(record, self.network)]
        return engine_of(self.folder, self.network, engine)(given.inputs, state, names)


def engine_of(folder: Path, network: Network, engine: str) -> Engine:
    """The engine of this name for an artifact's folder, to be called with checked inputs, state and records.

    Errors: E507 where there is no such engine, or the folder does not hold what it runs.
    """
    from compiler import discovery, reference

    if engine == "reference":
        return lambda inputs, state, record: reference.run(network, inputs, state, record)
    found = {module.ENGINE: module for module in discovery.targets().values()}
    if engine not in found:
        raise fail(E507, "no such engine", Place(path=engine), found=engine, expected=", ".join(["reference", *found]))
    part = {"program": "program.py"}.get(engine, engine)
    if not (folder / part).exists():
        raise fail(E507, f"the artifact holds no {part}", Place(file=str(folder)), found="nothing", expected=part,
                   hint="it was compiled with `--chip none`, or for another target")
    return lambda inputs, state, record: found[engine].run(folder, inputs, state, record)


def check_destination(folder: Path) -> None:
    """Demand, before anything is computed, that an artifact may be written here. Errors: E154, E506."""
    check_writable(folder)
    if folder.is_symlink() or (folder.exists() and not _replaceable(folder)):
        raise fail(E506, "something that is no artifact stands there, and is left alone", Place(file=str(folder)),
                   found="a folder without an artifact's manifest" if folder.is_dir() else "a file",
                   expected="nothing, an empty folder or an older artifact", hint="choose another folder with -o")


def _replaceable(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    manifest = folder / MANIFEST
    if not manifest.is_file():
        return not any(folder.iterdir())
    try:
        return json.loads(manifest.read_bytes())["format"] == FORMAT
    except (ValueError, KeyError, TypeError, OSError):
        return False


def write(compilation: Compilation, folder: Path) -> Artifact:
    """Write a compilation as a folder, complete or not at all; an older artifact there is replaced.

    What somebody else put into the folder of an older artifact stays. Errors: E154 where nothing can be written,
    E506 where the folder holds something else.
    """
    check_destination(folder)
    from compiler.page.render import of_compile

    files = dict(compilation.files) | {"report.json": json_bytes(compilation.report)}
    files["report.html"] = of_compile(compilation)
    manifest = manifest_of(compilation, files)
    with replacing_folder(folder) as temporary:
        write_files(files, temporary)
        (temporary / MANIFEST).write_bytes(json_bytes(manifest))
        for path in _strangers(folder):
            if not (temporary / path).exists():
                (temporary / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(folder / path, temporary / path)
    return opened(folder, manifest, compilation)


def _strangers(folder: Path) -> list[Path]:
    """Files in an older artifact's folder that are not its own."""
    if not (folder / MANIFEST).is_file():
        return []
    own = {MANIFEST, *json.loads((folder / MANIFEST).read_bytes()).get("files", {})}
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return [path for path in paths if path.as_posix() not in own and "__pycache__" not in path.parts]


def opened(folder: Path, manifest: dict[str, Any], compilation: Compilation) -> Artifact:
    """The artifact of a compilation whose files lie in a folder."""
    certificate = json.loads(compilation.files["certificate.json"])
    return Artifact(folder, manifest, compilation.report, certificate, compilation.mapped)


def write_files(files: Mapping[str, bytes], folder: Path) -> None:
    """Files by relative path, with the folders they need."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def manifest_of(compilation: Compilation, files: Mapping[str, bytes]) -> dict[str, Any]:
    """What the artifact is, where it comes from, what was checked, and the hash of every other file."""
    options, source = compilation.options, compilation.source
    told = {item.name: getattr(options, item.name) for item in fields(options)
            if item.name not in ("chip", "calibration", "decided", "training")}
    return {
        "format": FORMAT,
        "version": VERSION,
        "versions": {"sparkc": __version__} | {name: importlib.metadata.version(name) for name in ("jax", "numpy")},
        "source": {"name": f"{source.path.name}:{source.name}", "sha256": source.digest},
        "target": compilation.target,
        "chip": options.chip.name if options.chip else "none",
        "options": told | {"bits": dict(options.bits), "held": options.decided is not None},
        "passes": compilation.passes,
        "verdicts": [item.as_json() for item in compilation.verdicts],
        "files": {name: {"bytes": len(content), "sha256": sha256(content)} for name, content in sorted(files.items())},
    }


def json_bytes(value: Any) -> bytes:
    """Canonical JSON text: keys sorted, one per line."""
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def is_artifact(path: Path) -> bool:
    """Whether a path is to be read as an artifact rather than as a source: folders, and names without an ending."""
    return path.is_dir() or (not path.suffix and not path.exists())


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
