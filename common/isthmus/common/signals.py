"""Signals: what an edge takes in, before any network has seen it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError

MAX_SIDE = 65_535  # of an image, in pixels
MAX_PIXELS = 1 << 26  # of an image
MAX_COORDINATE = 1e15  # squares and their sums stay far from the largest float32 (3.4e38)


@dataclass(frozen=True, slots=True, eq=False)
class PointCloud:
    """Points of one object or scan.

    Attributes:
        points: float32 [P, 3], P >= 1, columns x y z, in any length unit. A read-only C-contiguous copy of what was
            given, so a cloud never changes after its checks.

    Raises:
        InputError: not [P, 3], no points, not real numbers, or a coordinate that is NaN, infinite or beyond 1e15.
    """

    points: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", _checked_copy(self.points))

    def __len__(self) -> int:
        return len(self.points)


@dataclass(frozen=True, slots=True, eq=False)
class Image:
    """A picture as an edge takes it in: upright, sRGB, opaque.

    Attributes:
        pixels: uint8 [height, width, 3], sRGB. A read-only C-contiguous copy of what was given.
        notes: what is to be said of how it was read, a sentence each.

    Raises:
        InputError: not uint8 [height, width, 3], a side of 0 or over 65535, or over 2^26 pixels.
    """

    pixels: npt.NDArray[np.uint8]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        given = np.asarray(self.pixels)
        if given.dtype != np.uint8 or given.ndim != 3 or given.shape[2] != 3:
            raise InputError(
                f"image: expected uint8 pixels [height, width, 3], got {given.dtype} of shape {list(given.shape)}"
            )
        height, width = given.shape[:2]
        if not (1 <= height <= MAX_SIDE and 1 <= width <= MAX_SIDE and height * width <= MAX_PIXELS):
            raise InputError(
                f"image: expected sides of 1 to {MAX_SIDE} and {MAX_PIXELS} pixels at most, got {height} x {width}"
            )
        copy = np.array(given, order="C", copy=True)
        copy.flags.writeable = False
        object.__setattr__(self, "pixels", copy)

    @property
    def height(self) -> int:
        """Rows of pixels."""
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        """Columns of pixels."""
        return int(self.pixels.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class VideoFrame:
    """One picture of a video.

    Attributes:
        image: as it is shown.
        index: of the frame in its video, from 0 on; it grows from frame to frame.

    Raises:
        InputError: a negative index.
    """

    image: Image
    index: int

    def __post_init__(self) -> None:
        if self.index < 0:
            raise InputError(f"video frame: expected an index from 0 on, got {self.index}")


def _checked_copy(points: npt.ArrayLike) -> npt.NDArray[np.float32]:
    try:
        given = np.asarray(points)
    except ValueError as error:  # a ragged list of rows
        raise InputError(
            f"point cloud: expected an array [points, 3], got rows of different lengths: {error}"
        ) from error
    if given.dtype.kind not in "fiu":
        raise InputError(f"point cloud: expected real numbers, got elements of type {given.dtype}")
    if given.ndim != 2 or given.shape[1] != 3:
        raise InputError(f"point cloud: expected an array [points, 3], got shape {list(given.shape)}")
    if len(given) == 0:
        raise InputError("point cloud: expected at least one point, got none")
    with np.errstate(over="ignore"):  # a float64 beyond float32 turns infinite and is named below
        copy = np.array(given, dtype=np.float32, order="C", copy=True)
    # One pass for the usual case: a NaN or infinity makes this comparison false as well.
    if not np.abs(copy).max() <= MAX_COORDINATE:
        row, column = np.argwhere(~(np.abs(copy) <= MAX_COORDINATE))[0]
        raise InputError(
            f"point cloud: expected finite coordinates up to {MAX_COORDINATE:g}, "
            f"got {given[row, column]} in point {row}, column {'xyz'[column]}"
        )
    copy.flags.writeable = False
    return copy
