"""Sources in Python: a file that defines a spark module, or a function without arguments that makes one."""

from __future__ import annotations

import inspect
import linecache
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from compiler import npz
from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare, fail
from compiler.frontends import places
from compiler.frontends.encoders import Cut
from compiler.frontends.lower import lower
from compiler.input_files import stimulus
from compiler.ir.network import Network
from compiler.source import Source, digest, read_bytes
from compiler.source_options import SourceOptions
from spark.core.config import ConfigError
from spark.core.faults import brief
from spark.core.module import SparkModule

SUFFIX = ".py"

E103 = declare("E103", "a source file raises an error")
E104 = declare("E104", "a source file does not define the model that was asked for")
E105 = declare("E105", "the model of a source file is no spark module")
E110 = declare("E110", "a configuration is wrong")
E116 = declare("E116", "a setting that a source decides itself")
E118 = declare("E118", "the data of a source are no arrays")

DEFAULT = "model"


def load(path: Path, name: str, options: SourceOptions) -> Source:
    """Execute the file, take the module called `name` (default `model`) and lower it.

    The file may define `calibration`: inputs as an array or a dict of arrays, the path of an `.npz` file, or a
    function without arguments that gives one of them. `data`: the same, with an array `label` beside the inputs; it is
    looked at when somebody asks for it. `quantization`: the path of a file of decisions about formats, as training in
    the loop writes it.
    """
    name = name or DEFAULT
    content = read_bytes(path)
    namespace = _executed(path, content)
    cut = Cut(_module(path, name, namespace), name)
    module = cut.module
    _require_own(path, module, options)
    with _placed_in(path):
        lowered = lower(module, name, options.readout or "")
        calibration = _calibration(path, namespace, lowered.network, cut)
    precision = options.precision or module.dtype
    return Source(path, name, digest(content), lowered, precision, module, calibration,
                  lambda: _labelled(path, namespace, cut), cut.notes, quantization=_quantization(path, namespace))


# -- executing ------------------------------------------------------------------------------------------------------


def _executed(path: Path, content: bytes) -> dict[str, Any]:
    """The names that a file defines. Its folder can be imported from while it runs."""
    file = str(path.resolve())
    module = types.ModuleType(f"sparkc_source_{path.stem}")
    module.__file__ = file
    sys.modules[module.__name__] = module
    linecache.checkcache(file)
    with _importing_from(path.resolve().parent), _users_errors(path):
        exec(compile(content, file, "exec"), module.__dict__)
    return module.__dict__


@contextmanager
def _importing_from(folder: Path) -> Iterator[None]:
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


@contextmanager
def _users_errors(path: Path) -> Iterator[None]:
    """Errors of the user's code as diagnostics: every fault of a configuration, else the error and its line."""
    try:
        yield
    except DiagnosticError:
        raise
    except ConfigError as error:
        raise DiagnosticError(_faults(error, path)) from error
    except (Exception, SystemExit) as error:
        where = places.place_of_error(error)
        text = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
        raise fail(E103, "the source raises an error", where if where.file else Place(file=str(path)),
                   found=f"{type(error).__name__}: {text}" if text else type(error).__name__,
                   hint=f"run `python {path}` to see the whole traceback") from error


def _faults(error: ConfigError, path: Path) -> Iterator[Diagnostic]:
    where = places.place_of_error(error)
    where = where if where.file else Place(file=str(path))
    for fault in error.faults:
        yield Diagnostic(E110, f"wrong configuration of {error.subject}", replace(where, path=fault.path),
                         found=brief(fault.value), expected=fault.bound, hint=fault.hint)


# -- the model ------------------------------------------------------------------------------------------------------


def _module(path: Path, name: str, namespace: Mapping[str, Any]) -> SparkModule:
    if name not in namespace:
        raise fail(E104, f"the source defines no `{name}`", Place(file=str(path)), found=_defined(namespace),
                   expected=f"`{name}`: a spark module, or a function without arguments that gives one",
                   hint=f"name another one with {path.name}:NAME")
    value = namespace[name]
    if not isinstance(value, SparkModule) and inspect.isroutine(value):
        value = _called(path, name, value)
    if not isinstance(value, SparkModule):
        found = f"the class {value.__name__}" if isinstance(value, type) else brief(value)
        raise fail(E105, f"`{name}` is no spark module", Place(file=str(path), path=name), found=found,
                   expected="a spark module, or a function without arguments that gives one",
                   hint="make an object of the class" if isinstance(value, type) else "")
    return value


