"""Moving latents by fractions of a latent, in integers alone: edge and cloud get the same numbers to the bit.

Every latent is a weighted sum of the 4 x 4 around the place it comes from: Catmull-Rom's cubic at 64 phases a latent,
with weights out of 128. Beyond its border the grid repeats. Latents are *fine*, in 1/16 of a step of the quantiser, so
that a warp of a warp of a warp loses little. No sum leaves int32. Implements BITSTREAM.md §9.3.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FINE_BITS = 4
"""A step is 2^4 fine units."""
PHASE_BITS = 6
WEIGHT_BITS = 7
TAPS = 4
CHUNK_CELLS = 1 << 16
"""Latents warped at once: they stay in the cache, and memory stays bounded."""

Int32 = NDArray[np.int32]


def tap_weights() -> Int32:
    """Weights of the four taps at each phase, int32 `[64, 4]`, out of 128.

    With t = phase / 64 the cubic's weights are (-t^3 + 2t^2 - t) / 2, ..., (-3t^3 + 4t^2 + t) / 2 and (t^3 - t^2) / 2,
    here as exact numerators over 2^19, each rounded to 1/128; the second takes what the others leave.
    """
    k = np.arange(1 << PHASE_BITS, dtype=np.int64)
    numerators = (-(k**3) + 128 * k**2 - 4096 * k, -3 * k**3 + 256 * k**2 + 4096 * k, k**3 - 64 * k**2)
    first, third, fourth = ((n + (1 << 11)) >> 12 for n in numerators)
    return np.stack([first, (1 << WEIGHT_BITS) - first - third - fourth, third, fourth], 1).astype(np.int32)


_WEIGHTS = tap_weights()


def warp(state: Int32, phases: Int32, low: int, high: int) -> Int32:
    """The latents that come from the places `p + phases[p] / 64` of a state.

    Args:
        state: fine latents int32 `[M, h, w]`, within -4096..4096.
        phases: int32 `[h, w, 2]`, down and right.
        low, high: what the result is clipped to.

    Returns:
        int32 `[M, h, w]`.
    """
    channels, height, width = state.shape
    # A latent's channels lie side by side, so that a gather copies rows.
    rows = np.ascontiguousarray(state.reshape(channels, -1).T)
    vectors = phases.reshape(-1, 2)
    out = np.empty_like(rows)
    step = max(1, CHUNK_CELLS // channels)
    for start in range(0, len(rows), step):
        total = out[start : start + step]
        row, column = np.divmod(np.arange(start, start + len(total)), width)
        down_at, down = _taps(vectors[start : start + step, 0], row, height)
        right_at, right = _taps(vectors[start : start + step, 1], column, width)
        total[:] = 1 << (2 * WEIGHT_BITS - 1)
        part = np.empty_like(total)
        for i in range(TAPS):
            for j in range(TAPS):
                np.take(rows, down_at[i] * width + right_at[j], axis=0, out=part, mode="clip")
                part *= (down[i] * right[j])[:, None]
                total += part
    out >>= 2 * WEIGHT_BITS
    np.clip(out, low, high, out=out)
    return np.ascontiguousarray(out.T).reshape(state.shape)


def _taps(phases: Int32, places: NDArray[np.int64], count: int) -> tuple[NDArray[np.int64], Int32]:
    """Along one axis, for each latent: where its four taps are, int64 `[4, n]`, and their weights, int32 `[4, n]`."""
    first = places + (phases >> PHASE_BITS) - 1
    at = np.stack([first + tap for tap in range(TAPS)]).clip(0, count - 1)
    return at, np.ascontiguousarray(_WEIGHTS[phases & ((1 << PHASE_BITS) - 1)].T)
