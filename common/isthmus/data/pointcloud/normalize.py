"""From a cloud in metres to what a network takes: fixed count, mean-centred, unit ball, one row a coordinate.

Theory of operation. `normalize` runs on the edge for every signal, so it is written for few passes over small
arrays. The first point is subtracted *before* the mean, in the pass that transposes: clouds far from the origin
(map coordinates, say) keep their digits, and a cloud of equal points becomes exact zeros instead of the
rounding error of a mean, blown up to the unit ball.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]

_MIX_ADD, _MIX_1, _MIX_2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def normalize(points: Float32) -> Float32:
    """Centre on the mean and scale into the unit ball.

    Args:
        points: float32 [P, 3], finite, P >= 1 (`PointCloud.points` is; this fast path does not check again).

    Returns:
        float32 [3, P], C-contiguous: mean zero, largest norm one. All zeros where all points are equal, or lie
        within 1e-18 of each other (their squares vanish in float32).
    """
    count = len(points)
    out = np.empty((3, count), np.float32)
    np.subtract(points.T, points[0, :, None], out=out)
    out -= out.dot(_mean_weights(count))[:, None]
    radius_squared = np.einsum("ij,ij->j", out, out).max()
    if radius_squared > 1e-36:
        out *= np.float32(1.0) / np.sqrt(radius_squared)
    else:
        out.fill(0.0)
    return out


@lru_cache(maxsize=16)
def _mean_weights(count: int) -> Float32:
    """Column of 1/P: a matrix product takes the mean several times faster than a reduction over a short axis."""
    weights = np.full(count, 1.0 / count, np.float32)
    weights.flags.writeable = False
    return weights


def choose_points(points: Float32, count: int, seed: int) -> Float32:
    """Subsample without replacement, the same on every machine and NumPy version.

    Row i gets the key splitmix64(seed, i) and the `count` smallest keys win, in file order; so what is chosen
    for a smaller count is part of what is chosen for a larger one.

    Args:
        points: float32 [P, 3].
        count: points wanted, at least 1. Where P <= count all points are kept as they are: none is repeated.
        seed: any integer.

    Returns:
        float32 [min(P, count), 3].
    """
    if count < 1:
        raise ValueError(f"choose_points: expected a count of at least 1, got {count}")
    if len(points) <= count:
        return points
    keys = _splitmix64(len(points), seed)
    return points[np.sort(np.argpartition(keys, count - 1)[:count])]


def _splitmix64(count: int, seed: int) -> npt.NDArray[np.uint64]:
    """splitmix64 outputs (Steele, Lea, Flood 2014), [count]: a bijection of the counter, so all differ."""
    start = (seed * _MIX_2 + _MIX_ADD) % 2**64
    x = np.arange(count, dtype=np.uint64) * np.uint64(_MIX_ADD) + np.uint64(start)  # wraps, as the generator does
    x = (x ^ (x >> np.uint64(30))) * np.uint64(_MIX_1)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(_MIX_2)
    out: npt.NDArray[np.uint64] = x ^ (x >> np.uint64(31))
    return out
