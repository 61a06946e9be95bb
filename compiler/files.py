"""Writing files completely or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from compiler.diagnostics import DiagnosticError, Place, declare, fail

E154 = declare("E154", "a path cannot be written")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary sibling file to write; it takes the place of `path` when the block ends without an error.

    Errors: E154 where the folder cannot be written.
    """
    _make_parents(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise unwritable(path, error) from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A temporary sibling folder to fill; it takes the place of `path` when the block ends without an error."""
    _make_parents(path)
    try:
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        _exchange(temporary, path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _exchange(fresh: Path, path: Path) -> None:
    """Put a complete folder where an older one may be; the older one is kept until the new one is in place."""
    if not path.exists():
        os.replace(fresh, path)
        return
    older = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    os.replace(path, older)
    try:
        os.replace(fresh, path)
    except BaseException:
        os.replace(older, path)
        raise
    shutil.rmtree(older, ignore_errors=True)


def check_writable(path: Path) -> None:
    """Demand that `path` can be made, with the parent folders it needs; nothing is made. Errors: E154."""
    folder = path.absolute().parent
    while not folder.exists() and not folder.is_symlink():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        found = f"{folder}: no permission" if folder.is_dir() else f"{folder} is no folder"
        raise fail(E154, "the path cannot be written", Place(file=str(path)), found=found,
                   expected="a path that can be written", hint="choose another one with -o or --output")


def _make_parents(path: Path) -> None:
    check_writable(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> DiagnosticError:
    return fail(E154, "the path cannot be written", Place(file=str(path)), found=error.strerror or type(error).__name__,
                expected="a path that can be written", hint="choose another one with -o or --output")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
