"""The bytes of a TIFF's rows, unpacked and nothing more.

Pillow's names for what rows mean leave much out: planes of 16 bits, white that is zero, 12 bits. What packs them it
knows well, through libtiff. So it is told, by a directory of our own behind the file, that each row is one of grey
bytes; what the bytes mean is told in `tiff`.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL.TiffImagePlugin import TiffImageFile

from isthmus.common.errors import InputError

UInt8 = npt.NDArray[np.uint8]

# Those that take bytes as they come: none, LZW, deflate (two numbers), PackBits, LZMA, Zstandard.
BYTE_PACKINGS = (1, 5, 8, 32946, 32773, 34925, 50000)
READ_BYTES = 1 << 26
BAND_BYTES = 1 << 22
LONG = 4


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the pieces of one plane lie: strips, or tiles.

    Attributes:
        packing: one of `BYTE_PACKINGS`.
        fill_order: 1, or 2 where the bits of each byte are mirrored.
        height: of the picture, in rows.
        piece_rows: of a strip or tile.
        piece_bytes: of a row of a strip or tile.
        pieces_across: 1 for strips.
        offsets, sizes: of each piece, in the file.
        is_tiled: whether they are tiles.
    """

    packing: int
    fill_order: int
    height: int
    piece_rows: int
    piece_bytes: int
    pieces_across: int
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    is_tiled: bool


class RowReader:
    """The rows of one file's planes."""

    def __init__(self, data: bytes) -> None:
        """Of a TIFF of either byte order, classic or big."""
        self._file = io.BytesIO(data)
        self._size = len(data)

    def bands(self, layout: Layout) -> Iterator[UInt8]:
        """Uint8 [some rows, pieces_across, piece_bytes] after each other, until all rows are there."""
        down = -(-layout.height // layout.piece_rows)
        across = layout.pieces_across
        if min(len(layout.offsets), len(layout.sizes)) < down * across:
            raise InputError(f"expected {down * across} strips or tiles, got {len(layout.offsets)}; the file is cut")
        step = max(1, READ_BYTES // (layout.piece_rows * layout.piece_bytes * across))
        for first in range(0, down, step):
            pieces = slice(first * across, min(first + step, down) * across)
            rows = min(step * layout.piece_rows, layout.height - first * layout.piece_rows)
            read = self._read(layout, pieces, rows).reshape(rows, across, layout.piece_bytes)
            part = max(1, BAND_BYTES // (across * layout.piece_bytes))
            for row in range(0, rows, part):
                yield read[row : row + part]

    def _read(self, layout: Layout, pieces: slice, rows: int) -> UInt8:
        offsets, sizes = layout.offsets[pieces], layout.sizes[pieces]
        if any(
            at < 8 or at + (size if layout.packing != 1 else 0) > self._size
            for at, size in zip(offsets, sizes, strict=True)
        ):
            raise InputError("expected all strips or tiles inside the file; it is cut")
        width = layout.pieces_across * layout.piece_bytes
        entries: dict[int, tuple[int, ...]] = {
            256: (width,),
            257: (rows,),
            258: (8,),
            259: (layout.packing,),
            262: (1,),
            266: (layout.fill_order,),
            277: (1,),
        }
        if layout.is_tiled:
            entries |= {322: (layout.piece_bytes,), 323: (layout.piece_rows,), 324: offsets, 325: sizes}
        else:
            entries |= {273: offsets, 278: (min(layout.piece_rows, rows),), 279: sizes}
        self._write_directory(entries)
        return np.asarray(TiffImageFile(self._file))

    def _write_directory(self, entries: dict[int, tuple[int, ...]]) -> None:
        """A directory of numbers behind the file, and a head that points to it."""
        lists = b""
        place = self._size + self._size % 2
        body = place + 2 + 12 * len(entries) + 4
        directory = struct.pack("<H", len(entries))
        for tag, values in sorted(entries.items()):
            packed = struct.pack(f"<{len(values)}I", *values)
            if len(values) > 1:
                where = struct.pack("<I", body + len(lists))
                lists += packed
                packed = where
            directory += struct.pack("<HHI", tag, LONG, len(values)) + packed
        self._file.seek(0)
        self._file.write(b"II*\0" + struct.pack("<I", place))
        self._file.seek(place)
        self._file.write(directory + bytes(4) + lists)
        self._file.truncate()
        self._file.seek(0)