def _called(path: Path, name: str, function: Callable[..., Any]) -> Any:
    needed = [item.name for item in inspect.signature(function).parameters.values()
              if item.default is item.empty and item.kind not in (item.VAR_POSITIONAL, item.VAR_KEYWORD)]
    if needed:
        raise fail(E105, f"the function `{name}` needs arguments", Place(file=str(path), path=name),
                   found=", ".join(needed), expected="a function without arguments", hint="give them default values")
    with _importing_from(path.resolve().parent), _users_errors(path):
        return function()


def _defined(namespace: Mapping[str, Any]) -> str:
    """What a file defines itself that might have been meant."""
    own = [name for name, value in namespace.items() if not name.startswith("_") and (
        isinstance(value, SparkModule) or getattr(value, "__module__", None) == namespace["__name__"])]
    return ", ".join(sorted(own)) or "nothing of the kind"


def _require_own(path: Path, module: SparkModule, options: SourceOptions) -> None:
    """Demand that settings do not contradict what the file says."""
    wrong = []
    if options.dt is not None and options.dt != module.dt:
        wrong.append(("dt", f"{options.dt:g} ms", f"{module.dt:g} ms, as in the file"))
    if options.reset not in (None, "file"):
        wrong.append(("reset", str(options.reset), "file"))
    if wrong:
        raise DiagnosticError(
            Diagnostic(E116, "a Python source decides this itself", Place(file=str(path), path=f"--{name}"), found,
                       expected, "change it in the file") for name, found, expected in wrong)


@contextmanager
def _placed_in(path: Path) -> Iterator[None]:
    """Diagnostics that name an object get the file that made it."""
    try:
        yield
    except DiagnosticError as error:
        raise DiagnosticError(
            item if item.place.file else replace(item, place=replace(item.place, file=str(path)))
            for item in error.diagnostics) from error


# -- data ----------------------------------------------------------------------------------------------------


def _calibration(path: Path, namespace: Mapping[str, Any], network: Network, cut: Cut) -> dict[str, np.ndarray] | None:
    named = _arrays(path, namespace, "calibration")
    return None if named is None else stimulus(cut.encoded(named), network, f"{path}:calibration").inputs


def _quantization(path: Path, namespace: Mapping[str, Any]) -> Path | None:
    value = namespace.get("quantization")
    if value is not None and not isinstance(value, str | Path):
        raise fail(E118, "`quantization` is no path", Place(file=str(path), path="quantization"),
                   found=type(value).__name__, expected="the path of a file that training in the loop wrote")
    return None if value is None else path.parent / value


def _labelled(path: Path, namespace: Mapping[str, Any], cut: Cut) -> dict[str, np.ndarray] | None:
    """The arrays of `data`, else those of `calibration` where they have labels."""
    for name in ("data", "calibration"):
        arrays = _arrays(path, namespace, name)
        if arrays is not None and (name == "data" or "label" in arrays):
            return cut.encoded(arrays)
    return None


def _arrays(path: Path, namespace: Mapping[str, Any], name: str) -> dict[str, np.ndarray] | None:
    """What a name of the file stands for, as arrays; None where the file does not define it. Errors: E118, E15x."""
    value = namespace.get(name)
    if inspect.isroutine(value):
        value = _called(path, name, value)
    if value is None:
        return None
    if isinstance(value, str | Path):
        value = npz.read(path.parent / value)
    arrays = value if isinstance(value, Mapping) else {"input": value}
    wrong = {str(key): type(item).__name__ for key, item in arrays.items() if not hasattr(item, "__array__")}
    if wrong:
        raise fail(E118, f"`{name}` holds no arrays", Place(file=str(path), path=name),
                   found=", ".join(f"{key}: {kind}" for key, kind in wrong.items()),
                   expected="an array [B, T, n], or a dict of them by input name")
    return {str(key): np.asarray(item) for key, item in arrays.items()}
