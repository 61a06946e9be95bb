"""Runs the emulator in a process of its own, on a folder's core tables and nothing else of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from compiler import npz
from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare, fail
from compiler.results.results import Result

E545 = declare("E545", "the core emulator ended without a result")

ROOT = Path(__file__).resolve().parents[2]

THREADS = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""Products of one core are small: more threads wait for each other longer than they work."""


def run(
    folder: Path,
    inputs: Mapping[str, np.ndarray],
    state: Mapping[str, np.ndarray] | None = None,
    record: Iterable[str] = (),
) -> Result:
    """Run an artifact's core tables: inputs [B, T, n] raw integers by name, state of an earlier run of any engine.

    Returns raw integers. Errors: E540 to E545, as the emulator reports them.
    """
    return run_counted(folder, inputs, state, record)[0]


def run_counted(
    folder: Path,
    inputs: Mapping[str, np.ndarray],
    state: Mapping[str, np.ndarray] | None = None,
    record: Iterable[str] = (),
) -> tuple[Result, dict[str, Any]]:
    """The result, and what travelled over the mesh: events, packets, hops, synaptic events, the busiest link."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        npz.write(scratch / "input.npz", {key: np.asarray(rows) for key, rows in inputs.items()})
        command = [
            sys.executable,
            "-m",
            "targets.cores.emulator",
            str(folder),
            "--json",
            "--input",
            str(scratch / "input.npz"),
            "--output",
            str(scratch / "output.npz"),
        ]
        if state:
            npz.write(scratch / "state.npz", {key: np.asarray(value) for key, value in state.items()})
            command += ["--state", str(scratch / "state.npz")]
        names = list(record)
        _execute(command + (["--record", *names] if names else []))
        arrays = npz.read(scratch / "output.npz")
    return _result(arrays), json.loads(str(arrays["traffic"]))


def _execute(command: list[str]) -> None:
    """Run to the end. Errors: what the process reports, E545 where it reports nothing."""
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH", ""))))
    environment = {**THREADS, **os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode == 0:
        return
    try:
        found = json.loads(done.stderr)
        findings = [Diagnostic(**(item | {"place": Place(path=item["place"])})) for item in found]
    except (ValueError, TypeError, KeyError):
        last = done.stderr.strip().splitlines()[-1:] or [f"exit status {done.returncode}"]
        raise fail(
            E545,
            "the core emulator ended without a result",
            found=last[0],
            expected="a result or findings",
            hint="try fewer samples or steps at a time",
        ) from None
    raise DiagnosticError(findings)


def _result(arrays: Mapping[str, np.ndarray]) -> Result:
    kinds: dict[str, dict[str, np.ndarray]] = {"output": {}, "record": {}, "state": {}}
    for key, value in arrays.items():
        kind, _, name = key.partition(".")
        if kind in kinds:
            kinds[kind][name] = value
    return Result(kinds["output"], kinds["record"], kinds["state"])
