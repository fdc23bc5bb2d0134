"""The cosine transform of latents over tiles of their grid, inverse in exact integers. Implements BITSTREAM.md §9.5.

A channel's latents vary slowly over the grid, more so at few bits, and most of them in a frame's middle are like their
neighbours. So key frames code, instead of latents, their cosine transform over tiles of up to T x T: the whole grid
where it is no larger. Only the inverse decides anything, and it is integers: two products with a basis of integers, and
one rounding at the end.
"""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Float32 = NDArray[np.float32]

BASIS_BITS = 13
MAX_TILE = 16
MAX_COEFFICIENT = 1 << 24
"""Largest magnitude that is transformed back: products then stay within 63 bits."""


@cache
def basis(length: int) -> Int64:
    """Row u: the cosine of frequency u at `length` places, orthonormal, in 1/8192; int64 `[length, length]`."""
    rows = [
        [
            round(
                math.sqrt((2 if u else 1) / length) * math.cos(math.pi * (2 * x + 1) * u / (2 * length)) * 2**BASIS_BITS
            )
            for x in range(length)
        ]
        for u in range(length)
    ]
    made = np.array(rows, np.int64)
    made.flags.writeable = False
    return made


def spans(length: int, tile: int) -> list[tuple[int, int]]:
    """Where the tiles along a side begin and end: as few as may be, as even as may be, the longer ones first."""
    count = -(-length // tile)
    short, longer = divmod(length, count)
    ends = [0]
    for k in range(count):
        ends.append(ends[-1] + short + (k < longer))
    return list(pairwise(ends))


def forward(latents: Float32, tile: int) -> Float32:
    """Coefficients float32 `[M, h, w]` of latents `[M, h, w]`, each tile's in the tile's place."""
    made = np.empty(latents.shape, np.float32)
    for top, bottom in spans(latents.shape[1], tile):
        down = basis(bottom - top).astype(np.float32) / 2**BASIS_BITS
        for left, right in spans(latents.shape[2], tile):
            across = basis(right - left).astype(np.float32) / 2**BASIS_BITS
            made[:, top:bottom, left:right] = down @ latents[:, top:bottom, left:right] @ across.T
    return made


def inverse(coefficients: Int64, tile: int) -> Int64:
    """Latents int64 `[M, h, w]` of coefficients `[M, h, w]`, whose magnitudes are at most `MAX_COEFFICIENT`."""
    made = np.empty(coefficients.shape, np.int64)
    half = 1 << (2 * BASIS_BITS - 1)
    for top, bottom in spans(coefficients.shape[1], tile):
        down = basis(bottom - top)
        for left, right in spans(coefficients.shape[2], tile):
            across = basis(right - left)
            sums = down.T @ coefficients[:, top:bottom, left:right] @ across
            made[:, top:bottom, left:right] = (sums + half) >> (2 * BASIS_BITS)
    return made


def frequencies(length: int, tile: int, resolution: int) -> Int32:
    """Of each place along a side, which of `resolution` bands of frequency its coefficient is in, int32 `[length]`."""
    bands = np.empty(length, np.int32)
    for begin, end in spans(length, tile):
        bands[begin:end] = np.arange(end - begin) * resolution // (end - begin)
    return bands
