"""Writes an artifact, complete or not at all."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compiler import __version__
from compiler.artifact.layout import FORMAT, MANIFEST, VERSION, json_bytes, sha256
from compiler.artifact.running import Artifact
from compiler.diagnostics import Place, declare, fail
from compiler.files import check_writable, replacing_folder

if TYPE_CHECKING:
    from compiler.pipeline import Compilation

E506 = declare("E506", "a folder that is no artifact stands where one is to be written")


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
