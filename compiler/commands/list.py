"""`sparkc list`: what there is."""

from __future__ import annotations

import click

from compiler.commands import _output


@click.command("list")
@click.argument("kind", type=click.Choice(["neurons", "passes", "targets", "chips", "errors"]))
@_output.json_option
def command(kind: str, json_file: str | None) -> None:
    """Print what there is: neurons, passes, targets, chips or error codes.

    \b
    Example:
      sparkc list chips
    """
    from compiler import catalogue

    entries = catalogue.KINDS[kind]()
    _output.table([[item.name, *item.details.values(), item.summary] for item in entries])
    _output.write_json(json_file, {kind: [item.as_json() for item in entries]})
