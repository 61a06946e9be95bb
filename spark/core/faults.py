"""Faults of a configuration: collected first, raised together."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a configuration: where, what stands there, what is allowed, what to do."""

    path: str
    value: Any
    bound: str
    hint: str = ""

    def __str__(self) -> str:
        text = f"{self.path or '(whole)'} = {brief(self.value)}: must be {self.bound}"
        return f"{text}; {self.hint}" if self.hint else text


class ConfigError(ValueError):
    """All faults of one configuration (or of one wiring) at once.

    Attributes: `subject`, the name of what was being made, and `faults`, a list of `Fault`.
    """

    def __init__(self, subject: str, faults: Iterable[Fault]) -> None:
        self.subject = subject
        self.faults = list(faults)
        count = len(self.faults)
        lines = "".join(f"\n  {fault}" for fault in self.faults)
        super().__init__(f"{subject}: {count} fault{'s' if count != 1 else ''}{lines}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.subject, self.faults)


def brief(value: Any, width: int = 60) -> str:
    """A one-line rendering of a value, for messages."""
    text = " ".join(repr(value).split())
    return text if len(text) <= width else text[: width - 1] + "…"


def closest(word: str, known: Iterable[str]) -> str:
    """The hint of an unknown name: the nearest known one, else all of them."""
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"known: {', '.join(names)}" if names else "nothing can be set here"


def joined(*parts: str) -> str:
    """A dotted path without empty parts."""
    return ".".join(part for part in parts if part)
