"""The whole page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compiler import __version__
from compiler.comparison.accuracy import Proportion
from compiler.comparison.samples import samples
from compiler.explain.explanation import Explanation, explain
from compiler.files import replacing
from compiler.page import blamed, sections, tables
from compiler.page.cores import cores
from compiler.page.markup import Markup, empty, tag
from compiler.page.summary import summary

if TYPE_CHECKING:
    from compiler.pipeline import Compilation

SAMPLES = 64
"""Samples that the page of a compile is measured on."""


def of_compile(compilation: Compilation) -> bytes:
    """The page of a compile: measured on some of the source's data, else on what it was calibrated with."""
    given, _ = samples(compilation.source, compilation.model, compilation.options)
    found = explain(compilation, given.inputs, given.label, blamed=False, most=SAMPLES)
    return _page(compilation, found, found.accuracy if found else None, [])


def of_comparison(found: Any) -> bytes:
    """The page of `sparkc compare`: every row, then everything about the first."""
    first = found.rows[0]
    accuracy = (found.reference, first.accuracy) if found.reference and first.accuracy else None
    rows = [tables.comparison(found)]
    rows += [
        blamed.blame(row.explanation.blame, f"What is to blame: {row.target}, {row.weights}-bit weights")
        for row in found.rows
        if row.explanation and row.explanation.blame
    ]
    return _page(first.compilation, first.explanation, accuracy, rows)


def write_page(found: Any, path: Path) -> None:
    """Write the page of a comparison, complete or not at all. Errors: E154."""
    with replacing(path) as temporary:
        temporary.write_bytes(of_comparison(found))


def _page(
    compilation: Compilation,
    found: Explanation | None,
    accuracy: tuple[Proportion, Proportion] | None,
    more: list[Markup],
) -> bytes:
    report, certificate = compilation.report, json.loads(compilation.files["certificate.json"])
    name = f"{compilation.source.path.name}:{compilation.source.name}".rstrip(":")
    body = [
        summary(compilation, found, accuracy),
        *more,
        *(
            [sections.spikes(compilation, found), sections.errors(found), sections.weights(compilation, found)]
            if found
            else []
        ),
        tables.bits(report),
        tables.formats(report, certificate),
        tables.constants(report),
        tables.family(report),
        cores(compilation),
        tables.checks(report),
    ]
    style = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
    head = tag(
        "head",
        empty("meta", charset="utf-8"),
        empty("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{name} on {report['target']}"),
        tag("style", Markup(style)),
    )
    top = tag("header", tag("h1", name), tag("p", _told(report)))
    foot = tag("footer", tag("p", f"Written by sparkc {__version__}. Nothing on this page comes from anywhere else."))
    page = tag("html", head, tag("body", top, tag("main", *body), foot), lang="en")
    return f"<!DOCTYPE html>\n{page}\n".encode()


def _told(report: dict[str, Any]) -> str:
    calibration = report["calibration"]
    return (
        f"Compiled for {report['target']}, chip {report['chip']}, time step {report['dt']:g} ms, calibrated on "
        f"{calibration['origin']} ({calibration['samples']} samples of {calibration['steps']} steps)."
    )
