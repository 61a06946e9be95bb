"""`sparkc compile`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import click

from compiler.commands import _options, _output
from compiler.settings import Settings


@click.command("compile")
@click.argument("source")
@click.option("-o", "--output", type=click.Path(), metavar="DIR", help="Folder of the artifact (build/NAME).")
@click.option("--dump-after", multiple=True, metavar="PASS", help="Print the network after a pass; repeatable.")
@click.option("--check", is_flag=True, help="Run the network before and after every pass and compare.")
@click.option("--accuracy-loss", type=click.FloatRange(0), metavar="POINTS",
              help="Choose the fewest bits of weights that lose no more accuracy than this.")
@click.option("--memory", metavar="SIZE", help="Choose bits of weights so that weights and states take no more: 64KiB.")
@click.option("--data", type=click.Path(), metavar="FILE.npz", help="Samples that bits are chosen on: input and label.")
@_options.compile_options
@_output.json_option
def command(
    source: str, output: str | None, dump_after: tuple[str, ...], check: bool, accuracy_loss: float | None,
    memory: str | None, data: str | None, settings: Settings, json_file: str | None,
) -> None:
    """Compile SOURCE (file.py[:name]) to a checked artifact: a fixed-point JAX program and the tables of every core.

    Every stage is compared with the one before it, bit for bit where both are integers; where two differ nothing is
    written.

    \b
    Example:
      sparkc compile examples/digits.py -o build/digits
    """
    from compiler.mixed_precision import parse_memory

    try:
        bits = None if memory is None else parse_memory(memory)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--memory") from error
    if data is not None and accuracy_loss is None and memory is None:
        raise click.UsageError("--data goes with --accuracy-loss or --memory")
    budget = None if accuracy_loss is None and bits is None else _Budget(accuracy_loss, bits, data)
    _compile(source, Path(output) if output else None, dump_after, check, budget, settings, json_file)


class _Budget(NamedTuple):
    """What bits are chosen for: points of accuracy, bits of memory, and the samples."""

    loss: float | None
    memory: int | None
    data: str | None


def _compile(
    source: str, output: Path | None, dump_after: tuple[str, ...], check: bool, budget: _Budget | None,
    settings: Settings, json_file: str | None,
) -> None:
    from compiler import artifact, summary
    from compiler.mixed_precision import chosen_options, lines, search
    from compiler.pipeline import compile_source
    from compiler.progress import Progress
    from compiler.verbs import require_equal

    folder = output or Path("build") / Path(source.partition(":")[0]).stem
    artifact.check_destination(folder)
    with Progress() as progress:
        progress("load", 0.0)
        loaded = settings.load(source)
        options, found = settings.options(loaded), None
        if budget is not None:
            found = search(loaded, options, Path(budget.data) if budget.data else None, budget.loss, budget.memory,
                           progress)
            options = chosen_options(options, found.chosen.bits)
        compilation = compile_source(loaded, options, settings.target, progress, dump_after, _print_network, check)
    if found is not None:
        compilation.report["bits"] = found.as_json()
        click.echo("\n".join([*lines(found), ""]))
    click.echo("\n".join(summary.lines(compilation.report)))
    _output.warn(compilation.warnings)
    _output.write_json(json_file, compilation.report | {"seconds": compilation.seconds, "artifact": str(folder)})
    require_equal(compilation.verdicts)
    artifact.write(compilation, folder)
    click.echo(f"wrote {folder}  ({sum(compilation.seconds.values()):.1f} s)")


def _print_network(name: str, text: str) -> None:
    click.echo(f"// after {name}\n{text}")
