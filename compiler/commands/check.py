"""`sparkc check`: does it fit?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from compiler.commands import _options, _output
from compiler.settings import Settings


@click.command("check")
@click.argument("source", required=False)
@click.option("--certificate", type=click.Path(), metavar="PATH",
              help="Check the certificate of an artifact, or a certificate file, again; SOURCE is then the artifact "
              "with its network, where that lies elsewhere.")
@click.option("--target", "targets", multiple=True, metavar="NAME", help="Only this target; repeatable.")
@click.option("--chip", "chips", multiple=True, metavar="NAME", help="Only this chip; repeatable.")
@_options.without({"target", "chip"})
@_output.json_option
@click.pass_context
def command(
    context: click.Context, source: str | None, certificate: str | None, targets: tuple[str, ...],
    chips: tuple[str, ...], settings: Settings, json_file: str | None,
) -> None:
    """Tell whether SOURCE fits, on every target and chip: all violations at once, each naming population and limit.

    Exit status 1 where a chip or target that was named is violated, or where it fits nowhere. With --certificate, what
    the certificate of an artifact proves, every number of it recomputed; exit status 1 where one is not so.

    \b
    Example:
      sparkc check examples/digits.py
    """
    if certificate is not None:
        return _certificate(context, certificate, source, json_file)
    if source is None:
        raise click.UsageError("Missing argument 'SOURCE'.", context)
    from compiler.inspection import fits
    from compiler.progress import Progress

    with Progress() as progress:
        progress("load", 0.0)
        found = fits(source, settings, targets, chips, progress)
    _output.table([[item.target, item.chip, _verdict(item.violations), _first(item.violations)] for item in found],
                  ["target", "chip", "fits", "to change first"])
    for item in found:
        for violation in item.violations:
            click.echo(f"\n{item.target} {item.chip}: {violation}")
    _output.write_json(json_file, {"fits": [
        {"target": item.target, "chip": item.chip, "fits": not item.violations,
         "violations": [violation.as_json() for violation in item.violations]} for item in found]})
    violated = [item for item in found if item.violations]
    if violated and (targets or chips or len(violated) == len(found)):
        context.exit(1)


def _certificate(context: click.Context, certificate: str, artifact: str | None, json_file: str | None) -> None:
    from compiler.certificates.recheck import recheck

    found = recheck(Path(certificate), Path(artifact) if artifact else None)
    _output.table(
        [[f"{item['site']}.{item['state']}", item["format"], item["grade"], f"[{item['low']}, {item['high']}]",
          item["bounded"], item["slack"], *(_witness(item["witness"].get(end)) for end in ("low", "high"))]
         for item in found.states],
        ["state", "format", "grade", "range", "bounded", "bits to spare", "lowest witness", "highest witness"])
    if found.saturations:
        click.echo()
        _output.table([[f"{item['site']}.{item['value']}", f"at its {item['end']} end", _harm(item)]
                       for item in found.saturations], ["may be cut off", "where", "which"])
    if found.functions:
        click.echo()
        _output.table([[f"{item['site']}.{item['result']}", item["opcode"], item["format"],
                        f"{item['bound']} last bits", f"{item['method']}, {item['points']} arguments"]
                       for item in found.functions],
                      ["function", "is", "format", "largest error", "how"])
    click.echo(_sentence(len(found.findings)))
    _output.write_json(json_file, found.as_json())
    if found.findings:
        _output.warn(found.findings)
        context.exit(1)


def _witness(told: dict[str, Any] | None) -> str:
    if told is None:
        return ""
    turns = f" and {told['turns']} turns" if told["turns"] else ""
    return f"{told['value']} after {told['steps']} steps{turns}, {100 * told['reached']:.0f} % of the bound"


def _harm(item: dict[str, Any]) -> str:
    if not item["harmless"]:
        return "changes what is computed"
    return f"changes nothing: {item['compare']} is then {'true' if item['is'] else 'false'} in any case"


def _sentence(faults: int) -> str:
    if faults:
        return f"\nthe certificate does not hold: {faults} of its statements are not so"
    return "\nthe certificate holds: one step leads every interval back into itself, and every number was recomputed"


def _first(violations: list) -> str:
    """Where the first violation is, and what would mend it."""
    if not violations:
        return ""
    return f"{violations[0].place.path or violations[0].place}: {violations[0].hint or violations[0].message}"


def _verdict(violations: list) -> str:
    if not violations:
        return "yes"
    return f"no, {len(violations)} violation{'s' if len(violations) > 1 else ''}"
