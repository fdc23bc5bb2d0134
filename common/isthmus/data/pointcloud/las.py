"""LAS and LAZ: airborne and terrestrial surveys, in map coordinates.

Source: ASPRS, LAS Specification 1.4 R15. Coordinates are integers, times a scale, plus an offset, which come out in
float64. What else a point has is passed over; points marked as withheld are left out, as the specification has it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError
from isthmus.data.pointcloud.las_header import COORDINATE_BYTES, FLAGS_AT, Header, las_header
from isthmus.data.pointcloud.laz import unpacked

Float64 = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]


def parse_las(data: bytes, max_count: int) -> tuple[Float64, tuple[str, ...]]:
    """Points [P, 3], and notes: where some were withheld, or are where they should not be.

    Args:
        data: the whole file.
        max_count: the most points that are accepted.

    Raises:
        InputError: not LAS, or damaged.
        MissingDependencyError: LAZ, and what unpacks it is not installed.
    """
    header = las_header(data, max_count)
    coordinates, flags = unpacked(data, header) if header.is_packed else _plain(data, header)
    whole = coordinates.copy().view("<i4").astype(np.float64)
    points: Float64 = whole * np.array(header.scale) + np.array(header.offset)
    notes = _outside(points, header) if header.is_packed else ()
    withheld = (flags & (0x80 if header.point_format < 6 else 0x04)) != 0
    count = int(withheld.sum())
    if not count:
        return points, notes
    if count == len(points):
        raise InputError(f"expected points, got {count} that are all marked as withheld")
    return points[~withheld], (f"{count} of {len(points)} points marked as withheld left out", *notes)


def _plain(data: bytes, header: Header) -> tuple[Bytes, Bytes]:
    """Coordinates uint8 [P, 12] and flags uint8 [P]."""
    size = header.points * header.record_bytes
    if len(data) - header.points_at < size:
        raise InputError(f"expected {size} bytes of LAS points, got {len(data) - header.points_at}")
    records = np.frombuffer(data, np.uint8, size, header.points_at).reshape(header.points, header.record_bytes)
    return records[:, :COORDINATE_BYTES], records[:, FLAGS_AT]


def _outside(points: Float64, header: Header) -> tuple[str, ...]:
    slack = np.abs(header.scale)
    with np.errstate(invalid="ignore", over="ignore"):
        inside = ((points >= np.array(header.low) - slack) & (points <= np.array(header.high) + slack)).all(1)
    count = int((~inside).sum())
    if not count:
        return ()
    return (f"{count} of {len(points)} points lie outside the box of the header: the file may be damaged",)
