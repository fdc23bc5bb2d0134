"""What the header of LAS says of the points. Source: ASPRS, LAS Specification 1.4 R15."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from isthmus.common.errors import InputError
from isthmus.common.signals import MAX_COORDINATE

COORDINATE_BYTES = 12  # of a point, with which it begins
FLAGS_AT = 15  # in a point: which of its bits marks it as withheld goes by its format
MAX_RECORD_BYTES = 4096  # of a point

_HEADER_BYTES = 227  # of versions 1.0 to 1.2; later ones go on
_LEAST_BYTES = (20, 28, 26, 34, 57, 63, 30, 36, 38, 59, 67)  # of a point, by its format
_COMPRESSED = 0x80  # a bit of the format's number, as LASzip sets it


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says of the points."""

    points: int
    points_at: int
    point_format: int
    record_bytes: int
    scale: tuple[float, ...]
    offset: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    is_packed: bool


def las_header(data: bytes, max_count: int = 1 << 40) -> Header:
    """The header of LAS or LAZ.

    Args:
        data: the whole file.
        max_count: the most points that are accepted.

    Raises:
        InputError: not LAS, or damaged.
    """
    if len(data) < _HEADER_BYTES or data[:4] != b"LASF":
        raise InputError(f"expected a LAS header of {_HEADER_BYTES} bytes that begins with LASF, got {data[:4]!r}")
    major, minor = data[24], data[25]
    if (major, minor) not in ((1, 0), (1, 1), (1, 2), (1, 3), (1, 4)):
        raise InputError(f"expected LAS 1.0 to 1.4, got {major}.{minor}")
    (points_at,) = struct.unpack_from("<I", data, 96)
    number, record_bytes, count = struct.unpack_from("<BHI", data, 104)
    if minor == 4 and len(data) >= 255:
        count = struct.unpack_from("<Q", data, 247)[0] or count
    point_format = number & 0x3F
    if point_format >= len(_LEAST_BYTES) or not _LEAST_BYTES[point_format] <= record_bytes <= MAX_RECORD_BYTES:
        raise InputError(f"expected LAS points of format 0 to 10, got {point_format} of {record_bytes} bytes")
    if not 0 < count <= max_count:
        raise InputError(f"expected 1 to {max_count} points, got {count}")
    if not _HEADER_BYTES <= points_at <= len(data):
        raise InputError(f"expected LAS points behind the header, within {len(data)} bytes, got them at {points_at}")
    numbers = struct.unpack_from("<6d", data, 131)
    if not (np.abs(numbers) <= MAX_COORDINATE).all() or 0 in numbers[:3]:
        raise InputError(f"expected LAS scales that are not 0, and none or an offset beyond 1e15, got {list(numbers)}")
    box = struct.unpack_from("<6d", data, 179)
    is_packed = bool(number & _COMPRESSED)
    return Header(
        count, points_at, point_format, record_bytes, numbers[:3], numbers[3:], box[1::2], box[::2], is_packed
    )
