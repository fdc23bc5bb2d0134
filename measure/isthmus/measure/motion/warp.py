"""Latents warped by an affine map of the picture, as one sparse matrix over their places.

The latent at index i of a tensor of stride s looks at pixel ``offset + s i``. So the map of pixels ``p -> c + M (p - c)
+ t`` is, between indices, ``i -> (c + M (offset + s i - c) + t - offset) / s``: the same matrix, the shift divided by
the stride, and a centre that is the picture's, not the tensor's. The two centres are up to a few pixels apart where
convolutions do not pad or pools round up; under rotation and scale that counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from isthmus.measure.motion.maps import FRAME_SIDE, AffineMap

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

RIM = 2
"""Latents along the border that the inner error leaves out, of the reference and of the frame."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """An interpolation: `weigh` gives the weight of a sample at a distance, `taps` samples a side count."""

    name: str
    taps: int
    weigh: Callable[[Float64], Float64]


def _cubic(b: float, c: float) -> Callable[[Float64], Float64]:
    """D. Mitchell and A. Netravali's cubics, 1988."""

    def weigh(distance: Float64) -> Float64:
        d = np.abs(distance)
        near = (12 - 9 * b - 6 * c) * d**3 + (-18 + 12 * b + 6 * c) * d**2 + (6 - 2 * b)
        far = (-b - 6 * c) * d**3 + (6 * b + 30 * c) * d**2 + (-12 * b - 48 * c) * d + (8 * b + 24 * c)
        weights: Float64 = np.where(d < 1, near, np.where(d < 2, far, 0.0)) / 6
        return weights

    return weigh


def _nearest(distance: Float64) -> Float64:
    return np.ones_like(distance)


def _linear(distance: Float64) -> Float64:
    return (1 - np.abs(distance)).clip(0.0)


def _lanczos(distance: Float64) -> Float64:
    weights: Float64 = np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0.0)
    return weights


KERNELS: Mapping[str, Kernel] = MappingProxyType(
    {
        kernel.name: kernel
        for kernel in (
            Kernel("nearest", 1, _nearest),
            Kernel("bilinear", 2, _linear),
            Kernel("bicubic", 4, _cubic(0.0, 0.5)),  # Catmull and Rom's: what our codec's integer warp rounds
            Kernel("bicubic_sharp", 4, _cubic(0.0, 0.75)),  # OpenCV's and torch's
            Kernel("mitchell", 4, _cubic(1 / 3, 1 / 3)),
            Kernel("bspline", 4, _cubic(1.0, 0.0)),  # without a prefilter: a low pass
            Kernel("lanczos", 6, _lanczos),
        )
    }
)


@dataclass(frozen=True, slots=True)
class Tap:
    """A tensor of a network.

    Attributes:
        name: its own.
        stride: pixels from one of its places to the next.
        offset: the pixel that place 0 looks at the middle of.
    """

    name: str
    stride: int
    offset: float


@dataclass(frozen=True, slots=True, eq=False)
class Places:
    """The places of a frame's tensor whose source lies inside the reference's.

    Attributes:
        rows: int64 [R], their indices, row by row.
        x, y: float64 [R], where in the reference's tensor each comes from.
        is_inner: bool [R], neither it nor its source within `RIM` of a border.
    """

    rows: Int64
    x: Float64
    y: Float64
    is_inner: Bool


def moved_places(tap: Tap, side: tuple[int, int], motion: AffineMap, *, about_tensor: bool = False) -> Places:
    """Where the latents of a frame come from.

    Args:
        side: (height, width) of the tensor.
        about_tensor: turn about the tensor's own centre, as the thesis words it, and not about the picture's.
    """
    height, width = side
    i, j = (grid.reshape(-1).astype(np.float64) for grid in np.mgrid[:height, :width])
    if about_tensor:
        centre = ((width - 1) / 2, (height - 1) / 2)
        scaled = AffineMap(motion.matrix, (motion.shift[0] / tap.stride, motion.shift[1] / tap.stride))
        x, y = scaled.source(j, i, centre)
    else:
        middle = (FRAME_SIDE - 1) / 2
        x, y = motion.source(tap.offset + tap.stride * j, tap.offset + tap.stride * i, (middle, middle))
        x, y = (x - tap.offset) / tap.stride, (y - tap.offset) / tap.stride
    # A source on the border itself is inside, whatever the last bit of the sum says.
    inside = (x > -1e-9) & (x < width - 1 + 1e-9) & (y > -1e-9) & (y < height - 1 + 1e-9)
    rows = np.flatnonzero(inside)
    x, y, i, j = x[rows], y[rows], i[rows], j[rows]
    inner = np.ones(len(rows), np.bool_)
    for place, length in ((x, width), (j, width), (y, height), (i, height)):
        inner &= (place >= RIM) & (place <= length - 1 - RIM)
    return Places(rows, x, y, inner)


def warp_matrix(x: Float64, y: Float64, side: tuple[int, int], kernel: Kernel) -> Any:
    """Sparse float32 [R, height * width]: row r interpolates at (x_r, y_r); beyond the border it repeats."""
    columns, across = _taps(x, side[1], kernel)
    lines, down = _taps(y, side[0], kernel)
    index = lines[:, :, None] * side[1] + columns[:, None, :]
    weights = down[:, :, None] * across[:, None, :]
    return _sparse(index, weights, side[0] * side[1])


def dense_warp_matrix(x: Float64, y: Float64, side: tuple[int, int], stride: int, kernel: Kernel) -> Any:
    """The same over a tensor known at every pixel: ``[R, stride^2 * height * width]``.

    Columns are ordered by phase (down, then right), then by place: what a network gives on the picture cropped a
    little further down or right, stride x stride times. `x` and `y` are in places as before.
    """
    columns, across = _taps(x * stride, side[1] * stride, kernel)
    lines, down = _taps(y * stride, side[0] * stride, kernel)
    phase = (lines % stride * stride)[:, :, None] + (columns % stride)[:, None, :]
    place = (lines // stride * side[1])[:, :, None] + (columns // stride)[:, None, :]
    index = phase * (side[0] * side[1]) + place
    weights = down[:, :, None] * across[:, None, :]
    return _sparse(index, weights, stride**2 * side[0] * side[1])


def _taps(at: Float64, length: int, kernel: Kernel) -> tuple[Int64, Float64]:
    """(indices, weights), both [R, taps], of samples around each place."""
    at = np.round(at, 9)  # a whole shift stays whole
    first = np.floor(at + 0.5) if kernel.taps == 1 else np.floor(at) - (kernel.taps // 2 - 1)
    index = first[:, None] + np.arange(kernel.taps)
    weights = kernel.weigh(at[:, None] - index)
    weights = weights / weights.sum(1, keepdims=True)
    return index.clip(0, length - 1).astype(np.int64), weights


def _sparse(index: Int64, weights: Float64, columns: int) -> Any:
    """Float32 ``[R, columns]`` of entries ``[R, down, across]``; R may be 0, where no place has its source inside."""
    from scipy.sparse import csr_array

    rows, taps = len(index), math.prod(index.shape[1:])
    starts = np.arange(rows + 1, dtype=np.int32) * taps
    return csr_array(
        (weights.astype(np.float32).reshape(-1), index.astype(np.int32).reshape(-1), starts), shape=(rows, columns)
    )


def root(value: float) -> float:
    """Square root of what rounding may have left just below zero."""
    return math.sqrt(max(value, 0.0))
