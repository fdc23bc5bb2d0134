"""TIFF files of every kind, written by hand: a few pixels, each sample a number that the test knows."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.integer]

RAW, LZW, DEFLATE, PACKBITS = 1, 5, 8, 32773


@dataclass(frozen=True, slots=True)
class Tiff:
    """How a file is written; `written` gives its bytes.

    Attributes:
        colours: 0 white is zero, 1 black is zero, 2 RGB, 3 a palette, 5 CMYK.
        bits: of a sample.
        order: ">" or "<".
        packing: `RAW`, `LZW`, `DEFLATE` or `PACKBITS`.
        in_planes: each sample in a plane of its own.
        tile: side of tiles; 0 for strips.
        strip_rows: rows of a strip.
        has_differences: predictor 2.
        extra: what the samples beyond the colours are.
        more: further tags: numbers of 16 bits.
        is_big: BigTIFF.
        is_mirrored: the bits of each byte (fill order 2).
        profile: an ICC profile.
    """

    colours: int
    bits: int
    order: str = "<"
    packing: int = RAW
    in_planes: bool = False
    tile: int = 0
    strip_rows: int = 3
    has_differences: bool = False
    extra: tuple[int, ...] = ()
    more: tuple[tuple[int, tuple[int, ...]], ...] = ()
    is_big: bool = False
    is_mirrored: bool = False
    profile: bytes = b""

    def written(self, values: Values) -> bytes:
        """The file of samples [height, width, samples]."""
        height, width, count = values.shape
        planes = [values[..., k : k + 1] for k in range(count)] if self.in_planes else [values]
        pieces = [self._packed(piece) for plane in planes for piece in self._pieces(plane)]
        tags: dict[int, tuple[int, ...]] = {
            256: (width,),
            257: (height,),
            258: (self.bits,) * count,
            259: (self.packing,),
            262: (self.colours,),
            277: (count,),
            284: (2 if self.in_planes else 1,),
            **dict(self.more),
        }
        if self.extra:
            tags[338] = self.extra
        if self.has_differences:
            tags[317] = (2,)
        if self.profile:
            tags[34675] = tuple(self.profile)
        if self.is_mirrored:
            tags[266] = (2,)
        tags |= {322: (self.tile,), 323: (self.tile,)} if self.tile else {278: (self.strip_rows,)}
        return _file(self.order, tags, pieces, is_tiled=bool(self.tile), is_big=self.is_big)

    def _pieces(self, plane: Values) -> list[Values]:
        height, width, _ = plane.shape
        if not self.tile:
            return [plane[row : row + self.strip_rows] for row in range(0, height, self.strip_rows)]
        padded = np.pad(plane, ((0, -height % self.tile), (0, -width % self.tile), (0, 0)), mode="edge")
        steps = [range(0, side, self.tile) for side in padded.shape[:2]]
        return [padded[y : y + self.tile, x : x + self.tile] for y in steps[0] for x in steps[1]]

    def _packed(self, piece: Values) -> bytes:
        if self.has_differences:
            piece = np.mod(np.diff(piece.astype(np.int64), axis=1, prepend=0), 1 << self.bits)
        rows = piece.reshape(len(piece), -1)
        if self.bits == 16:
            body = rows.astype(f"{self.order}u2").tobytes()
        elif self.bits == 32:
            body = rows.astype(f"{self.order}u4").tobytes()
        else:
            bits = (rows[..., None].astype(np.int64) >> np.arange(self.bits - 1, -1, -1)) & 1
            body = np.packbits(bits.reshape(len(rows), -1).astype(np.uint8), axis=1).tobytes()
        body = PACKERS[self.packing](body)
        if self.is_mirrored:
            body = np.packbits(np.unpackbits(np.frombuffer(body, np.uint8)), bitorder="little").tobytes()
        return body


def _file(order: str, tags: dict[int, tuple[int, ...]], pieces: list[bytes], *, is_tiled: bool, is_big: bool) -> bytes:
    body = b""
    offsets = []
    for piece in pieces:
        offsets.append(16 + len(body))
        body += piece + bytes(len(piece) % 2)
    tags[324 if is_tiled else 273] = tuple(offsets)
    tags[325 if is_tiled else 279] = tuple(len(piece) for piece in pieces)
    long_tags = (273, 279, 324, 325)
    place = 16 + len(body)
    count, word, room = ("Q", "Q", 8) if is_big else ("H", "I", 4)
    entry = 20 if is_big else 12
    after = place + struct.calcsize(order + count) + entry * len(tags) + room
    directory, lists = struct.pack(order + count, len(tags)), b""
    for tag, numbers in sorted(tags.items()):
        kind, code = (4, "I") if tag in long_tags else (7, "B") if tag == 34675 else (3, "H")
        packed = struct.pack(f"{order}{len(numbers)}{code}", *numbers)
        if len(packed) > room:
            where = after + len(lists)
            lists += packed
            packed = struct.pack(order + word, where)
        directory += struct.pack(f"{order}HH{word}", tag, kind, len(numbers)) + packed.ljust(room, b"\0")
    mark = b"II" if order == "<" else b"MM"
    if is_big:
        head = mark + struct.pack(f"{order}HHHQ", 43, 8, 0, place)
    else:
        head = mark + struct.pack(f"{order}HI", 42, place) + bytes(8)
    return head + body + directory + bytes(room) + lists


def packbits(body: bytes) -> bytes:
    """All of it as literal runs."""
    runs = (body[at : at + 128] for at in range(0, len(body), 128))
    return b"".join(bytes((len(run) - 1,)) + run for run in runs)


def lzw(body: bytes) -> bytes:
    """All of it as codes of 9 bits: cleared before they grow."""
    codes = []
    for at in range(0, len(body), 200):
        codes += [256, *body[at : at + 200]]
    codes.append(257)
    bits = "".join(f"{code:09b}" for code in codes)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8))


PACKERS: dict[int, Callable[[bytes], bytes]] = {RAW: bytes, LZW: lzw, DEFLATE: zlib.compress, PACKBITS: packbits}
