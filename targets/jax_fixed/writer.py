"""Lines of Python with indentation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class Writer:
    """Collects lines; `with writer.block("def f():")` indents what is written inside."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._depth = 0

    def line(self, text: str = "", comment: str = "") -> None:
        """One line; the comment goes behind it, at a fixed column where the text leaves room."""
        padded = "    " * self._depth + text if text else ""
        self._lines.append(f"{padded:<55}  # {comment}" if comment else padded)

    def lines(self, texts: list[str]) -> None:
        for text in texts:
            self.line(text)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        self.line(head)
        self._depth += 1
        yield
        self._depth -= 1

    def documented(self, texts: list[str]) -> None:
        """A docstring of one or more lines."""
        if len(texts) == 1:
            self.line(f'"""{texts[0]}"""')
            return
        self.line(f'"""{texts[0]}')
        for text in [*texts[1:], '"""']:
            self.line(text)

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"
