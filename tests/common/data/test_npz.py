"""isthmus.data.npz: layouts that are there, files cut out of an array, and damage."""

from __future__ import annotations

import contextlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from support.npy_files import BROKEN, SOUND, edited, edits, npz

from isthmus.common.errors import InputError
from isthmus.data.npz import cut_files, read_arrays


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    np.savez(tmp_path / "set.npz", a=np.arange(3), b=np.arange(4), c=np.array([{}], object))
    return tmp_path / "set.npz"


def test_the_first_layout_that_is_there_is_read_in_its_order(packed: Path) -> None:
    assert [len(array) for array in read_arrays(packed, ("b", "a"))] == [4, 3]
    assert [len(array) for array in read_arrays(packed, ("a", "x"), ("b",), ("a",))] == [4]


def test_what_cannot_be_read_is_said(packed: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"set\.npz: expected a set with the arrays x, y and a, or z; got a, b, c"):
        read_arrays(packed, ("x", "y", "a"), ("z",), kind="a set")
    with pytest.raises(InputError, match="expected arrays a, c, cannot read them: Object arrays"):
        read_arrays(packed, ("a", "c"))
    with pytest.raises(InputError, match=r"none\.npz: expected a set: No such file"):
        read_arrays(tmp_path / "none.npz", ("a",), kind="a set")
    np.save(tmp_path / "one.npy", np.arange(3))
    with pytest.raises(InputError, match="got a single array"):
        read_arrays(tmp_path / "one.npy", ("a",))
    with zipfile.ZipFile(tmp_path / "text.npz", "w") as file:
        file.writestr("a.npy", b"no array")
    with pytest.raises(InputError, match="expected an array a, got 8 bytes that are none"):
        read_arrays(tmp_path / "text.npz", ("a",))
    for order in "<>":
        letters = np.array([0x41, 0x110000, 0x42], f"{order}u4").view(f"{order}U1")
        np.savez(tmp_path / "words.npz", a=letters, b=letters[::2], c=letters[:0])
        assert read_arrays(tmp_path / "words.npz", ("b", "c"))[0].tolist() == ["A", "B"]
        with pytest.raises(InputError, match="expected words in a, got numbers that are no letters"):
            read_arrays(tmp_path / "words.npz", ("a",))
    cut = tmp_path / "cut.npz"
    whole = packed.read_bytes()
    for length in range(0, len(whole), 7):
        cut.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"cut\.npz: expected"):
            read_arrays(cut, ("a", "b"))


def test_files_are_cut_where_the_offsets_say() -> None:
    blob = np.frombuffer(b"abcdef", np.uint8)
    assert cut_files(Path("p"), blob, np.array([0, 2, 2, 6])) == (b"ab", b"", b"cdef")
    assert cut_files(Path("p"), blob[:0], np.array([0])) == ()


@pytest.mark.parametrize(
    "offsets",
    [np.array([0, 5]), np.array([1, 6]), np.array([0, 4, 3, 6]), np.array([[0, 6]]), np.array([0.0, 6.0]), np.empty(0)],
)
def test_offsets_that_do_not_fit(offsets: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> None:
    with pytest.raises(InputError, match="p: expected offsets"):
        cut_files(Path("p"), np.frombuffer(b"abcdef", np.uint8), offsets)


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("header", BROKEN.values(), ids=BROKEN)
def test_broken_headers_are_refused(tmp_path: Path, header: bytes, version: int) -> None:
    (tmp_path / "set.npz").write_bytes(npz("a", header, version=version))
    with pytest.raises(InputError, match=r"set\.npz: expected arrays a, cannot read them"):
        read_arrays(tmp_path / "set.npz", ("a",))


@given(edits)
def test_an_edited_header_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, int, int]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "edited-set.npz"
    path.write_bytes(npz("a", edited(SOUND, changes)))
    with contextlib.suppress(InputError):
        (array,) = read_arrays(path, ("a",))
        assert array.dtype != object


@pytest.mark.parametrize(
    "blob", [np.uint8(3), np.zeros((6, 1), np.uint8), np.zeros(6), np.zeros(6, np.int8), np.array(["abcdef"])]
)
def test_files_lie_in_an_array_of_bytes(blob: Any) -> None:
    with pytest.raises(InputError, match=r"p: expected files as uint8 \[bytes\], got "):
        cut_files(Path("p"), np.asarray(blob), np.array([0, 6]))
