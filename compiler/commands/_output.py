"""How commands print: tables, warnings, JSON for machines."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from compiler.diagnostics import Diagnostic, DiagnosticError


def _checked(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """Find out before the work that the file cannot be written. Errors: E154."""
    if value is not None and value != "-":
        from compiler.files import check_writable

        check_writable(Path(value))
    return value


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--json FILE`, passed on as `json_file`; where a command ends with diagnostics, they are what is written."""

    @functools.wraps(function)
    def command(*arguments: Any, json_file: str | None, **given: Any) -> Any:
        try:
            return function(*arguments, json_file=json_file, **given)
        except DiagnosticError as error:
            write_json(json_file, {"diagnostics": [item.as_json() for item in error.diagnostics]})
            raise

    option = click.option("--json", "json_file", metavar="FILE", callback=_checked,
                          help="Write the result as JSON to FILE (-: standard output).")
    return option(command)


def write_json(json_file: str | None, value: Any) -> None:
    """Write a result for machines, complete or not at all. Errors: E154."""
    if json_file is None:
        return
    text = json.dumps(_plain(value), indent=1, sort_keys=True, allow_nan=False) + "\n"
    if json_file == "-":
        click.echo(text, nl=False)
        return
    from compiler.files import replacing

    with replacing(Path(json_file)) as temporary:
        temporary.write_text(text)


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinity; they become null. NumPy scalars become numbers."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def table(rows: Iterable[Sequence[object]], header: Sequence[str] = (), indent: str = "") -> None:
    """Print rows in columns; the last column is never padded."""
    lines = [[str(cell) for cell in row] for row in ([header] if header else [])] + [[str(c) for c in r] for r in rows]
    if not lines:
        return
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]) - 1)]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=False)]
        click.echo((indent + "  ".join([*cells, line[-1]])).rstrip())


def warn(warnings: Iterable[Diagnostic]) -> None:
    """Print warnings to standard error."""
    for item in warnings:
        click.echo(str(item), err=True)


def thousands(number: int) -> str:
    """1234567 as `1 234 567`."""
    return f"{number:,}".replace(",", " ")
