"""What Pillow leaves out of PNG files: the low bytes of 16-bit colours, transparency that is told in samples of the
file (16 bits, or 2 and 4 bits of grey), and the chunks that tell of colours.

Of those chunks the first in this order counts, as the standard has it: cICP, iCCP, sRGB, then gAMA and cHRM.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL.PngImagePlugin import PngImageFile

from isthmus.data.image.named_space import space_of_codes, space_of_gamma
from isthmus.data.image.picture import Picture

UInt16 = npt.NDArray[np.uint16]

SIGNATURE = b"\x89PNG\r\n\x1a\n"
GREY, RGB, GREY_ALPHA, RGBA = 0, 2, 4, 6
HEAD_END = 33


@dataclass(frozen=True, slots=True)
class Head:
    """What a PNG file says before its pixels.

    Attributes:
        bits: of a sample.
        colours: what a pixel is made of: one of the standard's numbers.
        chunks: body by name, the first of each name.
    """

    bits: int
    colours: int
    chunks: dict[bytes, bytes]

    @property
    def is_grey(self) -> bool:
        """Whether a pixel is grey, with alpha or without."""
        return self.colours in {GREY, GREY_ALPHA}


def png_head(data: bytes) -> Head:
    """Of a file that Pillow has opened as PNG, so it has one."""
    chunks: dict[bytes, bytes] = {}
    for name, body in _chunks_before_pixels(data):
        chunks.setdefault(name, body)
    bits, colours = data[24:26]
    return Head(bits, colours, chunks)


def png_profile(head: Head, info: dict[str | tuple[int, int], Any]) -> bytes | None:
    """The ICC profile of the file's colours, its own or one made from what it says; None for sRGB.

    Args:
        head: of the file.
        info: what Pillow has read.

    Raises:
        InputError: high dynamic range.
    """
    told = head.chunks.get(b"cICP", b"")
    if len(told) >= 2:
        return space_of_codes(told[0], told[1]).profile(is_grey=head.is_grey)
    if profile := info.get("icc_profile"):
        return bytes(profile)
    if b"sRGB" in head.chunks:
        return None
    return space_of_gamma(info.get("gamma"), info.get("chromaticity")).profile(is_grey=head.is_grey)


def transparent_level(head: Head, info: dict[str | tuple[int, int], Any]) -> int | None:
    """Which level of Pillow's grey is transparent, where the file's samples of 2 or 4 bits tell it; else None."""
    told = info.get("transparency")
    if head.colours != GREY or head.bits not in {2, 4} or not isinstance(told, int):
        return None
    return (told & ((1 << head.bits) - 1)) * 255 // ((1 << head.bits) - 1)


def deep_png(opened: PngImageFile, data: bytes, head: Head, orientation: int) -> Picture:
    """A picture of 16 bits a sample, all of them; `opened` is loaded."""
    alpha: UInt16 | None = None
    if head.colours == GREY:
        samples = np.asarray(opened).astype(np.uint16)[..., None]
    elif head.colours == GREY_ALPHA:
        # Four bytes a pixel, as RGBA of 8 bits has them.
        pairs = np.asarray(_first_frame(_as_bytes(data))).view(">u2").astype(np.uint16)
        samples, alpha = pairs[..., :1], pairs[..., 1]
    else:
        # Pillow's two ways to read 16 bits take one byte each.
        low = _first_frame(data)
        low.tile = [tile._replace(args="RGB;16L" if head.colours == RGB else "RGBA;16L") for tile in low.tile]
        both: UInt16 = np.asarray(opened).astype(np.uint16)
        both <<= 8
        both |= np.asarray(low)
        samples, alpha = both[..., :3], both[..., 3] if head.colours == RGBA else None
    told = opened.info.get("transparency")
    if head.colours in {GREY, RGB} and told is not None:
        alpha = np.where((samples == np.array(told, np.uint16)).all(axis=2), 0, 65535).astype(np.uint16)
    return Picture(samples, alpha, png_profile(head, opened.info), orientation)


def _first_frame(data: bytes) -> PngImageFile:
    return PngImageFile(io.BytesIO(data))


def _as_bytes(data: bytes) -> bytes:
    """The file, its 16-bit grey and alpha called 8-bit RGBA."""
    head = b"IHDR" + data[16:24] + bytes((8, RGBA)) + data[26:29]
    return data[:12] + head + struct.pack(">I", zlib.crc32(head)) + data[HEAD_END:]


def _chunks_before_pixels(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at + 8 <= len(data) and (name := data[at + 4 : at + 8]) not in {b"IDAT", b"IEND"}:
        size = int.from_bytes(data[at : at + 4], "big")
        yield name, data[at + 8 : at + 8 + size]
        at += size + 12
