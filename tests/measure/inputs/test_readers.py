"""The readers that are given damaged files: every suffix has one, every small file is read, and a sample holds."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from isthmus.common.catalog import SIGNALS
from isthmus.common.errors import InputError
from isthmus.data.bag.formats import SUFFIXES as BAGS
from isthmus.data.image.files import read_image
from isthmus.data.labelled_files import TABLES
from isthmus.measure.inputs.clouds import npz
from isthmus.measure.inputs.pictures import png_files
from isthmus.measure.inputs.reader import Reader
from isthmus.measure.inputs.readers import READERS
from isthmus.measure.inputs.spoil import spoiled
from isthmus.measure.inputs.sums import with_e57_sums, with_png_sums, with_zip_sums
from isthmus.measure.inputs.trial import READ, REFUSED, outcome_of

SAMPLE = 24
"""Damaged files of each; `isthmus measure inputs` takes more than a thousand."""
MOST_FILE_BYTES = 10_000


def test_names_are_said_once() -> None:
    assert len({reader.name for reader in READERS}) == len(READERS)


@pytest.mark.parametrize("name", SIGNALS)
def test_every_suffix_that_is_read_has_damaged_files(name: str) -> None:
    """A new format is a line in `isthmus.measure.inputs.readers`."""
    signal = name.replace("-", "")
    covered = {suffix for reader in READERS if reader.signal == signal for suffix in reader.suffixes}
    assert set(SIGNALS[name].suffixes) - covered == set()


def test_other_files_have_them_too() -> None:
    others = ("bag", "labels", "network")
    covered = {suffix for reader in READERS if reader.signal in others for suffix in reader.suffixes}
    assert covered == {*BAGS, *TABLES, ".npz", ".h5", ".onnx"}


@pytest.mark.parametrize("reader", READERS, ids=lambda r: r.name)
def test_small_files_are_read(reader: Reader, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    files = reader.files()
    capfd.readouterr()  # encoders talk
    for data in files:
        assert 0 < len(data) < MOST_FILE_BYTES
        path = tmp_path / f"file{reader.suffixes[0]}"
        path.write_bytes(data)
        reader.read(path)


@pytest.mark.parametrize("reader", READERS, ids=lambda r: r.name)
def test_a_sample_of_damaged_files(reader: Reader, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """In this process, which is quicker; the command takes one of its own."""
    files, path = reader.files(), tmp_path / f"file{reader.suffixes[0]}"
    outcomes = {}
    for case in range(len(files), len(files) + round(SAMPLE * reader.share)):
        mutation, data = spoiled(files, case, f"5 {reader.name}")
        outcomes[mutation, data] = outcome_of(reader, path, data)
    assert {k: v for k, v in outcomes.items() if v not in (READ, REFUSED)} == {}
    assert reader.share < 1 or REFUSED in outcomes.values()
    capfd.readouterr()


def test_sums_of_a_png_are_mended() -> None:
    whole = png_files()[0]
    assert with_png_sums(whole) == whole
    # The last byte of the height, a row less than there is, and its sum is wrong.
    changed = whole[:23] + bytes([whole[23] ^ 1]) + whole[24:]
    assert with_png_sums(changed) != changed
    with pytest.raises(InputError, match="expected an image"):
        read_image(changed)
    assert read_image(with_png_sums(changed)).pixels.shape == (4, 7, 3)
    assert with_png_sums(whole[:50])[:50] == whole[:50]


def test_sums_of_a_zip_are_mended() -> None:
    whole = npz(a=np.arange(40))
    stored = io.BytesIO()
    np.savez(stored, a=np.arange(40))
    assert with_zip_sums(whole) == whole
    assert with_zip_sums(stored.getvalue()) == stored.getvalue()
    changed = stored.getvalue().replace(np.int64(7).tobytes(), np.int64(9).tobytes())
    with pytest.raises(zipfile.BadZipFile, match="CRC"):
        np.load(io.BytesIO(changed))["a"]
    assert np.load(io.BytesIO(with_zip_sums(changed)))["a"][7] == 9


def test_sums_of_e57_are_castagnoli_s() -> None:
    """RFC 3720, B.4: of 32 bytes of zeros, and of the numbers from 0 on; a page is whole or the rest."""
    assert with_e57_sums(bytes(32))[-4:].hex() == "8a9136aa"
    assert with_e57_sums(bytes(range(32)))[-4:].hex() == "46dd794e"
    pages = with_e57_sums(bytes(3000))
    assert len(pages) == 3000 // 1024 * 1024 + 3000 % 1024 + 4
    assert with_e57_sums(pages[:2048]) == pages[:2048]
