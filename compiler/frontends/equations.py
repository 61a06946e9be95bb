"""Sources in equations: `file.eq`, a neuron model in text (spark.equations)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare, fail
from compiler.frontends.lower import lower
from compiler.source import Source, digest, read_bytes
from compiler.source_options import SourceOptions
from spark.core.config import ConfigError
from spark.core.faults import brief
from spark.equations import SUFFIX, EquationError, EquationSoma, neuron

__all__ = ["SUFFIX", "load"]

E125 = declare("E125", "equations are wrong")
E126 = declare("E126", "a setting that equations decide themselves")


def load(path: Path, name: str, options: SourceOptions) -> Source:
    """Read a neuron model and lower it: one population of the units that the file names, one if it names none.

    `--dt` goes before the time step in the file. Errors: E125 with every fault of the text, each with its line and a
    caret; E126.
    """
    content = read_bytes(path)
    if options.reset not in (None, "file"):
        raise fail(E126, "equations say themselves how a unit is reset", Place(file=str(path), path="--reset"),
                   found=str(options.reset), expected="file", hint="change the `reset` in the file")
    soma = _soma(path, content, options)
    lowered = lower(soma, name or path.stem, options.readout or "")
    return Source(path, name or path.stem, digest(content), lowered, options.precision or "float64", soma)


def _soma(path: Path, content: bytes, options: SourceOptions) -> EquationSoma:
    given = {} if options.dt is None else {"dt": options.dt}
    try:
        return neuron(content.decode("utf-8"), dtype=options.precision or "float64", **given)
    except UnicodeDecodeError as error:
        raise fail(E125, "the file is no text", Place(file=str(path)), found=f"byte {error.start} is not UTF-8",
                   expected="UTF-8") from error
    except EquationError as error:
        raise DiagnosticError(_problems(error, path)) from error
    except ConfigError as error:
        raise DiagnosticError(
            Diagnostic(E125, "wrong configuration of the equations", Place(file=str(path), path=fault.path),
                       brief(fault.value), fault.bound, fault.hint) for fault in error.faults) from error


def _problems(error: EquationError, path: Path) -> Iterator[Diagnostic]:
    for item in error.problems:
        place = Place(str(path), item.line, item.column, item.excerpt)
        problem = item.problem
        yield Diagnostic(E125, problem.message, place, problem.found, problem.expected, problem.hint)
