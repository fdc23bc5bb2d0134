"""Files of tables come from outside: every array is what it must be, or the file is refused by name."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.npy_files import BROKEN, SOUND, edited, edits, npz

from isthmus.common.bits.entropy_file import MAX_FILE_CELLS, read_arrays
from isthmus.common.errors import ManifestError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "entropy.npz"


def test_arrays_are_read_by_name(path: Path) -> None:
    np.savez(path, a=np.array([1, -2], np.int32), b=np.array([], np.int32))
    found = read_arrays(path, ("b", "a"))
    assert found["a"].tolist() == [1, -2]
    assert found["b"].tolist() == []
    assert {array.dtype for array in found.values()} == {np.dtype(np.int32)}


def test_of_optional_arrays_all_are_there_or_none(path: Path) -> None:
    one = np.array([1], np.int32)
    optional = (("b", "c"),)
    np.savez(path, a=one)
    assert sorted(read_arrays(path, ("a",), optional)) == ["a"]
    np.savez(path, a=one, b=one, c=one)
    assert sorted(read_arrays(path, ("a",), optional)) == ["a", "b", "c"]
    np.savez(path, a=one, b=one)
    with pytest.raises(ManifestError, match=r"expected the arrays \['a'\], got \['a', 'b'\]"):
        read_arrays(path, ("a",), optional)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.array([1.0], np.float32), "a: expected int32 numbers on one axis, got float32 of shape"),
        (np.array([1], ">i4"), "a: expected int32 numbers on one axis, got >i4 of shape"),
        (np.array([1], np.int64), "a: expected int32 numbers on one axis, got int64 of shape"),
        (np.array([[1]], np.int32), r"a: expected int32 numbers on one axis, got int32 of shape \(1, 1\)"),
        (np.array(1, np.int32), r"a: expected int32 numbers on one axis, got int32 of shape \(\)"),
    ],
)
def test_other_arrays_are_refused(path: Path, array: np.ndarray, says: str) -> None:
    np.savez(path, a=array)
    with pytest.raises(ManifestError, match=says):
        read_arrays(path, ("a",))


@pytest.mark.parametrize("header", BROKEN.values(), ids=BROKEN)
def test_broken_headers_are_refused(path: Path, header: bytes) -> None:
    path.write_bytes(npz("a", header))
    with pytest.raises(ManifestError, match="expected"):
        read_arrays(path, ("a",))


@given(edits)
def test_an_edited_header_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, int, int]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "edited.npz"
    path.write_bytes(npz("a", edited(SOUND, changes)))
    try:
        found = read_arrays(path, ("a",))
    except ManifestError:
        return
    assert found["a"].dtype == np.int32
    assert found["a"].ndim == 1


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "any.npz"
    path.write_bytes(data)
    with pytest.raises(ManifestError, match="expected"):
        read_arrays(path, ("a",))


def test_other_versions_and_trailing_bytes_are_refused(path: Path) -> None:
    path.write_bytes(npz("a", SOUND, version=2))
    with pytest.raises(ManifestError, match=r"a: expected npy version 1.0, got \(2, 0\)"):
        read_arrays(path, ("a",))
    for size in (7, 9, 12):
        path.write_bytes(npz("a", SOUND, bytes(size)))
        with pytest.raises(ManifestError, match="a: expected int32 numbers on one axis"):
            read_arrays(path, ("a",))


def test_a_member_that_would_unpack_to_too_much_is_not_read(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bytes(4 * MAX_FILE_CELLS + 1))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(ManifestError, match=f"a: expected at most {MAX_FILE_CELLS} numbers"):
        read_arrays(path, ("a",))


def test_a_missing_file_says_why(path: Path) -> None:
    with pytest.raises(ManifestError, match="cannot read it: No such file"):
        read_arrays(path, ("a",))
