"""What a hostile cloud may send for an image: nothing of it is decoded, and none of it is taken for the image."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st

from isthmus.common.errors import MessageError
from isthmus.common.protocol import FrameReconstruction
from isthmus.common.signals import Image
from isthmus.data.image import received
from isthmus.data.image.fast_png import fast_png
from isthmus.data.image.received import pixels_of

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 40, 3)).astype(np.uint8)


def result(png: bytes | None = None, height: int = 24, width: int = 40) -> FrameReconstruction:
    data = fast_png(Image(PIXELS)) if png is None else png
    return FrameReconstruction(height, width, zlib.crc32(PIXELS.tobytes()), data)


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def saved(pixels: npt.NDArray[np.uint8], **options: Any) -> bytes:
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "png", **options)
    return file.getvalue()


def test_what_clouds_send_is_taken_by_whomever_it_was_written() -> None:
    assert np.array_equal(pixels_of(result()).pixels, PIXELS)
    assert np.array_equal(pixels_of(result(saved(PIXELS))).pixels, PIXELS)
    large = np.random.default_rng(1).integers(0, 256, (700, 900, 3)).astype(np.uint8)
    for level in (0, 6):
        png = saved(large, compress_level=level)
        assert np.array_equal(pixels_of(FrameReconstruction(700, 900, zlib.crc32(large.tobytes()), png)).pixels, large)


def bomb() -> bytes:
    """A file of 40,000 x 40,000 pixels that says in its result to be a small one."""
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1 << 22))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def with_chunk(name: bytes, body: bytes) -> bytes:
    good = fast_png(Image(PIXELS))
    return good[:33] + chunk(name, body) + good[33:]


HOSTILE = {
    "other pixels": saved(255 - PIXELS),
    "another size": saved(PIXELS[:, :39]),
    "a bomb": bomb(),
    "grey": saved(PIXELS[:, :, 0]),
    "interlaced": fast_png(Image(PIXELS))[:28] + b"\x01" + fast_png(Image(PIXELS))[29:],
    "a profile": with_chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(1 << 20))),
    "text": with_chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(1 << 20))),
    "more behind it": fast_png(Image(PIXELS)) + b"PK\x03\x04",
    "megabytes": fast_png(Image(PIXELS)) + bytes(1 << 20),
    "cut": fast_png(Image(PIXELS))[:-40],
    "no end": fast_png(Image(PIXELS))[:-12],
    "a JPEG": b"\xff\xd8\xff\xe0" + bytes(100),
    "nothing": b"\x89PNG\r\n\x1a\n",
    "half of the pixels": b"".join(
        (fast_png(Image(PIXELS))[:33], chunk(b"IDAT", zlib.compress(bytes(100))), chunk(b"IEND", b""))
    ),
}


@pytest.mark.parametrize("png", HOSTILE.values(), ids=HOSTILE.keys())
def test_another_file_is_refused(png: bytes) -> None:
    with pytest.raises(MessageError, match="reconstruction: expected"):
        pixels_of(result(png))


def test_a_size_that_no_image_has_is_refused_before_anything_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(received, "read_image", fails)
    for hostile in (result(height=65_535, width=65_535), result(bomb()), result(HOSTILE["a profile"])):
        with pytest.raises(MessageError):
            pixels_of(hostile)


def test_pixels_are_held_against_their_checksum() -> None:
    with pytest.raises(MessageError, match="expected pixels of CRC-32 00000007"):
        pixels_of(replace(result(), pixels_crc32=7))


@given(st.data())
def test_damaged_files_end(data: st.DataObject) -> None:
    good = bytearray(fast_png(Image(PIXELS)))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = pixels_of(result(bytes(good)))
    except MessageError:
        return
    assert np.array_equal(found.pixels, PIXELS)
