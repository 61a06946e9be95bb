"""Lines of Python: indentation, blank lines around functions, comments in a column."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

COMMENT_COLUMN = 56


def quoted(name: str) -> str:
    """A name as a Python string."""
    return json.dumps(name, ensure_ascii=False)


def bare(text: str) -> str:
    """Without the parentheses around the whole of it."""
    if not text.startswith("("):
        return text
    depth = 0
    for index, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return text[1:-1] if index == len(text) - 1 else text
    return text


class Writer:
    """Collects lines; `with writer.block("if x:"):` indents what is written inside."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._depth = 0
        self._after_function = False

    def line(self, text: str, comment: str = "") -> None:
        """One line, its comment behind it."""
        if self._after_function and self._depth == 0:
            self._gap(2)
        padded = "    " * self._depth + text
        self._lines.append(f"{padded:<{COMMENT_COLUMN}}# {comment}" if comment else padded)

    def lines(self, texts: Iterable[str]) -> None:
        for text in texts:
            self.line(text)

    def blank(self) -> None:
        """A blank line, but never two inside a function."""
        if self._lines and self._lines[-1]:
            self._lines.append("")

    def heading(self, text: str) -> None:
        """A comment that opens a section."""
        self._gap(2)
        self.line(f"# ---- {text}")
        self._gap(1)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        self.line(head)
        self._depth += 1
        yield
        self._depth -= 1

    @contextmanager
    def function(self, head: str, documentation: list[str]) -> Iterator[None]:
        """`def head:` with its docstring."""
        if self._depth == 0:
            self._gap(2)
        with self.block(f"def {head}:"):
            self._documented(documentation)
            yield
        self._after_function = self._depth == 0

    @contextmanager
    def table(self, head: str) -> Iterator[None]:
        """A dictionary, one entry per line: head is what stands before the brace."""
        with self.block(f"{head}{{"):
            yield
        self.line("}")

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"

    def _gap(self, blank: int) -> None:
        """So many blank lines before what comes next."""
        self._after_function = False
        while self._lines and not self._lines[-1]:
            self._lines.pop()
        if self._lines:
            self._lines += [""] * blank

    def _documented(self, texts: list[str]) -> None:
        if len(texts) == 1:
            self.line(f'"""{texts[0]}"""')
            return
        self.line(f'"""{texts[0]}')
        for text in [*texts[1:], '"""']:
            self._lines.append("") if not text else self.line(text)
