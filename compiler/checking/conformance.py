"""Recorded traces of a chip or its emulators, run through every engine and compared value by value.

A target family reads its own files: `read_case(path) -> RecordedCase`. What is compared is the same for all: every
recorded row, and the weights as the engine's own files hold them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from compiler import artifact, discovery, reference
from compiler.arithmetic import OverflowFault
from compiler.chips import Chip
from compiler.diagnostics import DiagnosticError, Place, declare, fail
from compiler.ir.network import Network
from compiler.ir.verify import verify
from compiler.options import Options
from compiler.pipeline import MAPPING_PASSES
from compiler.results.results import Result

E145 = declare("E145", "a target has no recorded cases to conform to")
E146 = declare("E146", "a folder holds no recorded cases")

ENGINES = ("reference", "program", "cores")


@dataclass(frozen=True)
class RecordedCase:
    """A network of the fixed level, its inputs, and what it must give.

    chip: what it is mapped to. inputs: by name [1, T, n]. expected: rows [T, n] of raw integers by record name, or by
    several that add up (`a.x + b.x`). weights: by projection (or several), the raw integers [post, pre] that its
    synapses must have. labels: how records and projections are called in the file, where it is another name.
    """

    id: str
    network: Network
    chip: Chip
    inputs: Mapping[str, np.ndarray]
    expected: Mapping[str, np.ndarray]
    weights: Mapping[str, np.ndarray] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """One case on one engine. first_difference: label, step or place, unit, both values; None where all is equal."""

    id: str
    engine: str
    values: int
    first_difference: dict[str, Any] | None

    @property
    def equal(self) -> bool:
        return self.first_difference is None

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "engine": self.engine, "values": self.values, "equal": self.equal,
                "first_difference": self.first_difference}


def case_files(target: str, folder: Path) -> list[Path]:
    """Every case file of a folder, in name order. Errors: E145, E146."""
    if not hasattr(discovery.targets()[target], "read_case"):
        known = [name for name, module in discovery.targets().items() if hasattr(module, "read_case")]
        raise fail(E145, f"{target} has no recorded cases", Place(path=target), found=target,
                   expected=", ".join(known) or "a target with recorded cases")
    found = sorted(folder.glob("*.npz"))
    if not found:
        raise fail(E146, "there are no recorded cases", Place(file=str(folder)), expected="files *.npz",
                   hint="name the folder that holds them")
    return found


def conform(
    target: str, folder: Path, progress: Callable[[str, float], None] = lambda stage, fraction: None
) -> Iterator[Outcome]:
    """Every case of a folder on every engine. Errors: E145, E146, those of damaged cases."""
    files = case_files(target, folder)
    for index, path in enumerate(files):
        progress(path.stem, index / len(files))
        yield from outcomes(target, discovery.targets()[target].read_case(path))


def outcomes(target: str, case: RecordedCase) -> Iterator[Outcome]:
    """One case on every engine; an engine that cannot run it is a difference too."""
    findings = verify(case.network)
    if findings:
        raise DiagnosticError(findings)
    mapped = case.network
    for name in MAPPING_PASSES:
        mapped = discovery.passes()[name].run(mapped, Options(chip=case.chip))
    for engine in ENGINES:
        try:
            result, weights = _run(target, engine, mapped, case)
        except (DiagnosticError, OverflowFault) as error:
            yield Outcome(case.id, engine, 0, {"value": "", "found": str(error).splitlines()[0], "expected": "a run"})
            continue
        yield compared(case, engine, result, weights)


def _run(target: str, engine: str, mapped: Network, case: RecordedCase) -> tuple[Result, dict[str, np.ndarray]]:
    """The records of one engine, and the weights as it holds them."""
    records = [name for names in case.expected for name in parts(names)]
    projections = [name for names in case.weights for name in parts(names)]
    if engine == "reference":
        weights = {name: _matrix(mapped, name) for name in projections}
        return reference.run(mapped, case.inputs, record=records), weights
    module = discovery.targets()["jax_fixed" if engine == "program" else target]
    with tempfile.TemporaryDirectory(prefix="sparkc-") as name:
        folder = Path(name)
        artifact.write_files(module.emit(mapped, case.chip), folder)
        result = module.run(folder, case.inputs, record=records)
        weights = {name: module.stored_weights(folder, mapped, name, case.chip) for name in projections}
    return result, weights


def parts(names: str) -> list[str]:
    """The names of a sum.

    >>> parts("a.x + b.x")
    ['a.x', 'b.x']
    """
    return names.split(" + ")


def _matrix(network: Network, projection: str) -> np.ndarray:
    item = network.projection(projection)
    matrix = item.chain[0].matrix(network.shape_of(item.source), network.tensors)
    return matrix if isinstance(matrix, np.ndarray) else matrix.toarray()


def compared(case: RecordedCase, engine: str, result: Result, weights: Mapping[str, np.ndarray]) -> Outcome:
    """Every recorded value and every weight against what an engine gave."""
    values, first = 0, None
    for names, expected in case.weights.items():
        values += expected.size
        found = sum(np.asarray(weights[name], np.int64) for name in parts(names))
        label = case.labels.get(names, f"{names}.weights")
        first = first or _difference(label, expected, np.asarray(found), ("post", "pre"))
    for names, expected in case.expected.items():
        values += expected.size
        found = sum(np.asarray(result.records[name][0], np.int64) for name in parts(names))
        difference = _difference(case.labels.get(names, names), expected, np.asarray(found), ("step", "unit"))
        if difference and (first is None or difference["step"] < first.get("step", 0)):
            first = difference
    return Outcome(case.id, engine, values, first)


def _difference(label: str, expected: np.ndarray, found: np.ndarray, axes: tuple[str, str]) -> dict[str, Any] | None:
    if np.shape(found) != expected.shape:
        return {"value": label, "expected": str(expected.shape), "found": str(np.shape(found)), axes[0]: 0}
    wrong = np.argwhere(np.asarray(found, np.int64) != expected)
    if not len(wrong):
        return None
    row, column = (int(item) for item in wrong[0])
    return {"value": label, axes[0]: row, axes[1]: column, "expected": int(expected[row, column]),
            "found": int(found[row, column])}


def lifted(chip: Chip, **limits: int) -> Chip:
    """A chip with other limits: recorded cases may leave those of the real one."""
    return replace(chip, **limits)
