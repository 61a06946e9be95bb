"""Where in the user's files something happened: places of frames, tracebacks and assignments."""

from __future__ import annotations

import ast
import functools
import linecache
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import CodeType, TracebackType

from compiler.diagnostics import Place

Position = tuple[int, int, int, int]
"""First line, last line, first column, last column (lines from 1, columns from 0, in bytes), as Python gives it."""

_COMPILER = Path(__file__).parents[1]
_SPARK = _COMPILER.parent / "spark"
_LIBRARIES = tuple(Path(sysconfig.get_paths()[key]) for key in ("stdlib", "platstdlib", "purelib", "platlib"))


@functools.cache
def _is_users(file: str) -> bool:
    """Whether a file holds code in which a user looks for faults: neither ours, nor a library's, nor Python's own.

    Neuron components count as the user's: what they compute is what is compiled.
    """
    path = Path(file)
    if path.is_relative_to(_SPARK):
        return path.is_relative_to(_SPARK / "nn" / "components")
    foreign = (_COMPILER, *_LIBRARIES)
    return not file.startswith("<") and not any(path.is_relative_to(folder) for folder in foreign)


def frames_of_traceback(traceback: TracebackType | None) -> Iterator[tuple[CodeType, int]]:
    """Code and instruction of every frame, innermost first."""
    frames = []
    while traceback is not None:
        frames.append((traceback.tb_frame.f_code, traceback.tb_lasti))
        traceback = traceback.tb_next
    yield from reversed(frames)


def user_frame(frames: Iterable[tuple[CodeType, int]]) -> tuple[str, Position] | None:
    """File and position of the innermost frame of the user's."""
    for code, instruction in frames:
        if _is_users(code.co_filename):
            return code.co_filename, position(code, instruction)
    return None


def position(code: CodeType, instruction: int) -> Position:
    """Where an instruction stands in its file."""
    for index, (first, last, left, right) in enumerate(code.co_positions()):
        if index == instruction // 2:
            first = first or code.co_firstlineno
            return first, last or first, left or 0, right or 0
    return code.co_firstlineno, code.co_firstlineno, 0, 0


def place(file: str, where: Position, path: str = "") -> Place:
    """The place of a position, with the source line as excerpt (indentation removed, the column moved along)."""
    line = linecache.getline(file, where[0]).rstrip()
    indent = len(line) - len(line.lstrip())
    return Place(_short(file), where[0], max(0, where[2] - indent) + 1, line.strip(), path)


def place_of_error(error: BaseException, path: str = "") -> Place:
    """The user's line that an exception came from; for a syntax error the line it complains about."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return place(error.filename, (error.lineno, error.lineno, (error.offset or 1) - 1, 0), path)
    found = user_frame(frames_of_traceback(error.__traceback__))
    return place(*found, path) if found else Place(path=path)


def _short(file: str) -> str:
    """Relative to the working directory where the file lies below it."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file


def assigned_name(file: str, where: Position) -> str:
    """`decay` for the position of the right-hand side of `decay = …`; '' where nothing is assigned."""
    return _assignments("".join(linecache.getlines(file))).get(where, "")


@functools.lru_cache(maxsize=64)
def _assignments(text: str) -> dict[Position, str]:
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return {}
    names = {}
    for node in ast.walk(tree):
        target = node.targets[0] if isinstance(node, ast.Assign) and len(node.targets) == 1 else None
        target = node.target if isinstance(node, ast.AnnAssign | ast.NamedExpr) else target
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and isinstance(value, ast.expr):
            span = (value.lineno, value.end_lineno or 0, value.col_offset, value.end_col_offset or 0)
            names[span] = target.id
    return names
