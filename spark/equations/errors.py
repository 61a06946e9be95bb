"""What is wrong with equations, each with its line, column, caret and hint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spark.core.faults import ConfigError, Fault


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a text of equations. `at`: offset into the text."""

    at: int
    message: str
    found: str = ""
    expected: str = ""
    hint: str = ""


@dataclass(frozen=True)
class PlacedProblem:
    """A problem with its line and column (from 1) and the line itself."""

    line: int
    column: int
    excerpt: str
    problem: Problem

    def __str__(self) -> str:
        lines = [f"line {self.line}, column {self.column}: {self.problem.message}",
                 f"   |  {self.excerpt}", f"   |  {' ' * (self.column - 1)}^"]
        for label in ("found", "expected", "hint"):
            if text := getattr(self.problem, label):
                lines.append(f"  {label}: {text}")
        return "\n".join(lines)

    @property
    def fault(self) -> Fault:
        """The same as a fault of a configuration."""
        problem = self.problem
        path = f"equations, line {self.line}, column {self.column}"
        hint = "; ".join(part for part in (problem.message, problem.hint) if part)
        return Fault(path, problem.found or self.excerpt.strip(), problem.expected or "right", hint)


class EquationError(ConfigError):
    """Every fault of a text of equations at once.

    Attributes: `problems`, a list of `PlacedProblem`; `faults`, the same as faults of a configuration; `subject`.
    """

    def __init__(self, text: str, problems: list[Problem], subject: str = "equations") -> None:
        unique = dict.fromkeys(sorted(problems, key=lambda problem: problem.at))
        self.text = text
        self.plain = list(unique)
        self.problems = [placed(text, problem) for problem in unique]
        super().__init__(subject, [problem.fault for problem in self.problems])
        self.args = (f"{subject}: " + "\n".join(map(str, self.problems)),)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.text, self.plain, self.subject)


def placed(text: str, problem: Problem) -> PlacedProblem:
    """A problem with line, column and excerpt of its offset."""
    at = min(max(problem.at, 0), len(text))
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", start)
    excerpt = text[start:] if end < 0 else text[start:end]
    # A tab is one character of the excerpt, so the caret stands below the right one only if it is shown as one.
    return PlacedProblem(text.count("\n", 0, at) + 1, at - start + 1, excerpt.replace("\t", " ").rstrip(), problem)


class ProblemFound(Exception):
    """One problem, on its way to whoever collects them."""

    def __init__(self, at: int, message: str, **rest: str) -> None:
        self.problem = Problem(at, message, **rest)
        super().__init__(message)
