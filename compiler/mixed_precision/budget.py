"""A compile whose bits are chosen for a budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from compiler.mixed_precision.choices import Search
from compiler.mixed_precision.samples import Data
from compiler.mixed_precision.selection import search
from compiler.pipeline import Compilation, compile_source
from compiler.settings import Settings
from compiler.source import Source

_SEARCHING = 0.7
"""Share of the time that the choice takes."""


@dataclass(frozen=True)
class Budget:
    """loss: points of accuracy that may be lost. memory: bits. data: the samples that tell, None: the source's own."""

    loss: float | None = None
    memory: int | None = None
    data: Data = None


def within_budget(source: Source, settings: Settings, budget: Budget | None,
                  progress: Callable[[str, float], None] = lambda stage, share: None, **told: Any
                  ) -> tuple[Compilation, Search | None]:
    """Compile a source, with bits chosen where there is a budget; the report then tells of them under `bits`.

    told: other arguments of `compile_source`. Errors: those of `search` and of a compile.
    """
    options = settings.options(source)
    if budget is None:
        return compile_source(source, options, settings.target, progress, **told), None
    found = search(source, options, budget.data, budget.loss, budget.memory,
                   lambda stage, share: progress(stage, _SEARCHING * share), settings.states is None)
    compilation = compile_source(source, found.options, settings.target,
                                 lambda stage, share: progress(stage, _SEARCHING + (1 - _SEARCHING) * share), **told)
    compilation.report["bits"] = found.as_json()
    return compilation, found
