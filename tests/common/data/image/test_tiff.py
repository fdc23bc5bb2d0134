"""TIFF beside tifffile, an independent writer; what a hostile directory may not cost; many strips; several pages."""

from __future__ import annotations

import io
import struct
import time
from itertools import product
from typing import Any

import numpy as np
import pytest
import tifffile
from support.image_cases import levels, samples_of
from support.tiff_files import DEFLATE, RAW, Tiff

from isthmus.common.errors import InputError
from isthmus.data.image.files import read_image
from isthmus.data.image.tiff import FIRST_PAGE
from isthmus.data.image.tiff_rows import Layout, RowReader
from isthmus.data.image.tiff_tags import Tags


def written(values: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, values, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("kind", "order", "photometric", "planes", "tile", "packing"),
    list(
        product(
            (np.uint8, np.uint16),
            "<>",
            ("minisblack", "miniswhite", "rgb"),
            ("contig", "separate"),
            (None, (16, 32)),
            (None, "zlib"),
        )
    ),
)
def test_what_tifffile_writes(
    kind: type, order: str, photometric: str, planes: str, tile: tuple[int, int] | None, packing: str | None
) -> None:
    bits = np.dtype(kind).itemsize * 8
    values = samples_of(bits, 3 if photometric == "rgb" else 1).astype(kind)
    stored = values[..., 0] if photometric != "rgb" else values.transpose(2, 0, 1) if planes == "separate" else values
    options: dict[str, Any] = {"planarconfig": planes} if photometric == "rgb" else {}
    data = written(stored, byteorder=order, photometric=photometric, tile=tile, compression=packing, **options)
    most = (1 << bits) - 1
    seen = np.broadcast_to(levels(most - values if photometric == "miniswhite" else values, bits), (7, 21, 3))
    assert np.array_equal(read_image(data).pixels, seen)


def test_what_tifffile_writes_and_is_refused() -> None:
    for kind, word in ((np.int16, "signed"), (np.float32, "floats"), (np.float64, "floats"), (np.uint32, "got 32")):
        with pytest.raises(InputError, match=word):
            read_image(written(samples_of(7, 1)[..., 0].astype(kind)))
    with pytest.raises(InputError, match="save the wanted bands"):
        read_image(written(samples_of(8, 5).astype(np.uint8), photometric="minisblack", planarconfig="contig"))


def test_pages() -> None:
    values = samples_of(16, 1)[..., 0].astype(np.uint16)
    alone, several = written(values), written(np.stack((values, values[::-1])), photometric="minisblack")
    assert read_image(alone).notes == ()
    found = read_image(several)
    assert found.notes == (FIRST_PAGE,)
    assert np.array_equal(found.pixels, read_image(alone).pixels)


def test_a_picture_of_many_bands() -> None:
    """More rows than are unpacked at a time, in strips of another height."""
    values = np.random.default_rng(0).integers(0, 1 << 16, (700, 40, 3)).astype(np.uint16)
    for packing in (RAW, DEFLATE):
        kind = Tiff(2, 16, packing=packing, strip_rows=9)
        assert np.array_equal(read_image(kind.written(values)).pixels, levels(values, 16))


def test_bands_end_where_pieces_do() -> None:
    """Pieces that are read by halves give the same rows."""
    data = bytes(8) + bytes(range(256)) * 16 * 100 * 100
    layout = Layout(
        1, 1, 100 * 100, 100, 4096, 1, tuple(8 + 409600 * k for k in range(100)), (409600,) * 100, is_tiled=False
    )

    bands = list(RowReader(data).bands(layout))
    assert sum(len(band) for band in bands) == 100 * 100
    assert len(bands) > 1
    assert all((band == np.tile(np.arange(256, dtype=np.uint8), 16)).all() for band in bands)


def test_hostile_directories() -> None:
    """Tags that lie outside, that each claim all of the file, or that come around to themselves."""
    for order, mark in (("<", b"II"), (">", b"MM")):
        head = mark + struct.pack(f"{order}HI", 42, 8)
        with pytest.raises(InputError, match="inside the file"):
            read_image(head + struct.pack(f"{order}H", 65535) + bytes(100))
        with pytest.raises(InputError, match="it is cut"):
            read_image(mark + struct.pack(f"{order}HI", 42, 2**32 - 1) + bytes(100))
        entry = struct.pack(f"{order}HHII", 273, 4, 2**31, 8)
        with pytest.raises(InputError, match="expected"):
            read_image(head + struct.pack(f"{order}H", 1) + entry + bytes(100))
        # 65,535 tags of a megabyte each: none is read but those that are asked for.
        many = b"".join(struct.pack(f"{order}HHII", 1000 + k % 60000, 1, 1 << 20, 8) for k in range(65535))
        start = time.perf_counter()
        with pytest.raises(InputError):
            read_image(head + struct.pack(f"{order}H", 65535) + many + bytes(1 << 20))
        assert time.perf_counter() - start < 2
    loop = b"II" + struct.pack("<HI", 42, 8) + struct.pack("<H", 1) + struct.pack("<HHII", 256, 3, 1, 1)
    assert Tags(loop + struct.pack("<I", 8)).has_next_page()


def test_claims_are_refused_before_memory_is_taken() -> None:
    for width, height in ((60000, 60000), (65535, 1 << 30), (0, 5), (5, 0)):
        kind = Tiff(1, 16, more=((256, (min(width, 65535),)), (257, (min(height, 65535),))))
        with pytest.raises(InputError, match="expected"):
            read_image(kind.written(samples_of(16, 1)))


def test_tags_of_other_types() -> None:
    """Rational numbers, and texts, where whole numbers are expected."""
    entry = struct.pack("<HHII", 256, 5, 1, 8)
    with pytest.raises(InputError, match="whole numbers in tag 256, got type 5"):
        read_image(b"II*\0" + struct.pack("<I", 16) + bytes(8) + struct.pack("<H", 1) + entry + bytes(4))
