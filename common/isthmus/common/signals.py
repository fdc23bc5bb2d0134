"""Signals: what an edge takes in, before any network has seen it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from isthmus.common.errors import InputError

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
