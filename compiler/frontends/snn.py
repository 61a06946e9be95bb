"""Sources in the IR's own text: `file.snn`, its tensors beside it in `file.npz` or `tensors.npz`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from compiler.diagnostics import DiagnosticError, Place, declare, fail
from compiler.frontends.lowered import Lowered
from compiler.ir.parse import parse
from compiler.ir.tensors import read_tensors
from compiler.ir.verify import verify
from compiler.source import Source, digest, read_bytes
from compiler.source_options import SourceOptions

SUFFIX = ".snn"

E119 = declare("E119", "a network that is no source")


def load(path: Path, name: str, options: SourceOptions) -> Source:
    """Read a network at the `model` level. Errors: E15x of the tensors, E2xx of the text, E119 for other levels."""
    text = read_bytes(path)
    beside = [item for item in (path.with_suffix(".npz"), path.parent / "tensors.npz") if item.is_file()]
    network = parse(text, read_tensors(beside[0]) if beside else {}, str(path))
    if network.level != "model":
        raise fail(E119, "only networks at the model level are sources", Place(file=str(path)), found=network.level,
                   expected="model", hint="a fixed or mapped network belongs to an artifact: give its folder")
    findings = verify(network)
    if findings:
        raise DiagnosticError(findings)
    if options.dt is not None and options.dt != network.dt:
        raise fail(E119, "the network has a time step of its own", Place(file=str(path), path="--dt"),
                   found=f"{options.dt:g} ms", expected=f"{network.dt:g} ms, as in the file",
                   hint="its parameters belong to that time step")
    for output in network.outputs:
        network.add(replace(output, readout=options.readout or output.readout))
    return Source(path, name or path.stem, digest(text), Lowered(network), options.precision or "float64")
