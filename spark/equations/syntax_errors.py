"""Syntax errors of lark in the words of equations."""

from __future__ import annotations

import re

from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from spark.equations.errors import ProblemFound

_SPOKEN = {
    "NAME": "a name", "NUMBER": "a number", "SIGN": "+ or −", "STAR": "*", "SLASH": "/", "_POWER": "^", "LPAR": "(",
    "RPAR": ")", "OPENING": "( or [", "CLOSING": ") or ]", "COLON": ":", "EQUAL": "=", "COMMA": ",", "SEMICOLON": ";",
    "COMPARISON": "a comparison", "ASSIGN": "= or +=", "TEXT": "a text in quotes", "$END": "the end of the line",
    "DERIVATIVE": "a derivative d…/dt", "_UNLESS_REFRACTORY": "(unless refractory)",
}
_COMPARISONS = {f"`{sign}`" for sign in ("<", ">", "<=", ">=", "==", "!=")}


def in_words(error: UnexpectedInput, line: str, start: int) -> ProblemFound:
    """A syntax error in words: what was met and what might have stood there."""
    if isinstance(error, UnexpectedCharacters):
        return ProblemFound(start + error.pos_in_stream, "a character that no equation has",
                            found=repr(line[error.pos_in_stream]), hint=_character_hint(line[error.pos_in_stream]))
    expected: set[str] = set(getattr(error, "accepts", None) or getattr(error, "expected", None) or [])
    at, found = len(line.rstrip()), "the end of the line"
    if isinstance(error, UnexpectedToken) and error.token.type != "$END":
        at, found = error.token.start_pos or 0, f"`{error.token}`"
    elif not isinstance(error, UnexpectedToken | UnexpectedEOF):
        at = 0
    return ProblemFound(start + at, "this is no statement", found=found, expected=_expected(expected),
                        hint=_syntax_hint(line, found))


def _expected(terminals: set[str]) -> str:
    spoken = {_SPOKEN.get(name, f"`{name.lower()}`") for name in terminals}
    return ", ".join(sorted(spoken)[:8])


def _character_hint(character: str) -> str:
    if character in "ˆ²³":
        return "powers are written v^2"
    if character in "'′":
        return "a derivative is written dv/dt"
    return "conditionals are written `a if condition else b`" if character in "?&|!" else ""


def _syntax_hint(line: str, found: str) -> str:
    if found == "`=`" and line.lstrip().startswith("threshold"):
        return "compare with < or >; `=` assigns"
    if found in _COMPARISONS and re.search(r"[<>=!]=?.*?[<>=!]", line.partition(":")[2]):
        return "two comparisons are joined by `and`: `low < v and v < high`"
    said = line.partition(" in ")[0]
    if said.count("(") > said.count(")"):
        return "a bracket is not closed"
    if said.count(")") > said.count("("):
        return "a bracket is closed that was not opened"
    if line.lstrip().startswith("d") and "/dt" in line.replace(" ", "") and ":" not in line:
        return "a differential equation ends in its unit: `dv/dt = … : mV`"
    return "statements: dx/dt = … : unit; name = … : unit; name = 20 ms in [1, 100]; threshold: …; reset: …"
