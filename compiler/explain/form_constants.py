"""What a chip's registers realise of the numbers asked for, told like the constants of any target."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from compiler.analysis.homogeneity import infer
from compiler.explain.site import Pair
from compiler.formats import FloatType
from compiler.ir.network import Population
from compiler.ir.program import Program


def form_constants(pair: Pair, name: str) -> Iterator[dict[str, Any]]:
    """Every real parameter of a population in its exact form beside its register: medians, largest relative error."""
    before, after = pair.scaled.node(name), pair.fixed.node(name)
    assert isinstance(before, Population) and isinstance(after, Population) and pair.form is not None
    program = pair.scaled.programs[before.site.program]
    degrees = infer(program, set(before.site.scaled))
    scale = pair.fixed.real(after.site.scale) if after.site.scale is not None else np.ones(())
    for item in program.params:
        if not isinstance(item.type, FloatType):
            continue
        level = degrees is not None and degrees.names.get(item.name) == 1
        asked, found = (network.real(node.site.arguments[item.name]) * (scale if level else 1.0)
                        for network, node in ((pair.scaled, before), (pair.fixed, after)))
        if not np.any(asked) and not np.any(found):
            continue
        origin = pair.form.origins.get(f"{name}.{item.name}", np.zeros(()))
        yield _entry(item.name, asked + origin, found + origin, pair.fixed.dt, _multiplies_state(program, item.name))


def _multiplies_state(program: Program, parameter: str) -> bool:
    states = {item.name for item in program.states}
    return any(op.opcode == "mul" and parameter in op.names and states & set(op.names) for op in program.ops)


def _entry(name: str, asked: np.ndarray, found: np.ndarray, dt: float, decays: bool) -> dict[str, Any]:
    asked, found = np.broadcast_arrays(asked, found)
    error = np.abs(found - asked) / np.where(asked == 0, 1.0, np.abs(asked))
    entry = {"name": name, "asked": float(np.median(asked)), "realised": float(np.median(found)),
             "error": float(error.max()), "lost": int(((found == 0) & (asked != 0)).sum())}
    if decays and ((asked > 0) & (asked < 1) & (found > 0) & (found < 1)).all():
        times = -dt / np.log(asked), -dt / np.log(found)
        entry |= {"time_constant": float(np.median(times[0])), "realised_time_constant": float(np.median(times[1])),
                  "time_constant_error": float(np.abs(times[1] / times[0] - 1).max())}
    return entry
