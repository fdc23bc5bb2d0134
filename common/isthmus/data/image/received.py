"""A reconstruction as it came from a cloud, which may be anybody's: nothing is decoded before it is known to be small.

The file must be what clouds write (`fast_png`): 8-bit RGB of the size that the result says, in the chunks that make it
up and no others, no longer than such pixels can be. What comes of it is held against its checksum.
"""

from __future__ import annotations

import struct
import zlib

from isthmus.common.errors import InputError, MessageError
from isthmus.common.protocol import FrameReconstruction
from isthmus.common.signals import MAX_PIXELS, Image
from isthmus.data.image.fast_png import BIT_DEPTH, RGB, SIGNATURE
from isthmus.data.image.files import read_image

HEADER_BYTES = 13
CHUNK_BYTES = 12
MAX_CHUNKS = 1 << 16
# Deflate lengthens what it cannot shorten by 5 bytes in 16 KiB at most; some writers cut chunks of 8 KiB.
SPARE_SHARE, SPARE_BYTES = 256, 4096


def pixels_of(found: FrameReconstruction) -> Image:
    """The pixels of a result that has them.

    Raises:
        MessageError: it is no such file, or not of the pixels that the result tells of.
    """
    _check_file(found)
    try:
        image = read_image(found.png, format="png")
    except InputError as error:
        raise MessageError(f"reconstruction: expected a sound PNG: {error}") from error
    checksum = zlib.crc32(image.pixels.data)
    if checksum != found.pixels_crc32:
        raise MessageError(
            f"reconstruction: expected pixels of CRC-32 {found.pixels_crc32:08x}, as it says, got {checksum:08x}"
        )
    return image


def _check_file(found: FrameReconstruction) -> None:
    height, width, data = found.height, found.width, found.png
    if height * width > MAX_PIXELS:
        raise MessageError(f"reconstruction: expected at most {MAX_PIXELS} pixels, got {width} x {height}")
    raw_bytes = height * (1 + 3 * width)
    most_bytes = raw_bytes + raw_bytes // SPARE_SHARE + SPARE_BYTES
    if len(data) > most_bytes:
        raise MessageError(
            f"reconstruction: expected at most {most_bytes} bytes for {width} x {height} pixels, got {len(data)}"
        )
    if data[: len(SIGNATURE)] != SIGNATURE:
        raise MessageError("reconstruction: expected a PNG file, got something else")
    header = struct.pack(">IIBBBBB", width, height, BIT_DEPTH, RGB, 0, 0, 0)
    at, count, name = len(SIGNATURE), 0, b""
    while at < len(data):
        if len(data) - at < CHUNK_BYTES or count == MAX_CHUNKS:
            raise MessageError(f"reconstruction: expected up to {MAX_CHUNKS} whole chunks, got more or a part of one")
        size, name = int.from_bytes(data[at : at + 4]), data[at + 4 : at + 8]
        if count == 0 and (name != b"IHDR" or data[at + 8 : at + 8 + HEADER_BYTES] != header):
            raise MessageError(f"reconstruction: expected a PNG of {width} x {height} pixels, 8-bit RGB, got another")
        if count and name not in (b"IDAT", b"IEND"):
            raise MessageError(f"reconstruction: expected chunks of pixels alone, got {name!r}")
        at, count = at + CHUNK_BYTES + size, count + 1
        if name == b"IEND":
            break
    if name != b"IEND" or at != len(data):
        raise MessageError("reconstruction: expected the file to end with its IEND")
