"""Histograms of an image's latents: what `h_a,q` sees of them.

`_histogram.c` does the same in C, and is used where it was built; `shares_reference` is the specification.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isthmus.common.errors import InputError

try:
    from isthmus.common.image import _histogram

    compiled = _histogram
except ImportError:  # built without a C compiler
    compiled = None  # type: ignore[assignment, unused-ignore]

# Latents are clipped to this share of the histogram's half-range, at the edge as in training.
CLIP_SHARE = 0.75

Int32 = NDArray[np.int32]
Float32 = NDArray[np.float32]


def largest_counted(bins: int) -> int:
    """Magnitude that latents are clipped to in a histogram of so many bins."""
    return int(CLIP_SHARE * bins / 2)


def shares(y: Int32, bins: int) -> Float32:
    """Share of each value in each channel.

    Args:
        y: latents int32 `[M, h, w]`.
        bins: B, an even number; bin i counts the value i - B / 2, the outermost ones what is clipped to them.

    Returns:
        float32 `[M, B]`, each row of a sum of 1.

    Raises:
        InputError: no latents, or bins that cannot count them.
    """
    if y.ndim != 3 or not y.size or bins < 2 or bins % 2:
        raise InputError(f"expected latents [M, h, w] and an even number of bins, got {list(y.shape)} and {bins} bins")
    if compiled is None:
        return shares_reference(y, bins)
    whole = np.ascontiguousarray(y, np.int32)
    return np.frombuffer(compiled.shares(whole, len(whole), bins, largest_counted(bins)), np.float32).reshape(-1, bins)


def shares_reference(y: Int32, bins: int) -> Float32:
    """The same of latents ``[M, h, w]``, ``[M, bins]``, in NumPy."""
    most = largest_counted(bins)
    counts = [np.bincount((np.clip(channel, -most, most) + bins // 2).ravel(), minlength=bins) for channel in y]
    found: Float32 = (np.stack(counts) / y[0].size).astype(np.float32)
    return found
