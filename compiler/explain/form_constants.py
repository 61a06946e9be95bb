"""What a chip's registers realise of the numbers asked for, told like the constants of any target."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from compiler.analysis.homogeneity import infer
from compiler.explain.site import Pair
from compiler.formats import FloatType
from compiler.ir.network import Population
from compiler.report import constant_entry, multiplies_state


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
        decays = multiplies_state(program, item.name)
        yield constant_entry(item.name, asked + origin, found + origin, pair.fixed.dt if decays else None)
