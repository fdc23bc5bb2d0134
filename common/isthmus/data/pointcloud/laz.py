"""LAZ: LAS whose points are packed by LASzip. Needs lazrs (extra `laz`).

lazrs ends the process on some damaged files (it takes a chunk table at its word), so it runs in one of its own. Only
coordinates and the flags come back. LASzip has no checksum: a flipped bit makes other points, which the box that the
header names gives away in most cases.
"""

from __future__ import annotations

import io
import struct
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError, MissingDependencyError
from isthmus.data.apart import run_apart
from isthmus.data.pointcloud.las_header import COORDINATE_BYTES, FLAGS_AT, Header, las_header

_VLR_BYTES = 54
_LASZIP_RECORD = 22204
_BLOCK_POINTS = 1 << 16


def unpacked(data: bytes, header: Header) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Coordinates uint8 [P, 12] and flags uint8 [P], as they are in the records of LAS.

    Raises:
        InputError: damaged.
        MissingDependencyError: lazrs is not installed.
    """
    if find_spec("lazrs") is None:
        raise MissingDependencyError(
            "LAZ needs lazrs: pip install 'isthmus[laz]'; or unpack it: laszip -i IN.laz -o OUT.las"
        )
    rows = np.frombuffer(run_apart(unpack, data, "LAZ"), np.uint8)
    if rows.size != header.points * (COORDINATE_BYTES + 1):
        raise InputError(f"expected {header.points} points of LAZ, got {rows.size} bytes of them")
    rows = rows.reshape(header.points, COORDINATE_BYTES + 1)
    return rows[:, :COORDINATE_BYTES], rows[:, COORDINATE_BYTES]


def unpack(data: bytes) -> bytes:
    """What `unpacked` makes its arrays of; apart, as damaged data may end the process."""
    import lazrs

    header = las_header(data)
    record = _laszip_record(data)
    try:
        item_bytes = lazrs.LazVlr(record).item_size()
        if item_bytes != header.record_bytes:
            raise InputError(
                f"expected LAZ points of {header.record_bytes} bytes, as the header says, got {item_bytes}"
            )
        source = io.BytesIO(data)
        source.seek(header.points_at)
        reader = lazrs.LasZipDecompressor(source, record)
        found = bytearray()
        for start in range(0, header.points, _BLOCK_POINTS):
            block = bytearray(min(_BLOCK_POINTS, header.points - start) * item_bytes)
            reader.decompress_many(block)
            records = np.frombuffer(block, np.uint8).reshape(-1, item_bytes)
            found += records[:, [*range(COORDINATE_BYTES), FLAGS_AT]].tobytes()
    except (lazrs.LazrsError, OSError, ValueError, OverflowError) as error:
        raise InputError(f"expected LAZ points that can be unpacked, got damaged ones: {error}") from error
    return bytes(found)


def _laszip_record(data: bytes) -> bytes:
    """How the points are packed: a record behind the header."""
    (at,) = struct.unpack_from("<H", data, 94)
    (count,) = struct.unpack_from("<I", data, 100)
    for _ in range(count):
        if at + _VLR_BYTES > len(data):
            break
        user, number, size = struct.unpack_from("<2x16sHH", data, at)
        if number == _LASZIP_RECORD and user.rstrip(b"\0") == b"laszip encoded":
            return data[at + _VLR_BYTES : at + _VLR_BYTES + size]
        at += _VLR_BYTES + size
    raise InputError("expected a record 'laszip encoded' behind the header of LAZ, got none")
