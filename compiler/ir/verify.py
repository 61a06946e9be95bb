"""The verifier: every rule of a network's level, every finding at once.

The rules stand in `rules/`, one small function each with its error code beside it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from compiler.diagnostics import Diagnostic, DiagnosticError, Place
from compiler.ir.network import Network, Tensor
from compiler.ir.parse import parse_with_places
from compiler.ir.rules.base import Rule, Subject, all_rules, subjects
from compiler.ir.rules.ends import ends_exist, without_loose_ends


def verify(network: Network, places: Mapping[str, Place] | None = None) -> list[Diagnostic]:
    """Everything that is wrong with a network, in the order of its parts; empty for a valid one.

    places: where parts stand in a text, by label (`parse_with_places`); the diagnostics then point there.
    Subjects on which something failed, and what is built on them, are left out of the later stages.
    """
    findings = list(ends_exist(network))
    whole = without_loose_ends(network)
    everything = list(subjects(whole))
    broken: set[str] = {item.place.path for item in findings}
    for stage in sorted({item.stage for item in _rules()}):
        for subject in everything:
            if subject.label in broken or broken & subject.needs:
                broken.add(subject.label)
                continue
            found = list(_findings(whole, subject, stage))
            findings += found
            broken |= {subject.label} if found else set()
    return [_located(item, places or {}) for item in findings]


def check(network: Network, places: Mapping[str, Place] | None = None) -> None:
    """Raise DiagnosticError with everything that is wrong with a network."""
    findings = verify(network, places)
    if findings:
        raise DiagnosticError(findings)


def load(text: str | bytes, tensors: Mapping[str, np.ndarray | Tensor], file: str = "") -> Network:
    """The network of a text that anybody may have written: parsed, verified, with diagnostics that point into it."""
    network, places = parse_with_places(text, tensors, file)
    check(network, places)
    return network


@functools.cache
def _rules() -> tuple[Rule, ...]:
    return tuple(all_rules())


def _findings(network: Network, subject: Subject, stage: int) -> Iterator[Diagnostic]:
    for item in _rules():
        if item.stage == stage and subject.kind in item.kinds and network.level in item.levels:
            yield from item.check(network, subject.item)


def _located(item: Diagnostic, places: Mapping[str, Place]) -> Diagnostic:
    known = places.get(item.place.path.split(",")[0])
    if known is None or item.place.file:
        return item
    return replace(item, place=replace(known, path=item.place.path))
