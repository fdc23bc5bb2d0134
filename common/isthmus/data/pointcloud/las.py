"""LAS and LAZ: airborne and terrestrial surveys, in map coordinates.

Source: ASPRS, LAS Specification 1.4 R15. Coordinates are integers, times a scale, plus an offset, which come out in
float64. What else a point has is passed over; points marked as withheld are left out, as the specification has it.
LAZ, which is LAS whose points are compressed, is not read: lazrs, which unpacks it, ends the process on a damaged file.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.common.signals import MAX_COORDINATE

MAX_RECORD_BYTES = 4096  # of a point

_HEADER_BYTES = 227  # of versions 1.0 to 1.2; later ones go on
_LEAST_BYTES = (20, 28, 26, 34, 57, 63, 30, 36, 38, 59, 67)  # of a point, by its format
_COMPRESSED = 0x80  # a bit of the format's number, as LASzip sets it

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says of the points."""

    points: int
    points_at: int
    point_format: int
    record_bytes: int
    scale: tuple[float, ...]
    offset: tuple[float, ...]


def parse_las(data: bytes, max_count: int) -> tuple[Float64, str]:
    """Points [P, 3], and a note where some were withheld, "" otherwise.

    Args:
        data: the whole file.
        max_count: the most points that are accepted.

    Raises:
        InputError: not LAS, compressed, or damaged.
    """
    header = _header(data, max_count)
    size = header.points * header.record_bytes
    if len(data) - header.points_at < size:
        raise InputError(f"expected {size} bytes of LAS points, got {len(data) - header.points_at}")
    table = np.frombuffer(data, np.uint8, size, header.points_at)
    records = table.reshape(header.points, header.record_bytes)
    whole = records[:, :12].copy().view("<i4").astype(np.float64)
    points: Float64 = whole * np.array(header.scale) + np.array(header.offset)
    withheld = (records[:, 15] & (0x80 if header.point_format < 6 else 0x04)) != 0
    count = int(withheld.sum())
    if not count:
        return points, ""
    if count == len(points):
        raise InputError(f"expected points, got {count} that are all marked as withheld")
    return points[~withheld], f"{count} of {len(points)} points marked as withheld left out"


def _header(data: bytes, max_count: int) -> Header:
    if len(data) < _HEADER_BYTES or data[:4] != b"LASF":
        raise InputError(f"expected a LAS header of {_HEADER_BYTES} bytes that begins with LASF, got {data[:4]!r}")
    major, minor = data[24], data[25]
    if (major, minor) not in ((1, 0), (1, 1), (1, 2), (1, 3), (1, 4)):
        raise InputError(f"expected LAS 1.0 to 1.4, got {major}.{minor}")
    (points_at,) = struct.unpack_from("<I", data, 96)
    number, record_bytes, count = struct.unpack_from("<BHI", data, 104)
    if minor == 4 and len(data) >= 255:
        count = struct.unpack_from("<Q", data, 247)[0] or count
    if number & _COMPRESSED:
        raise InputError("expected LAS, got LAZ, which is compressed; unpack it: laszip -i IN.laz -o OUT.las")
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
    return Header(count, points_at, point_format, record_bytes, numbers[:3], numbers[3:])
