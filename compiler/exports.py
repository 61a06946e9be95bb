"""Networks in other tools' formats; today NIR."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compiler import artifact
from compiler.certificates import checker
from compiler.diagnostics import DiagnosticError, Place, declare, fail
from compiler.files import check_writable
from compiler.settings import Settings

E193 = declare("E193", "a network cannot be exported as asked")

SUFFIX = ".nir"


@dataclass(frozen=True)
class Exported:
    """What was written. not_carried: what the format has no words for. remarks: what its readers should know."""

    level: str
    written: list[Path]
    nodes: dict[str, str]
    not_carried: tuple[str, ...]
    remarks: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {"level": self.level, "written": [str(path) for path in self.written], "nodes": self.nodes,
                "not_carried": list(self.not_carried), "remarks": list(self.remarks)}


def export(spec: str, path: Path, level: str | None, settings: Settings, side: bool = True) -> Exported:
    """Write a source or an artifact as a NIR graph, and its side file unless told not to.

    level: of a source, `model` (default) or `fixed`; artifacts are fixed.
    Errors: E190 for what NIR has no node for, E193, E154, those of `artifact.read` and of a compile.
    """
    # HDF5 is slow to import, and other commands do not need it.
    from compiler.nir import exporting

    if path.suffix != SUFFIX:
        raise fail(E193, "no format is known for this ending", Place(file=str(path)),
                   found=path.suffix or "no ending", expected=SUFFIX)
    check_writable(path)
    made = _made(spec, level, settings)
    nodes = {name: type(node).__name__ for name, node in made.graph.nodes.items()}
    return Exported(made.side.level, exporting.write(made, path, side), nodes, made.side.not_carried,
                    made.remarks)


def _made(spec: str, level: str | None, settings: Settings):
    from compiler.nir import exporting
    from compiler.pipeline import quantized

    if artifact.is_artifact(Path(spec)):
        opened = artifact.read(Path(spec))
        findings = checker.check(opened.network, opened.certificate)
        if findings:
            raise DiagnosticError(findings)
        if level == "model":
            raise fail(E193, "an artifact holds integers only", Place(file=spec), found="--level model",
                       expected="--level fixed", hint="export the source instead")
        return exporting.export_network(opened.network)
    source = settings.load(spec)
    if level == "fixed":
        return exporting.export_network(quantized(source, settings.options(source)))
    return exporting.export_source(source, settings.options(source))
