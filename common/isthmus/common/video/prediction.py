"""What a frame's latents are predicted as: those of another, moved by its motion. Part of BITSTREAM.md §9."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.motion_field import BlockMode, MotionField, phases, spread
from isthmus.common.video.planes import planes_laid, planes_taken
from isthmus.common.video.warp import FINE_BITS, warp

Int32 = NDArray[np.int32]


def moved(manifest: VideoManifest, state: Int32, field: MotionField) -> Int32:
    """The latents int32 `[M, h, w]` that motion makes of a state `[M, h, w]`, in 1/16 of a unit, whatever the modes."""
    low, high = manifest.symbol_min << FINE_BITS, manifest.symbol_max << FINE_BITS
    fraction_bits = manifest.motion_fraction_bits
    if not manifest.planes:
        at = phases(field, state.shape[1], state.shape[2], manifest.block_latents, fraction_bits)
        return warp(state, at, low, high)
    found = []
    for plane, values in zip(manifest.planes, planes_taken(manifest.planes, state), strict=True):
        _, rows, columns = values.shape
        at = phases(field, rows, columns, plane.block_latents, fraction_bits - plane.halvings)
        found.append(warp(values, at, low, high))
    return planes_laid(manifest.planes, found)


def predicted(manifest: VideoManifest, state: Int32, field: MotionField) -> Int32:
    """The fine prediction of a frame, int32 `[M, h, w]`, from a state `[M, h, w]`: 0 in blocks that are intra."""
    made = moved(manifest, state, field)
    is_intra = field.modes == BlockMode.INTRA
    if is_intra.any():
        made[:, spread(is_intra, state.shape[1], state.shape[2], manifest.block_latents)] = 0
    return made
