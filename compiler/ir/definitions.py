"""What a network's text defines, and where in it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from lark import Token

from compiler.diagnostics import Place
from compiler.formats import Type

LONGEST_EXCERPT = 200


@dataclass(frozen=True)
class Source:
    """The text and its file name, to tell where a token stands."""

    text: str
    file: str = ""

    @functools.cached_property
    def lines(self) -> list[str]:
        return self.text.split("\n")

    def place(self, token: Token, path: str = "") -> Place:
        return self.at(token.line or 0, token.column or 0, path)

    def at(self, line: int, column: int, path: str = "") -> Place:
        """A place with its line as excerpt, made printable: the text may be anybody's."""
        shown = 0 < line <= len(self.lines) and column <= LONGEST_EXCERPT
        excerpt = self.lines[line - 1][:LONGEST_EXCERPT] if shown else ""
        return Place(self.file, line, column, "".join(c if c.isprintable() else " " for c in excerpt), path)


@dataclass(frozen=True)
class Header:
    version: int
    level: str
    dt: float
    chip: str
    seed: int
    token: Token


@dataclass(frozen=True)
class TensorLine:
    """What the text says about a tensor; its data stands elsewhere."""

    type: Type
    shape: tuple[int, ...]
    hash: str


@dataclass(frozen=True)
class Definition:
    """A named thing of the text and the token of its name, with its sigil."""

    kind: str
    token: Token
    value: Any

    @property
    def name(self) -> str:
        return str(self.token)[1:]

    @property
    def label(self) -> str:
        return f"{self.kind} {self.token}"
