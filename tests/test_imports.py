"""Import directions: spark ◀ compiler ◀ targets, and a command line that starts quickly."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIBRARIES = {
    "spark": {"jax", "numpy", "optax", "tqdm", "lark"},
    "compiler": {"spark", "jax", "numpy", "scipy", "networkx", "lark", "click", "nir", "h5py"},
    "targets": {"spark", "compiler", "jax", "numpy", "scipy", "networkx"},
}


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _files() -> list[Path]:
    return [path for package in LIBRARIES for path in sorted((ROOT / package).rglob("*.py"))]


def _imported(path: Path) -> Iterator[str]:
    """Every absolute import of a file, also those inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (item.name for item in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


@pytest.mark.parametrize("path", _files(), ids=_name)
def test_a_package_imports_only_what_stands_before_it(path):
    package = path.relative_to(ROOT).parts[0]
    allowed = LIBRARIES[package] | {package} | sys.stdlib_module_names
    assert {name for name in _imported(path) if name.partition(".")[0] not in allowed} == set()


@pytest.mark.parametrize("path", sorted((ROOT / "targets").rglob("*.py")), ids=_name)
def test_a_target_family_does_not_import_another(path):
    parts = path.relative_to(ROOT).parts
    families = {name.split(".")[1] for name in _imported(path) if name.startswith("targets.")}
    assert families <= set(parts[1:2])


def test_no_file_imports_relatively():
    relative = [
        path for path in _files() for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert relative == []


def test_the_command_line_starts_without_what_is_slow_to_import():
    """Asked of every verb: their help must not wait for JAX."""
    code = (
        "import sys, click, compiler.cli as cli\n"
        "context = click.Context(cli.sparkc)\n"
        "[cli.sparkc.get_command(context, name) for name in cli.sparkc.list_commands(context)]\n"
        "print(*sorted({'jax', 'scipy', 'networkx', 'numpy', 'lark'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.split() == []
