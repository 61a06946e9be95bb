"""The source texts of the functions in `runtime/`, for copying those that a program uses."""

from __future__ import annotations

import ast
import inspect
from functools import cache
from types import ModuleType

from targets.jax_fixed.runtime import arithmetic, command_line, products, rows, running, wide

MODULES: tuple[ModuleType, ...] = (arithmetic, wide, products, rows, running, command_line)


@cache
def _functions() -> dict[str, tuple[str, str, frozenset[str]]]:
    """(section, source, names used) of every function, in the order of the files."""
    found = {}
    for module in MODULES:
        text = inspect.getsource(module)
        section = (ast.get_docstring(ast.parse(text)) or "").split("\n")[0]
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef):
                used = frozenset(item.id for item in ast.walk(node) if isinstance(item, ast.Name))
                found[node.name] = (section, ast.get_source_segment(text, node) or "", used)
    return found


def names() -> frozenset[str]:
    """The names of all functions: nothing else in a program may be called so."""
    return frozenset(_functions())


def text_for(code: str) -> str:
    """Source of every function that the code uses, directly or not, under the headings of their files."""
    functions = _functions()
    wanted: set[str] = set()
    waiting = {item.id for item in ast.walk(ast.parse(code)) if isinstance(item, ast.Name)} & functions.keys()
    while waiting:
        name = waiting.pop()
        wanted.add(name)
        waiting |= (functions[name][2] & functions.keys()) - wanted
    parts, section = [], ""
    for name, (heading, source, _) in functions.items():
        if name in wanted:
            parts += [f"# ---- {heading}"] if heading != section else []
            parts.append(source)
            section = heading
    return "\n\n\n".join(parts)
