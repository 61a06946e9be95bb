"""The target `cores`: tables for every core of a chip of networked cores, and an emulator that runs from them.

What is offered is loaded when it is asked for: the emulator's own process must load nothing of the compiler's
graphs, so that it cannot but use the tables.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from targets.cores.emission import emit
    from targets.cores.launch import run, run_counted
    from targets.cores.limits import check
    from targets.cores.readback import stored_weights

ENGINE = "cores"

_OFFERED = {"check": "limits", "emit": "emission", "run": "launch", "run_counted": "launch",
            "stored_weights": "readback"}

__all__ = ["ENGINE", "check", "emit", "run", "run_counted", "stored_weights"]


def __getattr__(name: str) -> Any:
    if name not in _OFFERED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_OFFERED[name]}"), name)
