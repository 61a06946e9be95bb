"""`sparkc compare`: what the bits cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from compiler.commands import _options, _output
from compiler.settings import WEIGHT_BITS, Settings

if TYPE_CHECKING:
    from compiler.comparison.comparison import Comparison, Row


def _widths(context: click.Context, parameter: click.Parameter, value: str | None) -> list[int]:
    """`8,6,4` as integers."""
    number = click.IntRange(*WEIGHT_BITS)
    return [number(word, parameter, context) for word in value.split(",")] if value else []


@click.command("compare")
@click.argument("source")
@click.option("--data", type=click.Path(), metavar="FILE.npz", help="Samples: input, and label for accuracy (those of "
              "the source, else those it is calibrated with, else a random stimulus).")
@click.option("--weights", callback=_widths, metavar="N,N,…", help="Bits of weights, one row for each (8).")
@click.option("--targets", metavar="NAME,…", help="Target families, one row for each (jax_fixed).")
@click.option("--folds", type=click.IntRange(2), metavar="N", help="Calibrate on the inputs of all samples but every "
              "N-th, compare on those, N times.")
@click.option("--explain", type=click.IntRange(0), metavar="N",
              help="Samples on which errors and blame are measured (200); 0: leave them out.")
@click.option("--report", type=click.Path(), metavar="FILE.html", help="Write a page about the first row to FILE.html.")
@_options.without({"weights", "target"})
@_output.json_option
def command(
    source: str, data: str | None, weights: list[int], targets: str | None, folds: int | None, explain: int | None,
    report: str | None,
    settings: Settings, json_file: str | None,
) -> None:
    """Compare SOURCE in floating point with what it compiles to, on samples: --data, else those of the source.

    Prints accuracy (of labelled samples) with its exact 95 % interval, agreement with the float model, the spike-count
    error of every population, and where the spikes first differ; then, for every row, errors of states and decisions,
    and blame: what weights, decays, thresholds, state width, tables, delays and order cost, each alone quantized and
    each alone put back.

    \b
    Example:
      sparkc compare examples/digits.py --weights 4
    """
    from compiler.comparison.comparison import EXPLAINED, compare_source
    from compiler.files import check_writable
    from compiler.page.render import write_page
    from compiler.progress import Progress

    if report is not None:
        check_writable(Path(report))

    with Progress() as progress:
        progress("load", 0.0)
        loaded = settings.load(source)
        found = compare_source(loaded, settings, Path(data) if data else None, weights,
                               targets.split(",") if targets else (), progress, folds or 0,
                               EXPLAINED if explain is None else explain)
        if report is not None:
            progress("report", 0.99)
            write_page(found, Path(report))
    _print(found)
    _output.write_json(json_file, found.as_json())


def _print(found: Comparison) -> None:
    from compiler.explain.text import lines

    header = ["target", "weights", "states", "accuracy [95 %]", "agreement", "spike-count error", "first divergence"]
    reference = ["float", "-", "-", str(found.reference or "no labels"), "-", "-", "-"]
    _output.table([reference, *(_cells(row) for row in found.rows)], header)
    click.echo(f"{found.rows[0].agreement.n} decisions on {found.origin}, read-out {found.readout}; "
               "divergence: earliest step of any sample")
    for row in found.rows:
        if row.explanation is not None:
            click.echo(f"\n{row.target}, {row.weights}-bit weights, {row.state}-bit states")
            click.echo("\n".join(f"  {line}".rstrip() for line in lines(row.explanation)))


def _cells(row: Row) -> list[str]:
    errors = " ".join(f"{name} {100 * error:.2g} %" for name, error in row.spike_count_error.items())
    first = row.first_divergence
    where = "none"
    if first is not None:
        margin = "" if first.margin is None else f", margin {first.margin:.2g}"
        where = f"sample {first.sample}, step {first.step}, {first.population}[{first.neuron}]{margin}"
    agreed = f"{100 * row.agreement.value:.2f} %"
    return [row.target, str(row.weights), str(row.state), str(row.accuracy or "-"), agreed, errors, where]
