"""Tables of video codecs: their file, both ways; what is no such file is refused by a clear error."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import tiny_image_coder, tiny_video_coder
from support.bombs import write_bomb

from isthmus.common.bits.cdf import quantize_pmf
from isthmus.common.bits.context import ContextModel
from isthmus.common.bits.entropy_file import CONTEXT_ARRAYS, MAX_FILE_CELLS
from isthmus.common.errors import InputError, ManifestError
from isthmus.common.video.tables import VideoTables


def assert_same(one: ContextModel, other: ContextModel) -> None:
    assert one.tables == other.tables
    assert one.given == other.given
    for name in CONTEXT_ARRAYS:
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


@pytest.mark.parametrize("channels", [1, 3, 20])
def test_the_file_both_ways(tmp_path: Path, channels: int) -> None:
    tables = tiny_video_coder.tables(channels)
    tables.save(tmp_path / "entropy.npz")
    tables.save(tmp_path / "again.npz")
    assert (tmp_path / "entropy.npz").read_bytes() == (tmp_path / "again.npz").read_bytes()
    read = VideoTables.load(tmp_path / "entropy.npz", tiny_video_coder.manifest(channels))
    for name in ("intra", "motion", "residual"):
        assert_same(getattr(read, name), getattr(tables, name))
    assert read.channels == channels
    assert read.residual.given == channels + 1


def model(given: int, tables: Any) -> ContextModel:
    """Of the channels there are tables for, one each."""
    channels = given + tables.count
    starts = np.zeros(channels + 1, np.int32)
    first_table = np.concatenate([np.zeros(given), np.arange(tables.count)]).astype(np.int32)
    nothing = np.empty(0, np.int32)
    return ContextModel(tables, np.arange(channels), starts, nothing.reshape(0, 4), starts, nothing, first_table, given)


PMF = [1, 4, 1, 0.1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"intra": tiny_image_coder.context_model(4)}, "residual: expected 4 channels and 5 given ones, got 3 and 4"),
        ({"intra": tiny_image_coder.context_model(3, given=1)}, "intra: expected 3 channels and 0 given"),
        ({"motion": tiny_image_coder.context_model(2)}, "motion: expected 3 channels and 0 given ones, got 2"),
        ({"residual": tiny_image_coder.context_model(3)}, "residual: expected 3 channels and 4 given ones, got 3 and"),
        ({"motion": model(0, quantize_pmf([PMF] * 3, [-1] * 3, 16))}, "motion: expected tables with escapes"),
        (
            {"intra": model(0, quantize_pmf([PMF] * 3, [-1] * 3, 12, has_escape=True))},
            "intra: expected .* of precision 16",
        ),
        (
            {"residual": model(4, quantize_pmf([PMF] * 3, [1 << 25] * 3, 16, has_escape=True))},
            "residual: expected offsets",
        ),
        (
            {"residual": model(4, quantize_pmf([PMF] * 3, [-(1 << 25)] * 3, 16, has_escape=True))},
            "residual: expected offsets",
        ),
    ],
)
def test_tables_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    good = tiny_video_coder.tables()
    with pytest.raises(InputError, match=message):
        VideoTables(**({"intra": good.intra, "motion": good.motion, "residual": good.residual} | change))


def spoiled(folder: Path, **changes: Any) -> Path:
    """A sound file with some arrays replaced, or with None left out."""
    tiny_video_coder.tables().save(folder / "good.npz")
    with np.load(folder / "good.npz") as good:
        arrays = dict(good) | changes
    np.savez(folder / "bad.npz", **{name: array for name, array in arrays.items() if array is not None})
    return folder / "bad.npz"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"residual_order": None}, "expected the arrays"),
        ({"context_order": np.zeros(3, np.int32)}, "expected the arrays"),
        ({"motion_taps": np.zeros(3, np.int32)}, "motion_taps: expected four numbers a tap"),
        ({"intra_order": np.array([0, 0, 1], np.int32)}, "intra: order: expected each of"),
        ({"intra_sizes": np.array([0], np.int32)}, "intra_sizes: expected 1 to"),
        ({"intra_sizes": np.array([1 << 30], np.int32)}, "intra_sizes: expected 1 to"),
        ({"residual_order": np.array([1, 0, 2, 3, 4, 5, 6], np.int32)}, "the 4 given channels first"),
        ({"residual_order": np.arange(8, dtype=np.int32)}, "residual_order: expected 7 channels, got 8"),
        ({"motion_order": np.arange(2, dtype=np.int32)}, "motion_order: expected 3 channels, got 2"),
        ({"intra_frequencies": np.array([1.5])}, "expected int32 numbers on one axis"),
        ({"intra_order": np.array([[0, 1, 2]], np.int32)}, "expected int32 numbers on one axis"),
        ({"intra_offsets": np.array([print], dtype=object)}, "expected int32 numbers on one axis"),
    ],
)
def test_files_that_must_not_be(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ManifestError, match=rf"bad\.npz: .*{message}.*; restore it"):
        VideoTables.load(spoiled(tmp_path, **changes), tiny_video_coder.manifest())


def test_a_file_of_other_channels(tmp_path: Path) -> None:
    tiny_video_coder.tables(4).save(tmp_path / "entropy.npz")
    with pytest.raises(ManifestError, match="intra_order: expected 3 channels, got 4"):
        VideoTables.load(tmp_path / "entropy.npz", tiny_video_coder.manifest(3))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"entropy\.npz: cannot read it: No such file.*; restore it"):
        VideoTables.load(tmp_path / "entropy.npz", tiny_video_coder.manifest())


def test_sizes_are_checked_before_anything_is_unpacked(tmp_path: Path) -> None:
    tiny_video_coder.tables().save(tmp_path / "good.npz")
    write_bomb(tmp_path / "good.npz", tmp_path / "bomb.npz", "intra_taps.npy", 4 * MAX_FILE_CELLS + 1)
    with pytest.raises(ManifestError, match=r"intra_taps: expected at most 4194304 numbers"):
        VideoTables.load(tmp_path / "bomb.npz", tiny_video_coder.manifest())


@pytest.mark.slow
@settings(max_examples=200)
@given(at=st.integers(0, 10**6), xor=st.integers(1, 255), cut=st.booleans())
def test_damaged_files_are_refused_or_sound(
    tmp_path_factory: pytest.TempPathFactory, at: int, xor: int, cut: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged-video.npz"
    tiny_video_coder.tables().save(path)
    data = bytearray(path.read_bytes())
    at %= len(data)
    data[at] ^= xor
    path.write_bytes(data[:at] if cut else data)
    try:
        VideoTables.load(path, tiny_video_coder.manifest())
    except ManifestError as error:
        assert "; restore it" in str(error)  # noqa: PT017
