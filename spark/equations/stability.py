"""Steps that are too long for an explicit integrator: a decay that would swing further with every step."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from spark.core.faults import ConfigError, Fault
from spark.equations.evaluate import Numbers
from spark.equations.integrators import matrix
from spark.equations.model import DT, Model
from spark.equations.plan import Part, linear_states

GROWTH = {"euler": lambda z: 1 + z, "midpoint": lambda z: 1 + z + z**2 / 2}
"""What one step multiplies a mode exp(zt/h) with."""
LONGEST = 2.0
"""|z| from which on a decaying mode grows (both methods, real z)."""


def require_stable(model: Model, parts: Iterable[Part], numbers: Numbers) -> None:
    """Demand that no decay among the linear states grows because of the step. Errors: ConfigError."""
    for part in parts:
        found = linear_states(model) if part.method in GROWTH else {}
        states = tuple(name for name in part.states if name in found)
        if not states:
            continue
        modes = np.linalg.eigvals(matrix(model, Part("exact", states, tuple(found[name] for name in states)), numbers))
        z = modes * numbers[DT]
        grows = (z.real < 0) & (np.abs(z) > LONGEST * (1 + 1e-9)) & (np.abs(GROWTH[part.method](z)) > 1)
        if np.any(grows):
            longest = LONGEST / float(np.max(np.abs(modes)))
            raise ConfigError("equations", [Fault(
                "dt", float(numbers[DT]), f"at most {longest:.3g} ms for {', '.join(states)} by {part.method}",
                "take integrator exact, exponential_euler or automatic, or a smaller dt")])
