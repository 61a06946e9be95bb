"""Array files from anywhere are read without trust."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from compiler import npz
from compiler.diagnostics import DiagnosticError


def _code(source, **rest) -> str:
    with pytest.raises(DiagnosticError) as caught:
        npz.read(source, **rest)
    return caught.value.diagnostics[0].code


def _saved(save=np.savez, **arrays) -> bytes:
    stream = io.BytesIO()
    save(stream, **arrays)
    return stream.getvalue()


def _with_header(shape: tuple, descr: str = "<f8", data: bytes = b"") -> bytes:
    """An .npz whose only array claims a shape of its own choosing."""
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": descr, "fortran_order": False, "shape": shape})
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("input.npy", member.getvalue() + data)
    return stream.getvalue()


@given(arrays_of.arrays(st.sampled_from([np.bool_, np.int8, np.uint16, np.float32, np.float64]),
                        arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)))
def test_what_is_written_is_read(array):
    read = npz.read(npz.packed({"a.b": array}))["a.b"]
    assert read.dtype == array.dtype and read.shape == array.shape and read.tobytes() == array.tobytes()


def test_numpy_reads_what_is_written_and_the_other_way_round(tmp_path):
    npz.write(tmp_path / "x.npz", {"input": np.arange(6).reshape(2, 3)})
    assert np.load(tmp_path / "x.npz")["input"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert npz.read(_saved(np.savez_compressed, input=np.eye(3).T))["input"].tolist() == np.eye(3).tolist()


def test_a_fortran_array_keeps_its_meaning():
    array = np.asfortranarray(np.arange(6).reshape(2, 3))
    assert npz.read(_saved(input=array))["input"].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_equal_arrays_give_equal_bytes(tmp_path):
    arrays = {"input": np.arange(4)}
    for name in ("a.npz", "b.npz"):
        npz.write(tmp_path / name, arrays)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes() == npz.packed(arrays)


def test_a_missing_file_is_e150(tmp_path):
    assert _code(tmp_path / "missing.npz") == "E150"


def test_a_folder_is_e150(tmp_path):
    assert _code(tmp_path) == "E150"


@pytest.mark.parametrize("content", [b"", b"hello", _saved(input=np.zeros(9))[:-40], _with_header((2,))[:30]],
                         ids=["empty", "text", "no directory", "header only"])
def test_a_truncated_file_is_e151(content):
    assert _code(content) == "E151"


@given(st.data())
def test_a_flipped_bit_is_found_or_changes_nothing(data):
    """Zip holds a checksum of every member; what it does not cover is not used."""
    content = bytearray(npz.packed({"input": np.arange(16, dtype=np.int16)}))
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        read = npz.read(bytes(content))
    except DiagnosticError as error:
        assert error.diagnostics[0].code in ("E151", "E152", "E153")
        return
    assert [array.tolist() for array in read.values()] == [list(range(16))]


@pytest.mark.parametrize("array", [
    np.array([{"a": 1}], dtype=object), np.zeros(2, dtype=[("a", "i4")]), np.array([b"x"]),
    np.zeros(2, "datetime64[s]"),
])
def test_pickles_and_records_are_e152(array):
    assert _code(_saved(input=array)) == "E152"


@pytest.mark.parametrize("shape", [(10**12,), (10**9, 10**9), (3,), (-1,)])
def test_a_size_that_the_file_does_not_have_is_e153(shape):
    assert _code(_with_header(shape, data=b"\0" * 16)) == "E153"


def test_more_than_the_limit_is_e153_before_anything_is_unpacked():
    bomb = _saved(np.savez_compressed, input=np.zeros(1 << 20, np.uint8))
    assert _code(bomb, limit=1 << 19) == "E153"


def test_a_dtype_is_not_evaluated_as_code():
    assert _code(_with_header((1,), descr="__import__('os').system('false')")) in ("E151", "E152")
