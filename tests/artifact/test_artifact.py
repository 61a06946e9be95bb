"""Artifacts are written complete or not at all, and read without trust."""

import io
import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from compiler import artifact, inspection, verbs
from compiler.diagnostics import DiagnosticError
from compiler.settings import Settings

SMALL = Path(__file__).parent.parent / "cli" / "sources" / "small.py"
FILES = ("manifest.json", "network.snn", "tensors.npz", "program.py", "report.json", "report.html", "certificate.json")


@pytest.fixture(scope="module")
def original(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("artifact") / "small"
    verbs.compile(SMALL, folder, chip="tiny")
    return folder


@pytest.fixture
def folder(original, tmp_path) -> Path:
    """A copy to be damaged."""
    return Path(shutil.copytree(original, tmp_path / "small"))


def _codes(folder: Path) -> set[str]:
    with pytest.raises(DiagnosticError) as caught:
        artifact.read(folder)
    return {item.code for item in caught.value.diagnostics}


def _vouch(folder: Path, name: str, content: bytes) -> None:
    """Replace a file and let the manifest vouch for it, as somebody with bad intentions would."""
    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = {"bytes": len(content), "sha256": artifact.sha256(content)}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _with_array(content: bytes, name: str, member: bytes) -> bytes:
    """An array file with one member replaced."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w") as new:
        for item in old.namelist():
            new.writestr(item, member if item == f"{name}.npy" else old.read(item))
    return stream.getvalue()


def test_what_was_written_is_read(original):
    read = artifact.read(original)
    assert read.network.level == "mapped" and read.network.chip == "tiny"
    assert read.report == json.loads((original / "report.json").read_text())


def test_the_manifest_vouches_for_every_other_file(original):
    files = {path.relative_to(original).as_posix() for path in original.rglob("*") if path.is_file()}
    manifest = artifact.read(original).manifest
    assert set(manifest["files"]) == files - {"manifest.json"}
    assert manifest.keys() == {"format", "version", "versions", "source", "target", "chip", "options", "passes",
                               "verdicts", "files"}


def test_a_flipped_bit_in_any_file_is_found(folder):
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "manifest.json"):
        content = path.read_bytes()
        if content:
            path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
            assert _codes(folder) == {"E504"}
            path.write_bytes(content)
    artifact.read(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_found(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    assert _codes(folder) <= {"E503", "E504"}


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_found(folder, name):
    (folder / name).unlink()
    assert _codes(folder) <= {"E501", "E504"}


def test_all_damaged_files_are_reported_at_once(folder):
    for name in ("network.snn", "tensors.npz", "program.py"):
        (folder / name).write_bytes(b"")
    with pytest.raises(DiagnosticError) as caught:
        artifact.read(folder)
    assert len(caught.value.diagnostics) == 3


def test_a_table_that_the_manifest_does_not_know_is_found(folder):
    (folder / "cores" / "extra.npz").write_bytes(b"")
    assert _codes(folder) == {"E504"}


def test_a_link_is_not_followed(folder):
    content = folder / "network.snn"
    content.rename(folder.parent / "elsewhere.snn")
    content.symlink_to(folder.parent / "elsewhere.snn")
    assert _codes(folder) == {"E504"}


def test_a_pickled_array_is_refused_and_not_executed(folder):
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (folder.parent / "executed",))

    member = io.BytesIO()
    np.lib.format.write_array(member, np.array([Bomb()], dtype=object), allow_pickle=True)
    tensors = (folder / "tensors.npz").read_bytes()
    name = zipfile.ZipFile(io.BytesIO(tensors)).namelist()[0].removesuffix(".npy")
    _vouch(folder, "tensors.npz", _with_array(tensors, name, member.getvalue()))
    assert _codes(folder) == {"E152"} and not (folder.parent / "executed").exists()


def test_an_absurd_size_is_refused_before_memory_is_asked_for(folder):
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": "|i1", "fortran_order": False, "shape": (1 << 50,)})
    tensors = (folder / "tensors.npz").read_bytes()
    name = zipfile.ZipFile(io.BytesIO(tensors)).namelist()[0].removesuffix(".npy")
    _vouch(folder, "tensors.npz", _with_array(tensors, name, member.getvalue()))
    assert _codes(folder) == {"E153"}


def test_a_tensor_that_is_not_the_one_of_the_text_is_found_though_the_manifest_vouches(folder):
    tensors = (folder / "tensors.npz").read_bytes()
    name = next(item for item in zipfile.ZipFile(io.BytesIO(tensors)).namelist())
    array = np.load(io.BytesIO(tensors))[name.removesuffix(".npy")]
    member = io.BytesIO()
    np.lib.format.write_array(member, np.bitwise_xor(array, 1))
    _vouch(folder, "tensors.npz", _with_array(tensors, name.removesuffix(".npy"), member.getvalue()))
    assert _codes(folder) == {"E207"}


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "cores/../../x", "a//b", "", "a\\b", "."])
def test_a_name_that_leaves_the_folder_is_refused(folder, name):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = {"bytes": 0, "sha256": artifact.sha256(b"")}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert _codes(folder) == {"E505"}


@pytest.mark.parametrize("text", [
    "", "{", "[]", "[" * 100000, '{"format": "sparkc artifact", "version": 1}', "\x00", "nan",
    '{"format": "sparkc artifact", "version": 1, "files": {"network.snn": 3}}',
    '{"format": "sparkc artifact", "version": 1, "files": {"network.snn": {"bytes": true, "sha256": ""}}}',
])
def test_a_damaged_manifest_is_e503(folder, text):
    (folder / "manifest.json").write_text(text)
    assert _codes(folder) == {"E503"}


def test_a_manifest_of_another_version_or_kind_is_told_apart(folder):
    for change, code in (({"version": 2}, "E502"), ({"format": "something"}, "E501")):
        manifest = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(manifest | change))
        assert _codes(folder) == {code}
        (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_folder_of_something_else_is_never_replaced(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    with pytest.raises(DiagnosticError, match="E506"):
        verbs.compile(SMALL, tmp_path / "thesis", chip="none")
    assert [path.name for path in tmp_path.rglob("*")] == ["thesis", "chapter.txt"]


def test_an_older_artifact_is_replaced_whole_but_files_of_the_user_stay(folder):
    (folder / "runs").mkdir()
    (folder / "runs" / "y.npz").write_bytes(b"mine")
    verbs.compile(SMALL, folder, chip="none")
    assert (folder / "runs" / "y.npz").read_bytes() == b"mine" and not (folder / "cores").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["small"]


def test_an_artifact_without_tables_has_no_engine_cores(tmp_path):
    made = verbs.compile(SMALL, tmp_path / "small", chip="none")
    with pytest.raises(DiagnosticError, match="E507"):
        made.run(np.zeros((2, 12)), engine="cores")
    with pytest.raises(DiagnosticError, match="E507"):
        made.run(np.zeros((2, 12)), engine="abacus")


def test_a_certificate_that_was_made_to_claim_more_is_found_though_the_manifest_vouches(folder):
    """The highest value of a state, one too low: then a step leads out of the interval."""
    certificate = json.loads((folder / "certificate.json").read_text())
    state = certificate["sites"]["hid"]["states"]["v"]
    state["high"] = [value - 1 for value in state["high"]]
    _vouch(folder, "certificate.json", json.dumps(certificate).encode())
    with pytest.raises(DiagnosticError, match="E321"):
        inspection.look(str(folder), None, Settings(), lambda stage, fraction: None)
