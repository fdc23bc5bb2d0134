"""Colours out of a Bayer pattern, where every pixel has seen one of three: each other is the mean of its neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError

PATTERNS = {f"bayer_{letters}": letters for letters in ("rggb", "bggr", "gbrg", "grbg")}
"""By the name of the encoding without its bits: the colours of the first two pixels of the first two rows."""

BLOCK_PIXELS = 1 << 20


def demosaiced(mosaic: npt.NDArray[Any], letters: str) -> npt.NDArray[Any]:
    """Red, green and blue ``[height, width, 3]`` of a mosaic ``[height, width]``, rounded, of its type.

    Args:
        mosaic: uint8 or uint16, of two rows and columns at least.
        letters: a value of `PATTERNS`.

    Raises:
        InputError: fewer rows or columns.
    """
    height, width = mosaic.shape
    if min(height, width) < 2:
        raise InputError(f"expected a Bayer pattern of 2 x 2 pixels or more, got {height} x {width}")
    found = np.empty((height, width, 3), mosaic.dtype)
    # Mirrored without the edge itself, so that the pattern goes on.
    wide = np.pad(mosaic, 1, mode="reflect")
    step = max(2, BLOCK_PIXELS // width // 2 * 2)
    for start in range(0, height, step):
        rows = wide[start : start + step + 2]
        for channel, letter in enumerate("rgb"):
            found[start : start + step, :, channel] = _means(rows, [k for k in range(4) if letters[k] == letter])
    return found


def _means(rows: npt.NDArray[Any], places: list[int]) -> npt.NDArray[np.uint32]:
    """One colour of all rows and columns but the outermost, which are seen as neighbours.

    Args:
        rows: the pattern's first pixel is at row 1, column 1.
        places: that the colour has in the pattern, 0 to 3.
    """
    plane = np.zeros(rows.shape, np.uint32)
    for place in places:
        seen = slice((place // 2 + 1) % 2, None, 2), slice((place + 1) % 2, None, 2)
        plane[seen] = rows[seen]
    middle, pair = plane[1:-1], plane[:-2] + plane[2:]
    if len(places) == 2:  # green, which is next to all others on four sides
        total = 4 * middle[:, 1:-1] + middle[:, :-2] + middle[:, 2:] + pair[:, 1:-1]
    else:
        pair += 2 * middle
        total = pair[:, :-2] + 2 * pair[:, 1:-1] + pair[:, 2:]
    return (total + 2) // 4
