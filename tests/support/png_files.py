"""PNG files of every kind, written by hand: a few pixels, each sample a number that the test knows."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def png(
    samples: Any, colours: int, bits: int, chunks: tuple[tuple[bytes, bytes], ...] = (), *, is_interlaced: bool = False
) -> bytes:
    """The file of samples [height, width, channels]; `chunks` stand before the pixels."""
    height, width, _ = samples.shape
    parts = [samples[y::dy, x::dx] for y, x, dy, dx in PASSES] if is_interlaced else [samples]
    rows = b"".join(_rows(part, bits) for part in parts if part.size)
    head = struct.pack(">IIBBBBB", width, height, bits, colours, 0, 0, is_interlaced)
    body = ((b"IHDR", head), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*one) for one in body)


def chunk(name: bytes, body: bytes) -> bytes:
    """One chunk, with its length and sum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def icc(profile: bytes) -> tuple[bytes, bytes]:
    """The chunk of an ICC profile."""
    return b"iCCP", b"any\0\0" + zlib.compress(profile)


def gamma(value: float) -> tuple[bytes, bytes]:
    """The chunk of a gamma."""
    return b"gAMA", struct.pack(">I", round(value * 100_000))


def chromaticity(*values: float) -> tuple[bytes, bytes]:
    """The chunk of white, red, green and blue."""
    return b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in values))


def _rows(samples: Any, bits: int) -> bytes:
    """Packed rows, filtered by nothing, by the left and by what is above in turn."""
    flat = samples.reshape(len(samples), -1)
    if bits == 16:
        packed = np.frombuffer(flat.astype(">u2").tobytes(), np.uint8).reshape(len(flat), -1)
    else:
        unpacked = (flat[..., None].astype(np.int64) >> np.arange(bits - 1, -1, -1)) & 1
        packed = np.packbits(unpacked.reshape(len(flat), -1).astype(np.uint8), axis=1)
    step = max(1, bits * samples.shape[2] // 8)
    rows, above = [], np.zeros(packed.shape[1], np.uint8)
    for index, row in enumerate(packed):
        left = np.concatenate((np.zeros(step, np.uint8), row[:-step]))[: len(row)]
        rows.append(bytes((index % 3,)) + (row - (np.zeros_like(row), left, above)[index % 3]).tobytes())
        above = row
    return b"".join(rows)
