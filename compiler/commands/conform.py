"""`sparkc conform`: recorded traces of a chip, on every engine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from compiler.commands import _output

if TYPE_CHECKING:
    from compiler.checking.conformance import Outcome


@click.command("conform")
@click.argument("target")
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_output.json_option
@click.pass_context
def command(context: click.Context, target: str, folder: Path, json_file: str | None) -> None:
    """Run every recorded case in DIR (.npz) of a chip of TARGET or its emulator, and compare every value.

    Each case runs on the golden model, the generated program and the core emulator. No limit of a chip is enforced.
    Exit status 1 unless all are equal.

    \b
    Example:
      sparkc conform loihi tests/data/loihi
    """
    from compiler.checking.conformance import conform
    from compiler.progress import Progress

    with Progress() as progress:
        progress("read", 0.0)
        found = list(conform(target, folder, progress))
    _output.table([_cells(item) for item in found], ["case", "engine", "values", "equal", "first difference"])
    equal = sum(item.equal for item in found)
    click.echo(f"{equal} of {len(found)} runs equal, {_output.thousands(sum(item.values for item in found))} values")
    _output.write_json(json_file, {"cases": [item.as_json() for item in found], "all_equal": equal == len(found)})
    if equal < len(found):
        context.exit(1)


def _cells(item: Outcome) -> list[str]:
    return [item.id, item.engine, str(item.values), "yes" if item.equal else "no", _place(item)]


def _place(item: Outcome) -> str:
    first = item.first_difference
    if first is None:
        return ""
    where = ", ".join(f"{key} {first[key]}" for key in ("step", "post", "pre", "unit") if key in first)
    return " ".join(filter(None, [first["value"], where, f"expected {first['expected']}, found {first['found']}"]))
