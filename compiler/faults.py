"""Our own faults: a dump that reproduces one, and one line that tells where it lies."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from compiler import __version__

LARGEST_SOURCE = 1 << 20
LIBRARIES = ("jax", "jaxlib", "numpy", "scipy", "networkx", "lark", "click")


def report(error: BaseException, arguments: list[str]) -> str:
    """Write the dump of an unexpected error; returns the line to print."""
    text = json.dumps(describe(error, arguments), indent=1)
    name = f"sparkc-fault-{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"
    last = f"{type(error).__name__}: {error}".splitlines()[0]
    for folder in (Path.cwd(), Path(tempfile.gettempdir())):
        if os.access(folder, os.W_OK):
            (folder / name).write_text(text)
            return f"sparkc itself failed ({last}); what reproduces it is in {folder / name}, please report it"
    return f"sparkc itself failed ({last}); no folder for a dump can be written\n{text}"


def describe(error: BaseException, arguments: list[str]) -> dict[str, Any]:
    """What reproduces a fault: the command line, the files it names, the versions, the traceback."""
    return {
        "arguments": arguments,
        "files": [_file(path) for path in _named_files(arguments)],
        "versions": {"python": sys.version.split()[0], "platform": platform.platform()} | _versions(),
        "traceback": traceback.format_exception(error),
    }


def _named_files(arguments: list[str]) -> list[Path]:
    candidates = (Path(word.rpartition("=")[2].partition(":")[0]) for word in arguments)
    return [path for path in candidates if path.is_file()]


def _file(path: Path) -> dict[str, Any]:
    """Name, size and hash of a file; its text too where it is a source."""
    content = path.read_bytes()
    entry = {"name": str(path), "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    if path.suffix in (".py", ".snn", ".eq", ".toml") and len(content) <= LARGEST_SOURCE:
        entry["text"] = content.decode(errors="replace")
    return entry


def _versions() -> dict[str, str]:
    found = {"sparkc": __version__}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found
