"""`sparkc inspect`: what a source or an artifact is."""

from __future__ import annotations

import click

from compiler.commands import _options, _output
from compiler.settings import Settings

LEVELS = ("model", "fixed", "mapped")


@click.command("inspect")
@click.argument("source", metavar="SOURCE|ARTIFACT")
@click.option("--level", type=click.Choice(LEVELS), help="Print the network as text at this level, and nothing else.")
@_options.compile_options
@_output.json_option
def command(source: str, level: str | None, settings: Settings, json_file: str | None) -> None:
    """Print formats, proved ranges and resources of a source or an artifact; with --level the network itself.

    The text of a level is what `sparkc` reads back as `.snn`.

    \b
    Example:
      sparkc inspect examples/digits.py --level model
    """
    from compiler import inspection, summary
    from compiler.progress import Progress

    with Progress() as progress:
        seen = inspection.look(source, level, settings, progress)
    click.echo(seen.text if level else "\n".join(summary.lines(seen.report)), nl=not level)
    _output.write_json(json_file, {"level": seen.level, "network": seen.text, "report": seen.report})
