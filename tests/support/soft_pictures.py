"""Soft shapes: pictures that have edges and move well."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import PIL.Image

UInt8 = npt.NDArray[np.uint8]


def soft_pictures(count: int, height: int = 64, width: int = 96) -> list[UInt8]:
    """Of shape ``[height, width, 3]``, each of its own."""
    made = []
    for seed in range(count):
        coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        smooth = PIL.Image.fromarray(coarse).resize((width, height), PIL.Image.Resampling.BICUBIC)
        made.append(np.asarray(smooth))
    return made
