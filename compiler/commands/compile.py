"""`sparkc compile`: the main job."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from compiler.commands import _options, _output
from compiler.settings import Settings

if TYPE_CHECKING:
    from compiler.mixed_precision.budget import Budget


@click.command("compile")
@click.argument("source")
@click.option("-o", "--output", type=click.Path(), metavar="DIR", help="Folder of the artifact (build/NAME).")
@click.option("--dump-after", multiple=True, metavar="PASS", help="Print the network after a pass; repeatable.")
@click.option("--check", is_flag=True, help="Run the network before and after every pass and compare.")
@click.option("--accuracy-loss", type=click.FloatRange(0), metavar="POINTS",
              help="Choose the fewest bits of weights and states that lose no more accuracy than this.")
@click.option("--memory", metavar="SIZE", help="Choose bits so that weights and states take no more: 64KiB.")
@click.option("--data", type=click.Path(), metavar="FILE.npz", help="Samples that bits are chosen on: input and label.")
@_options.compile_options
@_output.json_option
def command(
    source: str, output: str | None, dump_after: tuple[str, ...], check: bool, accuracy_loss: float | None,
    memory: str | None, data: str | None, settings: Settings, json_file: str | None,
) -> None:
    """Compile SOURCE (file.py[:name]) to a checked artifact: a fixed-point JAX program and the tables of every core.

    Every stage is compared with the one before it, bit for bit where both are integers; where two differ nothing is
    written. With --accuracy-loss or --memory, bits are chosen for each projection and each population that --bits does
    not name; --weights is the most that weights get, --states given keeps all states as it says. What was tried is
    printed, compiled and measured with the rounding that is asked for.

    \b
    Example:
      sparkc compile examples/digits.py -o build/digits
    """
    from compiler.mixed_precision.amounts import parse_memory
    from compiler.mixed_precision.budget import Budget

    try:
        bits = None if memory is None else parse_memory(memory)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--memory") from error
    if data is not None and accuracy_loss is None and memory is None:
        raise click.UsageError("--data goes with --accuracy-loss or --memory")
    samples = Path(data) if data else None
    budget = None if accuracy_loss is None and bits is None else Budget(accuracy_loss, bits, samples)
    _compile(source, Path(output) if output else None, dump_after, check, budget, settings, json_file)


def _compile(
    source: str, output: Path | None, dump_after: tuple[str, ...], check: bool, budget: Budget | None,
    settings: Settings, json_file: str | None,
) -> None:
    from compiler import artifact, summary
    from compiler.mixed_precision import lines
    from compiler.mixed_precision.budget import within_budget
    from compiler.progress import Progress
    from compiler.verbs import require_equal

    folder = output or Path("build") / Path(source.partition(":")[0]).stem
    artifact.check_destination(folder)
    with Progress() as progress:
        progress("load", 0.0)
        loaded = settings.load(source)
        compilation, found = within_budget(loaded, settings, budget, progress, dump_after=dump_after,
                                           dump=_print_network, check_passes=check)
    if found is not None:
        click.echo("\n".join([*lines(found), ""]))
    click.echo("\n".join(summary.lines(compilation.report)))
    _output.warn(compilation.warnings)
    _output.write_json(json_file, compilation.report | {"seconds": compilation.seconds, "artifact": str(folder)})
    require_equal(compilation.verdicts)
    artifact.write(compilation, folder)
    click.echo(f"wrote {folder}  ({sum(compilation.seconds.values()):.1f} s)")


def _print_network(name: str, text: str) -> None:
    click.echo(f"// after {name}\n{text}")
