"""The source texts of the functions in `runtime/`, for copying those that a program uses."""

from __future__ import annotations

import ast
import inspect
from functools import cache
from types import ModuleType

from targets.jax_fixed.runtime import (
    arithmetic,
    command_line,
    products,
    random_rounding,
    rows,
    running,
    synapses,
    wide,
    windows,
)

ARITHMETIC: tuple[ModuleType, ...] = (arithmetic, wide, random_rounding, products, windows, rows, synapses)
RUNNING: tuple[ModuleType, ...] = (running, command_line)


@cache
def _functions() -> dict[str, tuple[ModuleType, str, frozenset[str]]]:
    """(file, source, names used) of every function, in the order of the files."""
    found = {}
    for module in (*ARITHMETIC, *RUNNING):
        text = inspect.getsource(module)
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef):
                used = frozenset(item.id for item in ast.walk(node) if isinstance(item, ast.Name))
                found[node.name] = (module, ast.get_source_segment(text, node) or "", used)
    return found


def names() -> frozenset[str]:
    """The names of all functions: nothing else in a program may be called so."""
    return frozenset(_functions())


def text_before(code: str) -> str:
    """Source of the arithmetic that the code uses, directly or not: what stands before a network."""
    return _text(code, ARITHMETIC)


def text_after(code: str) -> str:
    """Source of what runs a network, as far as the code uses it."""
    return _text(code, RUNNING)


def _text(code: str, modules: tuple[ModuleType, ...]) -> str:
    functions, used = _functions(), _used(code)
    parts = []
    for module in modules:
        own = [source for name, (home, source, _) in functions.items() if home is module and name in used]
        title = (inspect.getdoc(module) or "").split("\n")[0]
        parts += ["\n\n\n".join([f"# ---- {title}", *own]).replace("\n\n\n", "\n\n", 1)] if own else []
    return "\n\n\n".join(parts)


def _used(code: str) -> set[str]:
    """Functions whose names occur in the code, and those that these need."""
    functions = _functions()
    used: set[str] = set()
    waiting = {item.id for item in ast.walk(ast.parse(code)) if isinstance(item, ast.Name)} & functions.keys()
    while waiting:
        name = waiting.pop()
        used.add(name)
        waiting |= (functions[name][2] & functions.keys()) - used
    return used
