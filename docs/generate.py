"""Fills the generated lists of the documentation: `python docs/generate.py` rewrites what stands between the marks.

A list stands between `<!-- generated: NAME -->` and `<!-- end -->`; NAME is a key of LISTS. A test runs `stale`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path

import click

from compiler import catalogue, cli
from compiler.chips import LIMITS
from compiler.ir.connections import base as connections
from compiler.ir.ops import OPS

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "docs"))

import spark_pages  # noqa: E402

BLOCK = re.compile(r"(<!-- generated: (?P<name>[a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; bars inside cells are escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def _entries(kind: str) -> str:
    found = catalogue.KINDS[kind]()
    columns = list(found[0].details) if found else []
    rows = [[f"`{item.name}`", *item.details.values(), item.summary, f"`{item.file}`"] for item in found]
    return table(["name", *columns, "what it is", "file"], rows)


def _errors() -> str:
    return table(["code", "meaning"], [[f"`{item.name}`", item.summary] for item in catalogue.errors()])


def _operations() -> str:
    rows = [[f"`{name}`", str(op.arity), op.meaning, op.result, "model, fixed" if op.fixed else "model"]
            for name, op in OPS.items()]
    return table(["op", "operands", "result", "kind", "levels"], rows)


def _connections() -> str:
    rows = []
    for keyword, kind in sorted(connections.find().items()):
        own = ", ".join(item.name for item in fields(kind))
        rows.append([f"`{keyword}`", " ".join((kind.__doc__ or "").split()), own or "none"])
    return table(["keyword", "meaning", "fields"], rows)


def _limits() -> str:
    rows = [[f"`{meta['section']}`", f"`{name}`", meta["meaning"], "needed" if meta["default"] is None else
             f"`{meta['default']}` if absent"] for name, meta in LIMITS.items()]
    return table(["section", "key", "meaning", ""], rows)


def _help() -> str:
    """Every command with its text, example and options."""
    context = click.Context(cli.sparkc, info_name="sparkc")
    names = cli.sparkc.list_commands(context)
    return "\n".join(_command(name, cli.sparkc.get_command(context, name)) for name in names)


def _command(name: str, command: click.Command | None) -> str:
    assert command is not None and command.help
    text, _, example = command.help.replace("\b", "").partition("Example:")
    arguments = " ".join(item.make_metavar(click.Context(command)) for item in command.params
                         if isinstance(item, click.Argument))
    paragraphs = "\n\n".join(" ".join(part.split()) for part in text.split("\n\n") if part.strip())
    options = table(["option", "meaning"], [_option(item) for item in command.params if isinstance(item, click.Option)])
    return f"### `sparkc {name} {arguments}`\n\n{paragraphs}\n\n```sh\n{example.strip()}\n```\n\n{options}"


def _option(item: click.Option) -> list[str]:
    choices = " ".join(item.type.choices) if isinstance(item.type, click.Choice) else ""
    words = [*item.opts, item.metavar or choices]
    return [f"`{' '.join(word for word in words if word)}`", (item.help or "") + _bounds(item.type)]


def _bounds(kind: click.ParamType) -> str:
    if not isinstance(kind, click.IntRange):
        return ""
    return f" {kind.min}..{kind.max}." if kind.max is not None else f" At least {kind.min}."


LISTS: dict[str, Callable[[], str]] = {
    "neurons": lambda: _entries("neurons"),
    "passes": lambda: _entries("passes"),
    "targets": lambda: _entries("targets"),
    "chips": lambda: _entries("chips"),
    "errors": _errors,
    "operations": _operations,
    "connections": _connections,
    "chip limits": _limits,
    "help": _help,
    "spark gallery": spark_pages.gallery_text,
    **{family: partial(spark_pages.page, family) for family in spark_pages.families()},
}


def filled(text: str) -> str:
    """A page with every generated list as it should be. Raises KeyError for a list that does not exist."""
    return BLOCK.sub(lambda match: match[1] + LISTS[match["name"]]() + match[3], text)


def pages() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def stale() -> list[Path]:
    """Pages whose generated lists are not what they should be."""
    return [path for path in pages() if (text := path.read_text(encoding="utf-8")) != filled(text)]


def main() -> None:
    for path in stale():
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"rewrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
