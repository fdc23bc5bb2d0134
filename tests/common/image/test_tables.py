"""Tables of image codecs: their file, both ways; what is no such file is refused by a clear error."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tiny_image_coder
from support.bombs import write_bomb

from isthmus.common.bits.cdf import quantize_pmf
from isthmus.common.bits.entropy_file import CONTEXT_ARRAYS, MAX_FILE_CELLS
from isthmus.common.bits.prior import Prior
from isthmus.common.errors import InputError, ManifestError
from isthmus.common.image.tables import ImageTables


@pytest.mark.parametrize(("bins", "hyper"), [(0, False), (16, False), (0, True)])
@pytest.mark.parametrize("context", [False, True])
def test_the_file_both_ways(tmp_path: Path, bins: int, hyper: bool, context: bool) -> None:
    if context and hyper:
        return
    tables = tiny_image_coder.tables(7, bins=bins, hyper=hyper, context=context)
    tables.save(tmp_path / "entropy.npz")
    tables.save(tmp_path / "again.npz")
    assert (tmp_path / "entropy.npz").read_bytes() == (tmp_path / "again.npz").read_bytes()
    read = ImageTables.load(tmp_path / "entropy.npz")
    assert read.tables == tables.tables
    assert read.choice == tables.choice
    assert read.first_table.tolist() == tables.first_table.tolist()
    assert (read.q_tables, read.z_tables) == (tables.q_tables, tables.z_tables)
    assert (read.context is None) == (tables.context is None)
    if read.context is not None and tables.context is not None:
        assert read.context.tables == tables.context.tables
        for name in CONTEXT_ARRAYS:
            assert np.array_equal(getattr(read.context, name), getattr(tables.context, name)), name
    assert read.groups == 7
    assert read.candidate_counts.sum() == read.tables.count


def test_a_choice_with_escapes_both_ways(tmp_path: Path) -> None:
    tables = tiny_image_coder.tables(1, 1)
    choice = Prior.independent(quantize_pmf([[5, 1]], [0], 16, has_escape=True))
    ImageTables(tables.tables, tables.first_table, choice).save(tmp_path / "entropy.npz")
    assert ImageTables.load(tmp_path / "entropy.npz").choice.tables.has_escape


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"first_table": np.array([0.0, 4.0])}, "first_table as"),
        ({"first_table": np.array([0], np.int32)}, "first_table as"),
        ({"tables": quantize_pmf([[1, 1]] * 4, [0] * 4, 16)}, "tables: expected tables with escapes"),
        ({"q_tables": quantize_pmf([[1, 1]], [0], 8, has_escape=True)}, "q_tables: expected"),
        ({"z_tables": quantize_pmf([[1, 1]], [1 << 25], 16, has_escape=True)}, "z_tables: expected offsets"),
        ({"context": tiny_image_coder.context_model(3)}, "context: expected 4 channels, one a group, .* got 3"),
        (
            {"context": tiny_image_coder.context_model(), "z_tables": quantize_pmf([[1, 1]], [0], 16, has_escape=True)},
            "context: .* got 4 channels and tables of z",
        ),
        ({"choice": Prior.independent(quantize_pmf([[1]], [0], 8))}, "choice: expected tables of precision 16"),
        ({"choice": Prior.independent(quantize_pmf([[1]], [0], 16))}, "choice: expected 4 channels"),
    ],
)
def test_tables_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    good = tiny_image_coder.tables()
    if "tables" in change:
        change |= {"first_table": np.arange(5, dtype=np.int32)}
    fields = {name: getattr(good, name) for name in ("tables", "first_table", "choice", "q_tables", "z_tables")}
    with pytest.raises(InputError, match=message):
        ImageTables(**(fields | change))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"entropy\.npz: cannot read it: No such file.*; restore it"):
        ImageTables.load(tmp_path / "entropy.npz")


def test_sizes_are_checked_before_anything_is_unpacked(tmp_path: Path) -> None:
    tiny_image_coder.tables().save(tmp_path / "good.npz")
    write_bomb(tmp_path / "good.npz", tmp_path / "bomb.npz", "offsets.npy", 4 * MAX_FILE_CELLS + 1)
    with pytest.raises(ManifestError, match=r"offsets: expected at most 4194304 numbers"):
        ImageTables.load(tmp_path / "bomb.npz")


def test_arrays_are_never_unpickled(tmp_path: Path) -> None:
    tiny_image_coder.tables().save(tmp_path / "good.npz")
    with np.load(tmp_path / "good.npz") as good:
        arrays: dict[str, Any] = dict(good)
    np.savez(tmp_path / "bad.npz", **(arrays | {"offsets": np.array([print], dtype=object)}))
    with pytest.raises(ManifestError, match="offsets: expected int32 numbers on one axis"):
        ImageTables.load(tmp_path / "bad.npz")


@pytest.mark.slow
@settings(max_examples=300)
@given(at=st.integers(0, 10**6), xor=st.integers(1, 255), cut=st.booleans())
def test_damaged_files_are_refused_or_sound(
    tmp_path_factory: pytest.TempPathFactory, at: int, xor: int, cut: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    tiny_image_coder.tables(context=True).save(path)
    data = bytearray(path.read_bytes())
    at %= len(data)
    data[at] ^= xor
    path.write_bytes(data[:at] if cut else data)
    try:
        ImageTables.load(path)
    except ManifestError as error:
        assert "; restore it" in str(error)  # noqa: PT017
