"""The files of an artifact, and how they are vouched for."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

FORMAT, VERSION = "sparkc artifact", 1
MANIFEST = "manifest.json"
REQUIRED = ("network.snn", "tensors.npz", "report.json", "certificate.json")
LARGEST_FILE = 1 << 33
LARGEST_MANIFEST = 1 << 26


def json_bytes(value: Any) -> bytes:
    """Canonical JSON text: keys sorted, one per line."""
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def is_artifact(path: Path) -> bool:
    """Whether a path is to be read as an artifact rather than as a source: folders, and names without an ending."""
    return path.is_dir() or (not path.suffix and not path.exists())
