"""A decoded frame as a player shows it: upright, its pixels square, its colours those that its tags mean.

What a player does, and where this differs:

- The display matrix of MP4, MOV and MKV (and of H.264 and H.265 themselves) turns a frame by quarters, mirrors it, or
  both; other angles are taken as the nearest of these eight.
- Pixels that are not square: the shorter side of a pixel is stretched, so that none is thrown away.
- YUV without a matrix is BT.709 from 1280 columns or 577 lines on, and BT.601 below, as players take it; FFmpeg itself
  always takes BT.601. What is tagged is taken by its tag, the range of its values (limited or full) too.
- Interlaced frames are not woven apart, and brightness of HDR (PQ, HLG) is not mapped.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from av import VideoFrame as AvFrame

UInt8 = npt.NDArray[np.uint8]

MATRIX_BYTES = 36
UNTAGGED = 2
"""What FFmpeg calls a matrix of colours that nobody has named."""
HD_WIDTH, HD_HEIGHT = 1280, 577
MAX_PIXEL_ASPECT = 16
"""Of pixels; what says more is damaged, and is taken for square."""


def shown_pixels(frame: AvFrame, pixel_aspect: Fraction | None, size: tuple[int, int] | None) -> UInt8:
    """A frame as a player shows it.

    Args:
        frame: as decoded.
        pixel_aspect: width of a pixel over its height; None where nobody says.
        size: height and width that it is to have; None for its own.

    Returns:
        uint8 ``[height, width, 3]``, sRGB.
    """
    from av.video.reformatter import Colorspace, Interpolation

    is_on_side, flips_down, flips_right = orientation(frame)
    height, width = size or shown_size(frame.height, frame.width, pixel_aspect)
    if is_on_side and size is not None:
        height, width = width, height
    is_enlarged = height > frame.height or width > frame.width
    is_untagged_hd = frame.colorspace == UNTAGGED and (frame.width >= HD_WIDTH or frame.height >= HD_HEIGHT)
    pixels = frame.reformat(
        width,
        height,
        "rgb24",
        src_colorspace=Colorspace.ITU709 if is_untagged_hd and not frame.format.is_rgb else None,
        interpolation=Interpolation.BICUBIC if is_enlarged else Interpolation.AREA,
    ).to_ndarray()
    if is_on_side:
        pixels = pixels.transpose(1, 0, 2)
    pixels = pixels[:: -1 if flips_down else 1, :: -1 if flips_right else 1]
    return np.ascontiguousarray(pixels, np.uint8)


def is_as_coded(frame: AvFrame, pixels: UInt8) -> bool:
    """Whether motion vectors of the frame hold for what is shown of it.

    Args:
        frame: as decoded.
        pixels: of it as shown, uint8 ``[height, width, 3]``.
    """
    return orientation(frame) == (False, False, False) and pixels.shape[:2] == (frame.height, frame.width)


def shown_size(height: int, width: int, pixel_aspect: Fraction | None) -> tuple[int, int]:
    """Height and width in square pixels."""
    if not pixel_aspect or not Fraction(1, MAX_PIXEL_ASPECT) <= pixel_aspect <= MAX_PIXEL_ASPECT:
        return height, width
    if pixel_aspect >= 1:
        return height, round(width * pixel_aspect)
    return round(height / pixel_aspect), width


def orientation(frame: AvFrame) -> tuple[bool, bool, bool]:
    """Whether rows and columns change places, and whether rows, and then columns, are shown backwards.

    The matrix ``(a b, c d)`` puts what is at ``(right, down)`` to ``(a right + c down, b right + d down)``.
    """
    from av.sidedata.sidedata import SideData

    matrix = frame.side_data.get("DISPLAYMATRIX")
    if not isinstance(matrix, SideData) or matrix.buffer_size < MATRIX_BYTES:
        return False, False, False
    a, b, _, c, d, *_ = np.frombuffer(bytes(matrix)[:MATRIX_BYTES], np.int32).astype(np.int64).tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return False, d < 0, a < 0
    return True, b < 0, c < 0
