"""Packed YUV 4:2:2 of cameras, where two pixels share their colour: BT.601 in limited range, as cv_bridge takes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError

UInt8 = npt.NDArray[np.uint8]

UYVY, YUYV = (1, 0), (0, 1)
ORDERS = {"yuv422": UYVY, "uyvy": UYVY, "yuv422_yuy2": YUYV, "yuyv": YUYV}
"""By encoding: which byte of a pixel is light, and which colour."""

BLOCK_PIXELS = 1 << 20

# In 2^20ths: light, and what red, green and blue take of U and V. Sums stay under 2^30.
LIGHT = 1220542
RED_V, GREEN_V, GREEN_U, BLUE_U = 1673527, -852492, -409993, 2116026
BITS = 20


def from_yuv422(samples: npt.NDArray[Any], order: tuple[int, int]) -> UInt8:
    """Red, green and blue ``[height, width, 3]`` of bytes ``[height, width, 2]``. Works on some rows at a time.

    Args:
        samples: of an even number of columns.
        order: a value of `ORDERS`.

    Raises:
        InputError: an odd number of columns.
    """
    height, width, _ = samples.shape
    if width % 2:
        raise InputError(f"expected an even number of columns of YUV 4:2:2, got {width}")
    found = np.empty((height, width, 3), np.uint8)
    step = max(1, BLOCK_PIXELS // width)
    for start in range(0, height, step):
        rows = samples[start : start + step].astype(np.int32)
        light = LIGHT * np.maximum(rows[..., order[0]] - 16, 0) + (1 << BITS - 1)
        u, v = (np.repeat(rows[:, first::2, order[1]] - 128, 2, 1) for first in (0, 1))
        for channel, part in enumerate((RED_V * v, GREEN_V * v + GREEN_U * u, BLUE_U * u)):
            found[start : start + step, :, channel] = np.clip((light + part) >> BITS, 0, 255)
    return found
