"""Text to statements: lark's grammar, one logical line at a time, so that one fault does not hide the next."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from lark import Lark
from lark.exceptions import UnexpectedInput, VisitError

from spark.equations.builder import Builder
from spark.equations.errors import EquationError, Problem, ProblemFound
from spark.equations.lines import logical_lines, require_short
from spark.equations.statements import Statement
from spark.equations.syntax_errors import in_words

LONGEST = 100_000


def parse(text: str) -> list[Statement]:
    """The statements of a text. Errors: EquationError with every faulty line."""
    problems: list[Problem] = []
    statements = []
    try:
        require_short(text, LONGEST)
        lines = logical_lines(text)
    except ProblemFound as found:
        raise EquationError(text, [found.problem]) from None
    for line in lines:
        try:
            statements.append(_statement(line.text, line.start))
        except ProblemFound as found:
            problems.append(found.problem)
    if problems:
        raise EquationError(text, problems)
    return statements


def _statement(line: str, start: int) -> Statement:
    try:
        tree = _lark().parse(line)
    except UnexpectedInput as error:
        raise in_words(error, line, start) from None
    try:
        return Builder(line, start).transform(tree)
    except VisitError as error:
        if isinstance(error.orig_exc, ProblemFound):
            raise error.orig_exc from None
        raise


@cache
def _lark() -> Lark:
    grammar = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, start="statement", parser="lalr", maybe_placeholders=True)
