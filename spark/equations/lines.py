"""Logical lines: what one statement is, with comments blanked out and every character where it was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from spark.equations.errors import ProblemFound

BLOCK = re.compile(r"[ \t]*reset[ \t]*[:=][ \t]*")
BEGINNING = re.compile(r"[ \t]*(d\w+[ \t]*/[ \t]*dt|\w+[ \t]*\([ \t]*0[ \t]*\)|\w+)[ \t]*(:|=(?!=))")
OPENING, CLOSING = "([", ")]"


@dataclass(frozen=True)
class Line:
    """A statement's text and the offset of its first character in the whole text."""

    start: int
    text: str


def logical_lines(text: str) -> list[Line]:
    """Statements of a text: lines, joined inside brackets and in an indented block below `reset:`.

    Joining replaces a line break by a blank (or, in a block, by a semicolon), so offsets stay those of the text.
    """
    joined = "".join(_joined(_uncommented(text)))
    return [Line(match.start(), match.group()) for match in re.finditer(r"[^\n]+", _blocks(joined))
            if match.group().strip()]


def _uncommented(text: str) -> str:
    def blank(match: re.Match[str]) -> str:
        return match.group() if match.group().startswith('"') else " " * len(match.group())

    return re.sub(r'"[^"\n]*"|#[^\n]*', blank, text)


def _joined(text: str) -> Iterator[str]:
    """The text with line breaks inside brackets as blanks. A line that is a statement of its own ends a bracket that
    was never closed, so that one slip does not swallow the rest."""
    depth = 0
    for line in text.splitlines(keepends=True):
        if depth and BEGINNING.match(line):
            yield "\n"
            depth = 0
        elif depth:
            yield " "
        for character in line:
            depth += (character in OPENING) - (character in CLOSING)
            depth = max(depth, 0)
        yield line.removesuffix("\n")
        if not depth and line.endswith("\n"):
            yield "\n"


def _blocks(text: str) -> str:
    """The text with an indented block below a bare `reset:` on one line."""
    lines = text.split("\n")
    out: list[str] = []
    at = 0
    while at < len(lines):
        block = lines[at]
        indent = _indent(block)
        at += 1
        if BLOCK.fullmatch(block):
            first = True
            while at < len(lines) and (not lines[at].strip() or _indent(lines[at]) > indent):
                separator = " " if first or not lines[at].strip() or block.rstrip().endswith(";") else ";"
                block += separator + lines[at]
                first = first and not lines[at].strip()
                at += 1
        out.append(block)
    return "\n".join(out)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def require_short(text: str, limit: int) -> None:
    """Demand that a text is of a size that a person may have written."""
    if len(text) > limit:
        raise ProblemFound(limit, "the text is too long", found=f"{len(text)} characters", expected=f"at most {limit}")
