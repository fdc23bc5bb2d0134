"""Affine maps of a picture, and the frame that each makes of it.

The thesis's protocol (§7): a picture of 256 x 256 is warped as a whole, bicubic, and 224 x 224 in its middle are the
frame. Pixel u of the frame shows the picture at ``c + M (u - c) + t``, where c is the middle of both. Beyond its
border, which the thesis says nothing of, the picture is reflected.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

UInt8 = npt.NDArray[np.uint8]
Float64 = npt.NDArray[np.float64]

PICTURE_SIDE = 256
FRAME_SIDE = 224
MAX_SHIFT_PX = 32.0
SCALES = (0.95, 1.05)
MAX_SHEAR_DEG = 5.0
MAX_ROTATION_DEG = 10.0
_REFLECTED_PX = 120  # more than any map below reaches outside


@dataclass(frozen=True, slots=True)
class AffineMap:
    """Where a frame's pixels come from.

    Attributes:
        matrix: M, by rows, of (x, y), x to the right and y down.
        shift: t in pixels, (x, y).
    """

    matrix: tuple[tuple[float, float], tuple[float, float]] = ((1.0, 0.0), (0.0, 1.0))
    shift: tuple[float, float] = (0.0, 0.0)

    @classmethod
    def of(
        cls,
        *,
        rotation_deg: float = 0.0,
        scale: tuple[float, float] = (1.0, 1.0),
        shear_deg: float = 0.0,
        shift: tuple[float, float] = (0.0, 0.0),
    ) -> AffineMap:
        """The frame shows the picture's content enlarged by `scale`, then sheared along x, rotated, and moved by -t."""
        turn = math.radians(rotation_deg)
        rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
        slant = np.array([[1.0, math.tan(math.radians(shear_deg))], [0.0, 1.0]])
        m = rotation @ slant @ np.diag([1 / scale[0], 1 / scale[1]])
        return cls(((float(m[0, 0]), float(m[0, 1])), (float(m[1, 0]), float(m[1, 1]))), shift)

    def source(self, x: Float64, y: Float64, centre: tuple[float, float]) -> tuple[Float64, Float64]:
        """Where the places x and y, both ``[...]``, come from, in the unit of `centre` (x, y) and the shift."""
        (a, b), (c, d) = self.matrix
        u, v = x - centre[0], y - centre[1]
        return a * u + b * v + centre[0] + self.shift[0], c * u + d * v + centre[1] + self.shift[1]


def random_maps(count: int, seed: int) -> list[AffineMap]:
    """The thesis's random maps: shift, both scales, shear and rotation, each uniform over its range."""
    rng = np.random.default_rng(seed)
    u = rng.uniform(-1, 1, (count, 6))
    low, high = SCALES
    scales = (low + high) / 2 + u[:, :2] * (high - low) / 2
    return [
        AffineMap.of(
            rotation_deg=MAX_ROTATION_DEG * row[2],
            scale=(float(scale[0]), float(scale[1])),
            shear_deg=MAX_SHEAR_DEG * row[3],
            shift=(MAX_SHIFT_PX * row[4], MAX_SHIFT_PX * row[5]),
        )
        for row, scale in zip(u.tolist(), scales, strict=True)
    ]


# The abscissae of the published curves.
SWEEPS: dict[str, tuple[float, ...]] = {
    "translation_px": (-30, -24, -16, -8, -4, -1, 0, 1, 2, 4, 8, 12, 16, 20, 24, 28, 30),
    "rotation_deg": (-10, -7.5, -5, -2.5, -1, 0, 1, 2.5, 5, 7.5, 10),
    "scale_x": (0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.25),
    "shear_x_deg": (-10, -5, -2.5, 0, 2.5, 5, 7.5, 10),
}


def sweep_map(panel: str, x: float) -> AffineMap:
    """The map at one place of a sweep of `SWEEPS`; translation is along x, as scale and shear are."""
    if panel == "translation_px":
        return AffineMap.of(shift=(x, 0.0))
    if panel == "rotation_deg":
        return AffineMap.of(rotation_deg=x)
    if panel == "scale_x":
        return AffineMap.of(scale=(x, 1.0))
    return AffineMap.of(shear_deg=x)


def square_picture(pixels: UInt8) -> UInt8:
    """Any picture ``[height, width, 3]`` as one ``[256, 256, 3]``: the shorter side resized, the middle cropped."""
    height, width = pixels.shape[:2]
    if (height, width) == (PICTURE_SIDE, PICTURE_SIDE):
        return pixels
    left, top = (width - min(height, width)) / 2, (height - min(height, width)) / 2
    box = (left, top, width - left, height - top)
    resized = Image.fromarray(pixels).resize((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.LANCZOS, box)
    return np.asarray(resized)


class Picture:
    """One picture of 256 x 256, ready to be warped."""

    def __init__(self, pixels: UInt8) -> None:
        pad = _REFLECTED_PX
        self._image = Image.fromarray(np.pad(square_picture(pixels), ((pad, pad), (pad, pad), (0, 0)), "reflect"))

    def frame(self, motion: AffineMap, offset: tuple[int, int] = (0, 0)) -> UInt8:
        """The frame under a map, uint8 [224, 224, 3]; with the crop moved by whole pixels (x, y) for `offset`."""
        (a, b), (c, d) = motion.matrix
        # Pillow counts from corners: pixel centres lie at one half. Its bicubic kernel is Catmull and Rom's.
        middle = _REFLECTED_PX + PICTURE_SIDE / 2
        half = FRAME_SIDE / 2
        right = middle + motion.shift[0] + a * (offset[0] - half) + b * (offset[1] - half)
        down = middle + motion.shift[1] + c * (offset[0] - half) + d * (offset[1] - half)
        warped = self._image.transform(
            (FRAME_SIDE, FRAME_SIDE), Image.Transform.AFFINE, (a, b, right, c, d, down), Image.Resampling.BICUBIC
        )
        return np.asarray(warped)
