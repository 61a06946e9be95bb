"""The target `loihi`: a network in the registers and integers of Intel's chips, their limits, and recorded cases.

The tables of its cores, and what runs them, are those of the family `cores`: the chip's arithmetic stands in the
network itself. What is offered is loaded when it is asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from targets.loihi.facts import CHIP_FACTS

if TYPE_CHECKING:
    from targets.loihi.cases import read_case
    from targets.loihi.description import describe
    from targets.loihi.exact import exact_form
    from targets.loihi.limits import check
    from targets.loihi.tables import emit, run, stored_weights

ENGINE = "cores"

_OFFERED = {"check": "limits", "describe": "description", "emit": "tables", "exact_form": "exact",
            "read_case": "cases", "run": "tables",
            "stored_weights": "tables"}

__all__ = ["CHIP_FACTS", "ENGINE", "check", "describe", "emit", "exact_form", "read_case", "run", "stored_weights"]


def __getattr__(name: str) -> Any:
    if name not in _OFFERED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_OFFERED[name]}"), name)
