"""`sparkc check`: does it fit?"""

from __future__ import annotations

import click

from compiler.commands import _options, _output
from compiler.settings import Settings


@click.command("check")
@click.argument("source")
@click.option("--target", "targets", multiple=True, metavar="NAME", help="Only this target; repeatable.")
@click.option("--chip", "chips", multiple=True, metavar="NAME", help="Only this chip; repeatable.")
@_options.without({"target", "chip"})
@_output.json_option
@click.pass_context
def command(
    context: click.Context, source: str, targets: tuple[str, ...], chips: tuple[str, ...], settings: Settings,
    json_file: str | None,
) -> None:
    """Tell whether SOURCE fits, on every target and chip: all violations at once, each naming population and limit.

    Exit status 1 where a chip or target that was named is violated, or where it fits nowhere.

    \b
    Example:
      sparkc check examples/digits.py
    """
    from compiler.inspection import fits
    from compiler.progress import Progress

    with Progress() as progress:
        progress("load", 0.0)
        found = fits(source, settings, targets, chips, progress)
    _output.table([[item.target, item.chip, _verdict(item.violations)] for item in found], ["target", "chip", "fits"])
    for item in found:
        for violation in item.violations:
            click.echo(f"\n{item.target} {item.chip}: {violation}")
    _output.write_json(json_file, {"fits": [
        {"target": item.target, "chip": item.chip, "fits": not item.violations,
         "violations": [violation.as_json() for violation in item.violations]} for item in found]})
    violated = [item for item in found if item.violations]
    if violated and (targets or chips or len(violated) == len(found)):
        context.exit(1)


def _verdict(violations: list) -> str:
    if not violations:
        return "yes"
    return f"no, {len(violations)} violation{'s' if len(violations) > 1 else ''}"
