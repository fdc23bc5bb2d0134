"""A network's latents as the coder of videos takes them: integers in 1/16 of a unit, within the codec's symbols."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.step import UNIT_STEP


def fine_latents(manifest: VideoManifest, y: NDArray[np.float32]) -> NDArray[np.int32]:
    """y in units, float32 `[M, h, w]`, as int32 `[M, h, w]`; of a codec without tiles rounded to whole units."""
    rounding = UNIT_STEP if manifest.tile_latents else 1
    low, high = rounding * manifest.symbol_min, rounding * manifest.symbol_max
    values: NDArray[np.int32] = np.clip(np.rint(y * np.float32(rounding)), low, high).astype(np.int32)
    values *= UNIT_STEP // rounding
    return values
