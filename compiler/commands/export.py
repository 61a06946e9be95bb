"""`sparkc export`: networks for other tools."""

from __future__ import annotations

from pathlib import Path

import click

from compiler.commands import _options, _output
from compiler.settings import Settings

LEVELS = ("model", "fixed")


@click.command("export")
@click.argument("source", metavar="SOURCE|ARTIFACT")
@click.argument("file", type=click.Path(), metavar="FILE.nir")
@click.option("--level", type=click.Choice(LEVELS), help="Of a source: as it stands (model), or quantized (fixed). An "
              "artifact is fixed.")
@click.option("--plain", is_flag=True, help="Only the NIR graph, no side file.")
@_options.compile_options
@_output.json_option
def command(
    source: str, file: str, level: str | None, plain: bool, settings: Settings, json_file: str | None
) -> None:
    """Write SOURCE or an artifact as a NIR graph that other frameworks read, and FILE.nir.json beside it.

    The side file holds what NIR has no words for: time step, resets, delays in steps, number formats and scales. sparkc
    reads both together and loses nothing; what the graph alone cannot say is printed.

    \b
    Example:
      sparkc export examples/digits.py build/digits.nir
    """
    from compiler import exports
    from compiler.progress import Progress

    with Progress() as progress:
        progress("load", 0.0)
        done = exports.export(source, Path(file), level, settings, not plain)
    for loss in done.not_carried:
        click.echo(f"plain NIR does not carry {loss}")
    for remark in done.remarks:
        click.echo(remark)
    for path in done.written:
        click.echo(f"wrote {path}")
    _output.write_json(json_file, done.as_json())
