"""Modules in `.npz` files: configuration, input shapes and parameters. Never a pickle."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from spark.core import registry, scfg
from spark.core.config import ConfigError, Fault
from spark.core.module import SparkModule
from spark.core.tree import flatten, map_leaves

PARAMS = "params."
HEADER = "spark"


def save(module: SparkModule, file: Any) -> None:
    """Write a built module: its class, configuration, input shapes and parameters (weights as learned so far).

    Errors: ValueError if it is not built; OSError.
    """
    module = merge_learned(module)
    header = {"class": registry.name_of(type(module)), "config": scfg.encode(module.config),
              "inputs": {port: list(spec.shape) for port, spec in module.input_specs.items()}}
    arrays = {PARAMS + path: np.asarray(leaf) for path, leaf in flatten(module.params).items()}
    with Path(file).open("wb") as stream:
        np.savez_compressed(stream, **{HEADER: np.array(json.dumps(header, allow_nan=False))}, **arrays)  # type: ignore


def merge_learned(module: SparkModule) -> SparkModule:
    """A copy in its initial state, with what plastic weights have learned as its weights."""
    twin = module._twin()
    twin.reset()
    return twin


def load(file: Any) -> SparkModule:
    """Read a module written by `save`; its state is the initial one.

    Errors: OSError; ConfigError if the file is not such a file, is pickled, or does not fit itself.
    """
    header, arrays = _contents(file)
    try:
        cls, inputs = registry.find(header["class"]), header["inputs"]
        config = scfg.decode(header["config"], "config", str(file))
    except (KeyError, TypeError) as error:
        raise ConfigError(str(file), [Fault(HEADER, str(error), "a header with class, config and inputs")]) from None
    if not (isinstance(cls, type) and issubclass(cls, SparkModule)):
        raise ConfigError(str(file), [Fault("class", header["class"], "the class of a module")])
    module = cls(config)
    try:
        module.build({port: tuple(size) for port, size in inputs.items()})
        flat = {path.removeprefix(PARAMS): array for path, array in arrays.items()}
        missing = sorted(set(flatten(module.params)) ^ set(flat))
        if missing:
            raise ValueError(f"parameters differ: {missing}")
        module.params = map_leaves(lambda path, leaf: flat[path].astype(leaf.dtype), module.params)
    except ConfigError:
        raise
    except (TypeError, ValueError) as error:
        raise ConfigError(str(file), [Fault("params", str(error), "those of the configuration")]) from None
    return module


def _contents(file: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    try:
        # A stream of our own: np.load leaves its own open when the archive is broken.
        with Path(file).open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        header = json.loads(str(arrays.pop(HEADER)))
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigError(str(file), [Fault("", str(error), "a file written by spark's save")]) from None
    return header, arrays
