"""The verbs of the command line for Python: `compiler.compile`, `compiler.compare`, `compiler.load`."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from compiler import artifact
from compiler.artifact import Artifact
from compiler.checking.verdicts import Verdict
from compiler.comparison.comparison import EXPLAINED, Comparison, compare_source
from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare, fail
from compiler.mixed_precision.amounts import parse_memory
from compiler.mixed_precision.budget import Budget, within_budget
from compiler.settings import E171, Settings

E390 = declare("E390", "a stage does not equal the one before it")


def compile(
    source: str | Path, output: str | Path | None = None, *, accuracy_loss: float | None = None,
    memory: int | str | None = None, data: str | Path | Mapping[str, Any] | None = None, **settings: Any,
) -> Artifact:
    """Compile a source, check every stage against the one before it, and write the artifact.

    source: `file.py[:name]`. output: the artifact's folder; None: a temporary one that lives as long as the
    artifact. accuracy_loss: points that may be lost, memory: bytes, or a word as `64KiB`, that weights and states may
    take; where one is given, bits are chosen and what was tried stands in the report under `bits`. data: samples that
    they are chosen on, an `.npz` or such arrays; None: the source's own. settings: fields of `Settings` (chip, weights,
    states, calibration, dt, …).
    Raises DiagnosticError for everything that the user can mend, E342 where no bits stay within the budget, and E390
    where two stages differ.
    """
    chosen = Settings(**settings)
    budget = _budget(accuracy_loss, memory, data)
    if output is not None:
        return _compile(source, Path(output), chosen, budget)
    folder = Path(tempfile.mkdtemp(prefix="sparkc-"))
    try:
        written = _compile(source, folder, chosen, budget)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    weakref.finalize(written, shutil.rmtree, folder, ignore_errors=True)
    return written


def _budget(loss: float | None, memory: int | str | None, data: str | Path | Mapping[str, Any] | None) -> Budget | None:
    """What bits are chosen for, None where they are not. Errors: E171."""
    if loss is not None and not loss >= 0:
        raise fail(E171, "a setting has a value that is not allowed", "accuracy_loss", found=str(loss),
                   expected="points of accuracy, at least 0")
    try:
        bits = None if memory is None else parse_memory(str(memory))
    except ValueError as error:
        raise fail(E171, str(error), "memory", found=str(memory), expected="bytes, or 64KiB") from error
    if loss is None and bits is None:
        return None
    return Budget(loss, bits, Path(data) if isinstance(data, str) else data)


def _compile(source: str | Path, folder: Path, settings: Settings, budget: Budget | None) -> Artifact:
    artifact.check_destination(folder)
    loaded = settings.load(str(source))
    compilation, _ = within_budget(loaded, settings, budget)
    require_equal(compilation.verdicts)
    return artifact.write(compilation, folder)


def compare(
    source: str | Path, data: str | Path | Mapping[str, Any] | None = None, weights: Sequence[int] = (),
    targets: Sequence[str] = (), folds: int = 0, explained: int = EXPLAINED, **settings: Any,
) -> Comparison:
    """Accuracy of a source in floating point and compiled, at several widths of weights and on several targets.

    data: an `.npz` with inputs and `label` (accuracy is None without), or such arrays; None: the source's own, else
    the inputs for calibration, else a random stimulus. folds: calibrate on the inputs of all samples but every
    `folds`-th, compare on those, and so on. explained: samples on which errors and blame are measured, 0: none.
    Errors: E173, E181.
    """
    chosen = Settings(**settings)
    given = Path(data) if isinstance(data, str) else data
    return compare_source(chosen.load(str(source)), chosen, given, weights, targets, folds=folds,
                          explained=explained)


def load(folder: str | Path) -> Artifact:
    """Read an artifact, as untrusted. Errors: E501–E505."""
    return artifact.read(Path(folder))


def require_equal(verdicts: Iterable[Verdict]) -> None:
    """Raise E390 for every stage that differs from the one before it, with the first differing value."""
    findings = [_difference(item) for item in verdicts if item.failed]
    if findings:
        raise DiagnosticError(findings)


def _difference(verdict: Verdict) -> Diagnostic:
    first = verdict.first_difference or {}
    place = ", ".join(f"{key} {first[key]}" for key in ("value", "sample", "step", "unit") if key in first)
    return Diagnostic(E390, f"{verdict.stage} does not hold", Place(path=place), found=str(first.get("found", "")),
                      expected=str(first.get("expected", "")),
                      hint=verdict.detail or "this is a fault of the compiler; please report the source")
