"""Python names for the names of the IR: recognisable, legal and never the same for two things."""

from __future__ import annotations

import builtins
import keyword
import re

TAKEN = frozenset({*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "jax", "jnp", "np", "lax", "partial"})

PROGRAM = frozenset({
    "TENSORS", "WEIGHTS", "PORTS", "BLOCK_ROWS", "DT", "INPUTS", "OUTPUTS", "RECORDS", "STATE_RANGES",
    "block", "initial_state", "advance", "run", "step",
    "argparse", "difflib", "json", "os", "re", "sys", "tempfile", "zipfile", "Path",
})  # fmt: skip
"""What every program defines or imports."""

LOCAL = frozenset({
    "advance", "arriving", "after", "batch", "before", "carry", "changed", "delay", "emitted", "kept", "keep", "name",
    "noise", "now", "row", "rows", "state", "steps", "sums", "t", "traced", "values", "wanted", "weights", "x",
})  # fmt: skip
"""Local names of the functions that run a network: nothing that they call may be called so."""


class Names:
    """Hands out names within one scope. taken: names of the scopes around it."""

    def __init__(self, taken: frozenset[str] = TAKEN):
        self._taken = set(taken)

    def fresh(self, wanted: str) -> str:
        """The wanted name, with a number behind it where it is taken or no Python name."""
        base = re.sub(r"\W", "_", wanted) or "value"
        base = f"_{base}" if base[0].isdigit() else base
        name, count = base, 1
        while name in self._taken:
            count += 1
            name = f"{base}_{count}"
        self._taken.add(name)
        return name

    def inner(self, without: frozenset[str] = frozenset()) -> Names:
        """Names for a scope inside this one. without: names that are free there."""
        return Names(frozenset(self._taken - without))
