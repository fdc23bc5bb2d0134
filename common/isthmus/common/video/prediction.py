"""What a frame's latents are predicted as: those of another, moved by its motion. Part of BITSTREAM.md §9."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from isthmus.common.errors import InputError
from isthmus.common.video.frames import Moved
from isthmus.common.video.manifest import VideoManifest
from isthmus.common.video.motion_field import BlockMode, MotionField, block_grid, phases, spread
from isthmus.common.video.planes import planes_laid, planes_taken
from isthmus.common.video.state import LatentState
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


def moved_state(manifest: VideoManifest, reference: LatentState, field: MotionField) -> Moved:
    """What motion makes of a state.

    Raises:
        InputError: a state of other channels, or a field whose blocks are not those of its latents.
    """
    _, height, width = latents_of(manifest, reference)
    grid = block_grid(height, width, manifest.block_latents)
    if field.modes.shape != grid:
        raise InputError(f"motion field: expected blocks {grid}, got {field.modes.shape}")
    values = moved(manifest, reference.values, field)
    values.flags.writeable = False
    return Moved(reference.serial, field, values)


def latents_of(manifest: VideoManifest, reference: LatentState) -> tuple[int, int, int]:
    """Channels, rows and columns of a state's latents. InputError if the codec has other channels."""
    channels, height, width = reference.values.shape
    if channels != manifest.latent_channels:
        raise InputError(f"reference: expected {manifest.latent_channels} channels, got {channels}")
    return channels, height, width


def without_intra(manifest: VideoManifest, made: Int32, modes: Int32) -> Int32:
    """What motion made, `[M, h, w]`, with 0 in the blocks that modes `[bh, bw]` call intra: in place."""
    is_intra = modes == BlockMode.INTRA
    if is_intra.any():
        made[:, spread(is_intra, made.shape[1], made.shape[2], manifest.block_latents)] = 0
    return made
