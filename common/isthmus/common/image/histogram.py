"""What a histogram of latents counts: beside the bins, the magnitude that latents are clipped to in it."""

from __future__ import annotations

# Latents are clipped to this share of the histogram's half-range, at the edge as in training.
CLIP_SHARE = 0.75


def largest_counted(bins: int) -> int:
    """Magnitude that latents are clipped to in a histogram of so many bins."""
    return int(CLIP_SHARE * bins / 2)
