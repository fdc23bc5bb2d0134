"""Beams without a return in organised clouds, where every beam has its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def without_zeros(points: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Points ``[P, 3]`` of an organised cloud, changed in place: those at 0 0 0 are NaN, as many sensors mean by it.

    One alone may well be a point, and stays.
    """
    lost = ~points.any(1)
    if lost.sum() > 1:
        points[lost] = np.nan
    return points
