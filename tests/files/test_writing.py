"""Files and folders are written completely or not at all."""

import pytest

from compiler.diagnostics import DiagnosticError
from compiler.files import replacing, replacing_folder


class Interruption(BaseException):
    """Stands for an interrupt from the keyboard."""


@pytest.mark.parametrize("fault", [ValueError, Interruption])
def test_an_interrupted_file_leaves_the_older_one(tmp_path, fault):
    path = tmp_path / "x.npz"
    path.write_text("older")
    with pytest.raises(fault), replacing(path) as temporary:
        temporary.write_text("half")
        raise fault
    assert [item.name for item in tmp_path.iterdir()] == ["x.npz"] and path.read_text() == "older"


@pytest.mark.parametrize("fault", [ValueError, Interruption])
def test_an_interrupted_folder_leaves_the_older_one(tmp_path, fault):
    folder = tmp_path / "build"
    folder.mkdir()
    (folder / "old").write_text("older")
    with pytest.raises(fault), replacing_folder(folder) as temporary:
        (temporary / "new").write_text("half")
        raise fault
    assert [item.name for item in tmp_path.rglob("*")] == ["build", "old"]


def test_a_complete_folder_takes_the_place_of_the_older_one(tmp_path):
    folder = tmp_path / "build"
    for name in ("old", "new"):
        with replacing_folder(folder) as temporary:
            (temporary / name).write_text(name)
    assert [item.name for item in tmp_path.rglob("*")] == ["build", "new"]


def test_parent_folders_are_made(tmp_path):
    with replacing(tmp_path / "a" / "b" / "x.json") as temporary:
        temporary.write_text("{}")
    assert (tmp_path / "a" / "b" / "x.json").read_text() == "{}"


def test_a_path_below_a_file_is_e154(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DiagnosticError, match="E154"), replacing(tmp_path / "file" / "x.npz"):
        pass


def test_a_folder_in_the_place_of_a_file_is_e154(tmp_path):
    (tmp_path / "x.npz").mkdir()
    with pytest.raises(DiagnosticError, match="E154"), replacing(tmp_path / "x.npz") as temporary:
        temporary.write_text("")
    assert [item.name for item in tmp_path.iterdir()] == ["x.npz"]
