"""Diagnostics: what a person is told when something is wrong with their input.

A diagnostic has a code (declared beside the check that raises it), a place, both values and a hint.
Code families: E1xx input, E2xx IR, E3xx numbers, E4xx resources, E5xx artifacts, W… warnings.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

CODES: dict[str, str] = {}


def declare(code: str, meaning: str) -> str:
    """Declare an error code beside the check that raises it; `sparkc list errors` prints the table.

    Raises ValueError when the code is declared twice with different meanings.
    """
    if CODES.setdefault(code, meaning) != meaning:
        raise ValueError(f"{code} is declared twice: {CODES[code]!r} and {meaning!r}")
    return code


@dataclass(frozen=True)
class Place:
    """Where a fault lies: a file with line and column, an object path, or both.

    excerpt: the source line, printed with a caret below `column` (1-based) when given.
    """

    file: str = ""
    line: int = 0
    column: int = 0
    excerpt: str = ""
    path: str = ""

    def __str__(self) -> str:
        where = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        return f"{where} ({self.path})" if where and self.path else where or self.path


@dataclass(frozen=True)
class Diagnostic:
    """One finding. `found` and `expected` are the two values that disagree, `hint` one remedy."""

    code: str
    message: str
    place: Place = Place()
    found: str = ""
    expected: str = ""
    hint: str = ""

    @property
    def severity(self) -> str:
        return "warning" if self.code.startswith("W") else "error"

    def __str__(self) -> str:
        lines = [f"{self.severity}[{self.code}]: {self.message}"]
        if str(self.place):
            lines.append(f"  --> {self.place}")
        if self.place.excerpt:
            lines.append(f"   |  {self.place.excerpt.rstrip()}")
            if self.place.column:
                lines.append(f"   |  {' ' * (self.place.column - 1)}^")
        if self.found:
            lines.append(f"  found:    {self.found}")
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)

    def as_json(self) -> dict[str, str]:
        fields = {"code": self.code, "message": self.message, "place": str(self.place)}
        return fields | {"found": self.found, "expected": self.expected, "hint": self.hint}


class DiagnosticError(Exception):
    """Raised with every finding of a stage at once; the command line prints them and exits with 1."""

    def __init__(self, diagnostics: Diagnostic | Iterable[Diagnostic]):
        found = [diagnostics] if isinstance(diagnostics, Diagnostic) else list(diagnostics)
        self.diagnostics: list[Diagnostic] = found
        super().__init__("\n".join(str(item) for item in found))


def fail(code: str, message: str, place: Place | str = "", **rest: str) -> DiagnosticError:
    """A one-finding error, to be raised: `raise fail(E101, "…", path, found=…, expected=…, hint=…)`."""
    where = Place(path=place) if isinstance(place, str) else place
    return DiagnosticError(Diagnostic(code, message, where, **rest))
