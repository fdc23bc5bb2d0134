"""Signals: what an edge takes in, before any network has seen it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError

MAX_SIDE = 65_535  # of an image, in pixels
MAX_PIXELS = 1 << 26  # of an image
MAX_COORDINATE = 1e15  # squares and their sums stay far from the largest float32 (3.4e38)
# A cloud that lies farther from the origin than so many times its extent loses too much of its shape in float32, which
# has 24 bits: here 18 of them are left.
FAR_FROM_ORIGIN = 64


@dataclass(frozen=True, slots=True, eq=False)
class PointCloud:
    """Points of one object or scan.

    Coordinates of more digits than float32 has (float64, long integers) that lie far from the origin, as those of maps
    do, are moved to about it before they are cast: their shape counts, and their place is kept in `origin`.

    Attributes:
        points: float32 [P, 3], P >= 1, columns x y z, in any length unit. A read-only C-contiguous copy of what was
            given, so a cloud never changes after its checks.
        origin: where the points' zero lies; (0, 0, 0) unless they had to be moved.
        left_out_count: points that a sensor or file had besides these, without a place (see `of`).
        notes: what is to be said of how it was read, a sentence each.

    Raises:
        InputError: not [P, 3], no points, not real numbers, or a coordinate that is NaN, infinite or beyond 1e15.
    """

    points: npt.NDArray[np.float32]
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    left_out_count: int = 0
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        points, moved = _checked_copy(self.points)
        x, y, z = (float(there + by) for there, by in zip(self.origin, moved, strict=True))
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "origin", (x, y, z))

    @classmethod
    def of(cls, points: npt.ArrayLike, notes: tuple[str, ...] = ()) -> PointCloud:
        """As a sensor gives it: beams without a return (NaN or infinite coordinates) are left out and counted.

        Args:
            points: [P, 3], of any real type.
            notes: what is to be said of how they were read.

        Raises:
            InputError: as the class; also where no point is left.
        """
        given = _real_rows(points)
        if given.dtype.kind != "f":
            return cls(given, notes=notes)
        returned = np.isfinite(given).all(1)
        count = int(returned.sum())
        if count == len(given):
            return cls(given, notes=notes)
        if not count:
            raise InputError(f"point cloud: expected points, got {len(given)} without a finite place (NaN or infinite)")
        left_out = len(given) - count
        said = f"{left_out} of {len(given)} points without a finite place (NaN or infinite) left out"
        return cls(given[returned], left_out_count=left_out, notes=(*notes, said))

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


def _real_rows(points: npt.ArrayLike) -> npt.NDArray[Any]:
    """Points as an array [P, 3] of real numbers, P >= 1."""
    try:
        given = np.asarray(points)
    except ValueError as error:  # a ragged list of rows
        raise InputError(
            f"point cloud: expected an array [points, 3], got rows of different lengths: {error}"
        ) from error
    if given.dtype.kind not in "fiu":
        raise InputError(f"point cloud: expected real numbers, got elements of type {given.dtype}")
    if given.ndim != 2 or given.shape[1] != 3:
        raise InputError(
            f"point cloud: expected an array [points, 3], got shape {list(given.shape)}{_next_step(given.shape)}"
        )
    if len(given) == 0:
        raise InputError("point cloud: expected at least one point, got none")
    return given


def _next_step(shape: tuple[int, ...]) -> str:
    match shape:
        case (3, _):
            return "; transpose it: points.T"
        case (_, columns) if columns > 3:
            return "; take the columns x y z: points[:, :3]"
        case (_, *_, 3) if len(shape) > 2:
            return "; one cloud at a time, or one whole organised cloud: points.reshape(-1, 3)"
    return ""


def _checked_copy(points: npt.ArrayLike) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """The points in float32, and what was subtracted from them [3]."""
    given = _real_rows(points)
    moved = np.zeros(3)
    if given.dtype.itemsize > 2 and given.dtype != np.float32:
        moved = middle_if_far(given)
    with np.errstate(over="ignore"):  # a float64 beyond float32 turns infinite and is named below
        if moved.any():
            copy = np.array(given - moved, dtype=np.float32, order="C")
        else:
            copy = np.array(given, dtype=np.float32, order="C", copy=True)
    # One pass for the usual case: a NaN or infinity makes this comparison false as well.
    if not np.abs(copy).max() <= MAX_COORDINATE:
        row, column = np.argwhere(~(np.abs(copy) <= MAX_COORDINATE))[0]
        value = given[row, column]
        step = "" if np.isfinite(value) else "; PointCloud.of leaves such points out"
        raise InputError(
            f"point cloud: expected finite coordinates up to {MAX_COORDINATE:g}, "
            f"got {value} in point {row}, column {'xyz'[column]}{step}"
        )
    copy.flags.writeable = False
    return copy, moved


def middle_if_far(given: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """The middle [3] of points [P, 3] that float32 would not tell apart as they lie; zeros for all others."""
    low, high = given.min(0).astype(np.float64), given.max(0).astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore"):
        reach, extent = max(abs(low).max(), abs(high).max()), (high - low).max()
        is_far = 0 < FAR_FROM_ORIGIN * extent < reach <= MAX_COORDINATE  # false of NaN
    if not is_far:
        return np.zeros(3)
    if (given.astype(np.float32) == given).all():
        return np.zeros(3)
    middle: npt.NDArray[np.float64] = low + (high - low) / 2
    return middle
