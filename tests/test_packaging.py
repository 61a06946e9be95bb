"""The wheel that is built carries everything that the installed project reads."""

import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = ("spark", "compiler", "targets", "pyproject.toml", "README.md", "LICENSE")
DATA = (".lark", ".toml", ".html", ".css", ".js", ".txt")


def _run(*command: object, **rest) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **rest)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy so that the working tree stays clean."""
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"
    tree.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, tree / name)
    options = ("--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder)
    _run(sys.executable, "-m", "pip", "wheel", *options, tree)
    [built] = folder.glob("*.whl")
    return built


def test_every_source_and_data_file_is_in_the_wheel(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = {
        path.relative_to(ROOT).as_posix()
        for package in ("spark", "compiler", "targets") for path in (ROOT / package).rglob("*")
        if path.suffix in (".py", *DATA) and "__pycache__" not in path.parts
    }
    assert wanted - inside == set()


def test_nothing_else_is_in_the_wheel(wheel):
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in tops if not name.endswith(".dist-info")} == {"spark", "compiler", "targets"}


def test_the_licence_is_in_the_wheel(wheel):
    assert any(name.endswith("licenses/LICENSE") for name in zipfile.ZipFile(wheel).namelist())


def test_the_installed_command_knows_its_chips_and_reads_its_grammar(wheel, tmp_path):
    """Installed without dependencies beside those of this environment, and run from a folder of its own."""
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    site = next((environment / "lib").glob("python*/site-packages"))
    _run(sys.executable, "-m", "pip", "--quiet", "install", "--no-deps", "--no-index", "--target", site, wheel)
    (site / "dependencies.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    python = environment / "bin" / "python"
    chips = _run(python, "-m", "compiler.cli", "list", "chips", cwd=tmp_path)
    assert "generic" in chips
    code = (
        "import compiler.ir.parse as p, pathlib, compiler; from compiler.ir.network import Network;"
        "from compiler.ir.print import print_network; n = Network();"
        "assert p.parse(print_network(n), {}) == n; print(pathlib.Path(compiler.__file__).parent)"
    )
    assert str(site) in _run(python, "-c", code, cwd=tmp_path)
