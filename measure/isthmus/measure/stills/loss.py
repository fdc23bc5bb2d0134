"""Accuracy lost, smoothed: by how far answers move rather than by which images change sides.

Of 500 images a point of top-1 is five, so single readings below a point mean nothing. The divergence of the answers
from the whole network's (Kullback-Leibler, nats) is a mean over all images, and over codecs, steps and formats the
points lost follow it:

    loss = c * KL^1.5        c fitted on all points of the measurement
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Float64 = npt.NDArray[np.float64]

POWER = 1.5
MOST_NATS = 0.5
"""Of points that the factor is fitted on: beyond, the law bends."""
DRAWS = 400
LEAST_NATS = 1e-6


def loss_factor(nats: Sequence[float], lost_points: Sequence[float]) -> float:
    """c of the law, by least squares over points of up to `MOST_NATS`; nan without any."""
    x = np.array(nats) ** POWER
    inside = np.array(nats) <= MOST_NATS
    weight = float(np.square(x[inside]).sum())
    return float((x[inside] * np.array(lost_points)[inside]).sum() / weight) if weight else float("nan")


def bits_at_loss(bits: Sequence[Float64], nats: Sequence[Float64], factor: float, lost_points: float) -> float:
    """Mean bits at which so many points are lost, smoothed; nan where no two points enclose them.

    Args:
        bits: of each image, float64 ``[images]``, of every point of a curve.
        nats: of each image, the same.
        factor: of the law.
        lost_points: of top-1.
    """
    wanted = (lost_points / factor) ** (1 / POWER) if factor > 0 else float("nan")
    curve = sorted((max(float(n.mean()), LEAST_NATS), float(b.mean())) for b, n in zip(bits, nats, strict=True))
    x, y = (np.log([point[k] for point in curve]) for k in (0, 1))
    if not np.isfinite(wanted) or not x[0] <= np.log(wanted) <= x[-1]:
        return float("nan")
    return float(np.exp(np.interp(np.log(wanted), x, y)))


def standard_error(find: Callable[[npt.NDArray[np.int64]], float], images: int, seed: int = 0) -> float:
    """Deviation of what is found on drawn images ``[images]``, with replacement; nan where it is not on most draws."""
    generator = np.random.default_rng(seed)
    found = np.array([find(generator.integers(0, images, images)) for _ in range(DRAWS)])
    known = found[np.isfinite(found)]
    return float(known.std()) if len(known) > DRAWS // 2 else float("nan")
