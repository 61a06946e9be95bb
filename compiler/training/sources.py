"""What may be trained, and a module that is in memory as a source."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from compiler.diagnostics import fail
from compiler.frontends.lower import lower
from compiler.settings import Settings
from compiler.source import Source
from compiler.training.trainable import E341
from spark.core.module import SparkModule
from spark.core.tree import flatten


def trainable_source(model: SparkModule | Source | str | Path, settings: Settings) -> Source:
    """The source of a model that can be trained in the loop. Errors: E341."""
    source = _source(model, settings)
    plastic = [item.name for item in source.network.projections if item.synapse is not None]
    if plastic:
        raise fail(E341, "weights that learn by themselves are not trained", plastic[0],
                   hint="train without the learning rule")
    if settings.rounding == "stochastic":
        raise fail(E341, "stochastic rounding is not trained with", "--rounding", hint="train with another rounding")
    if source.module is None:
        raise fail(E341, "a network without a module has no float step", str(source.path),
                   expected="a Python, NIR or equations source")
    return source


def _source(model: SparkModule | Source | str | Path, settings: Settings) -> Source:
    if isinstance(model, Source):
        return model
    return source_of(model) if isinstance(model, SparkModule) else settings.load(str(model))


def source_of(module: SparkModule, like: Source | None = None) -> Source:
    """A module as a source. like: the source that it was before its parameters were trained."""
    if like is None:
        return Source(Path("module"), type(module).__name__, "", lower(module), module.dtype, module)
    ports = {item.name: item.port for item in like.network.inputs}
    readout = next((item.readout for item in like.network.outputs), "")
    return replace(like, module=module, lowered=lower(module, like.name, readout, ports))


def trained_paths(module: SparkModule, trainable: Iterable[str] | Callable[[str], bool]) -> list[str]:
    """Paths of the parameters to train. Errors: E341 where there are none."""
    names = () if callable(trainable) else tuple(trainable)
    wanted = trainable if callable(trainable) else lambda path: path.split(".")[-1] in names
    paths = [path for path in flatten(module.params) if wanted(path)]
    if not paths:
        raise fail(E341, "nothing to train", type(module).__name__, found=", ".join(map(str, names)),
                   expected=", ".join(sorted(flatten(module.params))))
    return paths
