"""How large a frame's grid of latents may be. Part of BITSTREAM.md §10."""

from __future__ import annotations

from isthmus.common.video.motion_field import block_grid

MAX_BLOCKS = 1 << 16
"""Most motion blocks of a frame."""
MAX_PLACES = 1 << 20
"""Most latents of a frame in one channel, h * w."""


def excess(height: int, width: int, block_latents: int) -> str:
    """How a grid is too large; empty if it is not."""
    if height * width > MAX_PLACES:
        return f"expected at most {MAX_PLACES} latents in a channel, got {height} x {width}"
    down, right = block_grid(height, width, block_latents)
    return f"expected at most {MAX_BLOCKS} motion blocks, got {down} x {right}" * (down * right > MAX_BLOCKS)
