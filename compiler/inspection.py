"""What `inspect` and `check` look at: a network at one level, its report, and where it fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from compiler import artifact, chips, discovery
from compiler.certificates import checker
from compiler.diagnostics import Diagnostic, DiagnosticError, Place, declare, fail
from compiler.ir.print import print_network
from compiler.pipeline import Progress, compile_source, lowered, quantized
from compiler.settings import Settings, chip_for, chips_of

E186 = declare("E186", "an artifact holds the mapped level only")


@dataclass(frozen=True)
class View:
    """A network as text, and the report of its compile where there was one."""

    level: str
    text: str
    report: dict[str, Any]


def look(spec: str, level: str | None, settings: Settings, progress: Progress) -> View:
    """Look at an artifact, or at a source compiled as far as the level needs, without the checks of a compile.

    Errors: E186, those of `artifact.read` and of a compile.
    """
    if artifact.is_artifact(Path(spec)):
        opened = artifact.read(Path(spec))
        if level not in (None, opened.network.level):
            raise fail(E186, f"an artifact holds the {opened.network.level} level only", Place(file=spec),
                       found=f"--level {level}", expected=opened.network.level, hint="inspect the source instead")
        findings = checker.check(opened.network, opened.certificate)
        if findings:
            raise DiagnosticError(findings)
        return View(opened.network.level, print_network(opened.network), opened.report)
    source = settings.load(spec)
    if level == "model":
        return View("model", print_network(lowered(source, settings.options(source))), {})
    compilation = compile_source(source, settings.options(source), settings.target, progress, checked=False)
    network = compilation.fixed if level == "fixed" else compilation.mapped
    return View(network.level, print_network(network), compilation.report)


@dataclass(frozen=True)
class Fit:
    """Whether a network fits a chip of a target: every violation at once."""

    target: str
    chip: str
    violations: list[Diagnostic]


def fits(
    spec: str, settings: Settings, targets: Sequence[str], chip_names: Sequence[str], progress: Progress
) -> list[Fit]:
    """Check a source against every chip named, else against every chip of every target named, else against all.

    Targets without chips are checked once. Errors: E173, E174, E430, those of a compile up to the fixed level.
    """
    source = settings.load(spec)
    places = _places(targets, chip_names)
    found = []
    for index, (target, chip) in enumerate(places):
        progress(f"check {target} {chip}", index / len(places))
        chosen = replace(settings, chip=chip, target=target)
        try:
            options = chosen.options(source)
            network = quantized(source, options)
            violations = discovery.targets()[target].check(network, options.chip)
        except DiagnosticError as error:
            if any(not item.code.startswith(("E3", "E4")) for item in error.diagnostics):
                raise
            violations = error.diagnostics
        found.append(Fit(target, chip, list(violations)))
    return found


def _places(targets: Sequence[str], chip_names: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of target and chip to check. Errors: E173, E174, E430."""
    families = {name: chips.load(name).family for name in chip_names}
    chosen = targets or sorted(set(families.values())) or discovery.targets()
    places = []
    for target in chosen:
        own = chips_of(target)
        named = [name for name in own if not chip_names or name in chip_names]
        places += [(target, name) for name in named] if own else [(target, chip_for(target, "none"))]
    for name in families.keys() - {chip for _, chip in places}:
        chip_for(next(iter(chosen)), name)
    return places
