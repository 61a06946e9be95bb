"""`sparkc compile`: the main job."""

from __future__ import annotations

from pathlib import Path

import click

from compiler.commands import _options, _output
from compiler.settings import Settings


@click.command("compile")
@click.argument("source")
@click.option("-o", "--output", type=click.Path(), metavar="DIR", help="Folder of the artifact (build/NAME).")
@click.option("--dump-after", multiple=True, metavar="PASS", help="Print the network after a pass; repeatable.")
@click.option("--check", is_flag=True, help="Run the network before and after every pass and compare.")
@_options.compile_options
@_output.json_option
def command(
    source: str, output: str | None, dump_after: tuple[str, ...], check: bool, settings: Settings, json_file: str | None
) -> None:
    """Compile SOURCE (file.py[:name]) to a checked artifact: a fixed-point JAX program and the tables of every core.

    Every stage is compared with the one before it, bit for bit where both are integers; where two differ nothing is
    written.

    \b
    Example:
      sparkc compile examples/digits.py -o build/digits
    """
    from compiler import artifact, summary
    from compiler.pipeline import compile_source
    from compiler.progress import Progress
    from compiler.verbs import require_equal

    folder = Path(output) if output else Path("build") / Path(source.partition(":")[0]).stem
    artifact.check_destination(folder)
    with Progress() as progress:
        progress("load", 0.0)
        loaded = settings.load(source)
        compilation = compile_source(loaded, settings.options(loaded), settings.target, progress,
                                     dump_after, _print_network, check)
    click.echo("\n".join(summary.lines(compilation.report)))
    _output.warn(compilation.warnings)
    _output.write_json(json_file, compilation.report | {"seconds": compilation.seconds, "artifact": str(folder)})
    require_equal(compilation.verdicts)
    artifact.write(compilation, folder)
    click.echo(f"wrote {folder}  ({sum(compilation.seconds.values()):.1f} s)")


def _print_network(name: str, text: str) -> None:
    click.echo(f"// after {name}\n{text}")
